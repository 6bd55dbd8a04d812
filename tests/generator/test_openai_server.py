"""A server that speaks OpenAI's protocol: many requests at a time, patience, and what it costs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from semi_instruct.generator.errors import ModelUnusable
from semi_instruct.generator.model import Finish, Message, Request, Sampling
from semi_instruct.generator.openai_server import OpenAIServer
from tests.timing import allow_seconds

Answers = Callable[[dict[str, Any], int], tuple[int, dict[str, Any], dict[str, str]]]


class Record:
    """What a server was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.now = 0
        self.most_at_once = 0
        self.lock = threading.Lock()


@contextmanager
def server(answers: Answers) -> Iterator[tuple[str, Record]]:
    """A server on a port of its own; ``answers`` is given each request and its number from 0."""
    record = Record()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with record.lock:
                number = len(record.asked)
                record.asked.append(asked)
                record.keys.append(self.headers["Authorization"])
                record.now += 1
                record.most_at_once = max(record.most_at_once, record.now)
            status, body, headers = answers(asked, number)
            with record.lock:
                record.now -= 1
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in (
                {"Content-Type": "application/json", "Content-Length": str(len(data))} | headers
            ).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/v1", record
    finally:
        running.shutdown()
        running.server_close()


def completion(*texts: str | None, finish: str = "stop", tokens: int = 8) -> tuple[int, dict[str, Any], dict[str, str]]:
    choices = [
        {"index": place, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
        for place, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 10, "completion_tokens": tokens, "total_tokens": 10 + tokens}
    return (
        200,
        {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": choices[::-1], "usage": usage},
        {},
    )


def failure(status: int, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    return (
        status,
        {"error": {"message": f"no: {status}"}},
        {name.replace("_", "-"): text for name, text in headers.items()},
    )


def request(word: str = "hello", count: int = 1, **fields: Any) -> Request:
    return Request((Message("user", word),), count, **fields)


def test_a_request_says_all_that_was_asked() -> None:
    schema = {"type": "object"}
    with server(lambda *_: completion("a", "b")) as (url, record):
        model = OpenAIServer("m", url, key="secret")
        sampling = Sampling(temperature=0.5, top_p=0.9, max_tokens=77)
        [texts] = model.generate([request(count=2, seed=5, sampling=sampling, schema=schema)])
        model.close()
    assert [text.content for text in texts] == ["a", "b"]
    [asked] = record.asked
    assert asked["response_format"] == {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    told = {name: asked[name] for name in ("model", "n", "seed", "temperature", "top_p", "max_tokens")}
    assert told == {"model": "m", "n": 2, "seed": 5, "temperature": 0.5, "top_p": 0.9, "max_tokens": 77}
    assert record.keys == ["Bearer secret"]
    assert "secret" not in model.name


def test_many_are_asked_at_once_and_answers_keep_their_order() -> None:
    all_four = threading.Barrier(4, timeout=allow_seconds(30))

    def answers(asked: dict[str, Any], number: int) -> tuple[int, dict[str, Any], dict[str, str]]:
        if number < 4:
            all_four.wait()
        return completion(asked["messages"][0]["content"].upper())

    with server(answers) as (url, record):
        texts = OpenAIServer("m", url, lanes=4).generate([request(f"w{number}") for number in range(12)])
    assert [text.content for [text] in texts] == [f"W{number}" for number in range(12)]
    assert record.most_at_once == 4


def test_a_busy_server_is_asked_again_when_it_says_so() -> None:
    waited: list[float] = []
    script = [failure(429, retry_after="7"), failure(500), failure(503), completion("at last")]
    with server(lambda _, number: script[number]) as (url, _):
        model = OpenAIServer("m", url, sleep=waited.append)
        [[text]] = model.generate([request()])
    assert text.content == "at last"
    assert waited[0] == 7.0
    assert 0.4 < waited[1] <= 1.0 < waited[2] * 2 <= 4.0  # twice as long each time
    assert model.cost.retries == 3


def test_patience_has_an_end() -> None:
    with server(lambda *_: failure(503)) as (url, record):
        model = OpenAIServer("m", url, sleep=lambda _: None)
        with pytest.raises(ModelUnusable, match=r"gave up after 6 tries: .*503"):
            model.generate([request()])
    assert len(record.asked) == 6


def test_a_server_that_is_not_there_is_named() -> None:
    with server(lambda *_: completion("x")) as (url, _):
        pass
    with pytest.raises(ModelUnusable, match="cannot be reached"):
        OpenAIServer("m", url, sleep=lambda _: None).generate([request()])


@pytest.mark.parametrize(
    "body",
    [
        "<html>welcome</html>",
        {"choices": [{"index": 0, "message": None}]},
        {"choices": [{"message": {"content": "x"}}] * 2},
    ],
)
def test_what_is_no_answer_is_told_in_a_line(body: Any) -> None:
    with server(lambda *_: (200, body, {"Content-Type": "text/html"} if isinstance(body, str) else {})) as (url, _):
        model = OpenAIServer("small", url)
        with pytest.raises(ModelUnusable, match="check the address"):
            model.generate([Request((Message("user", "x"),), 2)])


def test_a_wrong_key_is_not_tried_again() -> None:
    with server(lambda *_: failure(401)) as (url, record), pytest.raises(ModelUnusable, match="OPENAI_API_KEY"):
        OpenAIServer("m", url).generate([request()])
    assert len(record.asked) == 1


def test_a_prompt_that_is_refused_stops_nothing_else() -> None:
    def answers(asked: dict[str, Any], _: int) -> tuple[int, dict[str, Any], dict[str, str]]:
        return failure(400) if asked["messages"][0]["content"] == "long" else completion("fine")

    with server(answers) as (url, _):
        [refused], [fine] = OpenAIServer("m", url).generate([request("long"), request("short")])
    assert (refused.finish, fine.content) == (Finish.REFUSED, "fine")
    assert "400" in refused.content


def test_a_server_that_knows_no_n_is_asked_with_other_seeds() -> None:
    with server(lambda _, number: completion(f"t{number}")) as (url, record):
        [texts] = OpenAIServer("m", url).generate([request(count=3, seed=2**31 - 1)])
    assert [text.content for text in texts] == ["t0", "t1", "t2"]
    assert [asked["seed"] for asked in record.asked] == [2**31 - 1, 0, 1]


def test_empty_and_cut_off_texts_are_texts() -> None:
    with server(lambda *_: completion(None, finish="length")) as (url, _):
        [[text]] = OpenAIServer("m", url).generate([request()])
    assert (text.content, text.finish) == ("", Finish.LENGTH)


def test_an_answer_without_a_text_is_bad_output_and_raises_nothing() -> None:
    with server(lambda *_: completion()) as (url, _):
        [texts] = OpenAIServer("m", url).generate([request(count=2)])
    assert [text.finish for text in texts] == [Finish.REFUSED] * 2


def test_cost_is_counted() -> None:
    with server(lambda *_: completion("a", "b", tokens=30)) as (url, _):
        model = OpenAIServer("m", url)
        model.generate([request(count=2), request("again", count=2)])
    assert (model.cost.prompt_tokens, model.cost.tokens) == (20, 60)


@pytest.mark.parametrize("said", [10**30, -5, 8.5, None])
def test_numbers_of_tokens_that_cannot_be_are_not_counted(said: object) -> None:
    status, body, headers = completion("a", "b")
    body["usage"] = {"prompt_tokens": said, "completion_tokens": said, "total_tokens": 1}
    with server(lambda *_: (status, body, headers)) as (url, _):
        model = OpenAIServer("m", url)
        [texts] = model.generate([request(count=2)])
    assert [(text.content, text.tokens) for text in texts] == [("a", None), ("b", None)]
    assert (model.cost.prompt_tokens, model.cost.tokens) == (0, 0)


def test_a_text_may_come_in_parts() -> None:
    status, body, headers = completion("a")
    body["choices"][0]["message"]["content"] = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    with server(lambda *_: (status, body, headers)) as (url, _):
        [[text]] = OpenAIServer("m", url).generate([request()])
    assert text.content == "one two"


def test_what_is_no_text_is_told() -> None:
    status, body, headers = completion("a")
    body["choices"][0]["message"]["content"] = {"text": "one"}
    with server(lambda *_: (status, body, headers)) as (url, _), pytest.raises(ModelUnusable, match="dict, not text"):
        OpenAIServer("m", url).generate([request()])


def test_requests_keep_their_distance() -> None:
    waited: list[float] = []
    with server(lambda *_: completion("a")) as (url, _):
        model = OpenAIServer("m", url, lanes=1, per_minute=60, sleep=waited.append)
        model.generate([request(str(number)) for number in range(3)])
    assert waited[0] == 0.0
    assert 0.5 < waited[1] <= 1.0 < waited[2] <= 2.0
