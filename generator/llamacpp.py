"""A GGUF file run on the CPU by llama.cpp, without torch (extra ``llamacpp``)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from semi_instruct.generator.errors import MissingExtra, ModelUnusable
from semi_instruct.generator.model import Finish, Request, Text

# Texts of a request that are written at once. They share the work on the weights: eight take some two times as long
# as one. A batch holds the texts of one request and nothing else, so what else is asked changes no digit of it.
TOGETHER = 8
# Tokens that the prompt and the texts of a request may have in all.
CONTEXT = 16_384
# Characters of a text in a list of inputs, and items of a list within it.
MAX_STRING_LENGTH = 100
MAX_LIST_LENGTH = 12


class LlamaCpp:
    """A model with a copy of its working memory for each lane; the weights are there once.

    Each lane has one thread: two threads on one text wait for each other, two lanes never do.

    Args:
        path: of the GGUF file.
        lanes: requests at a time; None for one a core.

    Raises:
        MissingExtra: xllamacpp is not installed.
        ModelUnusable: the file is missing or no model.
    """

    def __init__(self, path: Path, lanes: int | None = None, context: int = CONTEXT) -> None:
        if not path.is_file():
            raise ModelUnusable(f"{path}: there is no such file: `make model` gets one, or name another")
        library = _library()
        self.name = f"gguf:{path.stem}:{_digest(path)}"
        self.cost = None
        self.lanes = lanes or len(os.sched_getaffinity(0))
        self._free: SimpleQueue[Any] = SimpleQueue()
        try:
            for _ in range(self.lanes):
                self._free.put(library.Server(_parameters(library, path, context)))
        except (RuntimeError, ValueError) as error:
            raise ModelUnusable(f"{path}: llama.cpp cannot load it: {error}") from None

    def generate(self, requests: Sequence[Request]) -> list[list[Text]]:
        """See ``generator.model.Model``."""
        if len(requests) == 1:
            return [self._answer(requests[0])]
        with ThreadPoolExecutor(self.lanes) as threads:
            return list(threads.map(self._answer, requests))

    def close(self) -> None:
        """Let go of the memory."""
        while not self._free.empty():
            self._free.get()

    def _answer(self, request: Request) -> list[Text]:
        server = self._free.get()
        try:
            texts: list[Text] = []
            while len(texts) < request.count:
                count = min(TOGETHER, request.count - len(texts))
                answer = server.handle_chat_completions(_asked(request, count, len(texts)))
                texts += _texts(answer, count, request.sampling.max_tokens)
            return texts
        finally:
            self._free.put(server)


def _library() -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise MissingExtra("llamacpp:FILE.gguf", "llamacpp") from error
    return xllamacpp


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _parameters(library: Any, path: Path, context: int) -> Any:
    parameters = library.CommonParams()
    parameters.model.path = str(path)
    parameters.n_parallel = TOGETHER
    parameters.n_ctx = context
    parameters.kv_unified = True
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.n_gpu_layers = 0
    parameters.use_jinja = True
    parameters.cache_ram_mib = 0
    parameters.warmup = False
    parameters.verbosity = -1
    return parameters


def _asked(request: Request, count: int, before: int) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "n": count,
        "seed": (request.seed + before) % 2**31,
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
        "max_tokens": request.sampling.max_tokens,
        # What is left of the prompt before would be taken over, and change the last digits.
        "cache_prompt": False,
    }
    if request.schema is not None:
        asked["response_format"] = {"type": "json_schema", "json_schema": {"schema": _bounded(request.schema)}}
    return asked


def _bounded(schema: Any) -> Any:
    """The schema with an end to every text and list: small models repeat themselves until they are cut off.

    llama.cpp counts an escape as a character; other makers of grammars refuse escapes where there is a bound. A pattern
    it takes for the text as JSON writes it, where a line ends in a backslash and an n.
    """
    if isinstance(schema, list):
        return [_bounded(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    bounded = {name: _bounded(item) for name, item in schema.items()}
    if "pattern" in schema and schema.get("type") == "string":
        return schema | {"pattern": schema["pattern"].replace(r"\n", r"\\n")}
    ends: dict[Any, dict[str, Any]] = {
        "string": {"maxLength": MAX_STRING_LENGTH},
        "array": {} if "prefixItems" in schema else {"maxItems": MAX_LIST_LENGTH},
    }
    kind = schema.get("type")
    return (ends.get(kind, {}) if isinstance(kind, str) else {}) | bounded


def _texts(answer: Any, count: int, most: int) -> list[Text]:
    data = json.loads(answer) if isinstance(answer, str | bytes) else answer
    if "choices" not in data:
        reason = data.get("error", data)
        return [
            Text(str(reason.get("message", reason) if isinstance(reason, dict) else reason), Finish.REFUSED)
        ] * count
    # Only the tokens of the first text are told; the others are reckoned by its length, and are as many as asked for at
    # most.
    choices = sorted(data["choices"], key=lambda choice: choice["index"])
    contents = [choice["message"].get("content") or "" for choice in choices]
    told = data.get("usage", {}).get("completion_tokens") or 0
    rate = told / max(1, len(contents[0]))
    return [
        Text(
            content,
            Finish.LENGTH if choice["finish_reason"] == "length" else Finish.STOP,
            min(round(rate * len(content)), most) if place else told,
        )
        for place, (choice, content) in enumerate(zip(choices, contents, strict=True))
    ]
