"""Any server that speaks OpenAI's protocol (extra ``openai``): vLLM, llama.cpp, a hosted one."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from semi_instruct.generator.errors import MissingExtra, ModelUnusable
from semi_instruct.generator.model import Cost, Finish, Request, Text
from semi_instruct.generator.schemas import without_patterns

LANES = 8
_TRIES = 6
_FIRST_WAIT_S = 0.5
_MAX_WAIT_S = 60.0
_TIMEOUT_S = 300.0
# More than any request uses; what is beyond is a mistake of the server's.
_MAX_TOKENS = 10**9


class OpenAIServer:
    """A model behind a server.

    Attributes:
        cost: what was used so far.

    Args:
        model: its name there.
        url: of the server's API, ``http://127.0.0.1:8000/v1`` for instance.
        lanes: requests at a time.
        per_minute: requests a minute, at most; None for no such limit.
        key: None for the environment's ``OPENAI_API_KEY``.
        sleep: waits so many seconds.

    Raises:
        MissingExtra: openai is not installed.
    """

    def __init__(
        self,
        model: str,
        url: str,
        lanes: int | None = None,
        *,
        per_minute: float | None = None,
        key: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._library = _library()
        self._model = model
        self.name = f"openai:{model}@{url}"
        self.lanes = lanes or LANES
        self.cost = Cost()
        self._lock = threading.Lock()
        self._gap_s = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._sleep = sleep
        given = key or os.environ.get("OPENAI_API_KEY") or "none"
        self._client = self._library.OpenAI(base_url=url, api_key=given, max_retries=0, timeout=_TIMEOUT_S)

    def generate(self, requests: Sequence[Request]) -> list[list[Text]]:
        """See ``generator.model.Model``."""
        with ThreadPoolExecutor(min(self.lanes, max(1, len(requests)))) as threads:
            return list(threads.map(self._answer, requests))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _answer(self, request: Request) -> list[Text]:
        texts: list[Text] = []
        while len(texts) < request.count:
            # Some servers give one text whatever was asked.
            asked = _asked(self._model, request, len(texts))
            texts += self._patiently(asked) or [Text("the server gave no text", Finish.REFUSED)] * int(asked["n"])
        return texts[: request.count]

    def _patiently(self, asked: dict[str, Any]) -> list[Text]:
        """Ask; where the server has too much to do, or fails, wait and ask again."""
        reason = ""
        for attempt in range(_TRIES):
            if attempt:
                with self._lock:
                    self.cost.retries += 1
            self._wait_for_turn()
            try:
                return self._read(self._client.chat.completions.create(**asked), asked["n"])
            except (AttributeError, TypeError, ValueError) as error:
                # The library hands on whatever came, a page of HTML as a string.
                raise ModelUnusable(
                    f"{self.name}: no answer in OpenAI's protocol ({error}): check the address, which often ends in /v1"
                ) from None
            except (self._library.RateLimitError, self._library.InternalServerError) as error:
                reason = str(error)
                self._sleep(_wait_s(attempt, error.response.headers.get("retry-after")))
            except self._library.APIConnectionError as error:
                reason = f"cannot be reached: {error}"
                self._sleep(_wait_s(attempt, None))
            except (self._library.BadRequestError, self._library.UnprocessableEntityError) as error:
                return [Text(str(error), Finish.REFUSED)] * int(asked["n"])
            except self._library.OpenAIError as error:
                raise ModelUnusable(f"{self.name}: {error}: check its name, the address and OPENAI_API_KEY") from None
        raise ModelUnusable(f"{self.name}: gave up after {_TRIES} tries: {reason}")

    def _wait_for_turn(self) -> None:
        if not self._gap_s:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap_s
        self._sleep(max(0.0, turn - now))

    def _read(self, answer: Any, count: int) -> list[Text]:
        choices = sorted(answer.choices or (), key=lambda choice: choice.index)[:count]
        read = _tokens(getattr(answer.usage, "prompt_tokens", None))
        written = _tokens(getattr(answer.usage, "completion_tokens", None))
        with self._lock:
            self.cost.prompt_tokens += read or 0
            self.cost.tokens += written or 0
        each = None if written is None or not choices else written // len(choices)
        return [
            Text(
                _content(choice.message.content),
                Finish.LENGTH if choice.finish_reason == "length" else Finish.STOP,
                each,
            )
            for choice in choices
        ]


def _library() -> Any:
    try:
        import openai
    except ImportError as error:
        raise MissingExtra("openai:MODEL@URL", "openai") from error
    return openai


def _asked(model: str, request: Request, before: int) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "n": request.count - before,
        "seed": (request.seed + before) % 2**31,
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
        "max_tokens": request.sampling.max_tokens,
    }
    if request.schema is not None:
        named = {"name": "answer", "schema": without_patterns(request.schema)}
        asked["response_format"] = {"type": "json_schema", "json_schema": named}
    return asked


def _tokens(said: Any) -> int | None:
    """A number of tokens, if it can be one."""
    return said if type(said) is int and 0 <= said <= _MAX_TOKENS else None


def _content(said: Any) -> str:
    """What was written; some servers send it in parts.

    Raises:
        TypeError: it is no text.
    """
    if isinstance(said, list):
        return "".join(_content(part.get("text")) for part in said)
    if said is not None and not isinstance(said, str):
        raise TypeError(f"content: {type(said).__name__}, not text")
    return said or ""


def _wait_s(attempt: int, said: str | None) -> float:
    """Seconds to wait: what the server says, else twice as long each time, less a little by chance."""
    try:
        if said is not None:
            return min(_MAX_WAIT_S, max(0.0, float(said)))
    except ValueError:
        pass  # it may be a date, or anything: then the time is ours to choose
    longest = min(_MAX_WAIT_S, _FIRST_WAIT_S * (1 << attempt))
    return longest * (0.5 + random.random() / 2)  # noqa: S311  nothing secret is drawn
