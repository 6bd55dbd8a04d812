"""What is sent to llama.cpp and what is made of its answers; the model itself runs in ``make demo-llm``."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from semi_instruct.generator.errors import ModelUnusable
from semi_instruct.generator.llamacpp import LlamaCpp
from semi_instruct.generator.model import Finish, Message, Request, Sampling, Text
from semi_instruct.generator.schemas import input_list


class Server:
    """Answers as llama.cpp's server does: the tokens of the first text alone are told."""

    made: list[Any]
    asked: list[dict[str, Any]]
    answer: dict[str, Any] | None = None

    def __init__(self, parameters: Any) -> None:
        type(self).made.append(parameters)

    def handle_chat_completions(self, asked: dict[str, Any]) -> dict[str, Any]:
        type(self).asked.append(asked)
        if self.answer is not None:
            return self.answer
        texts = [f"text {asked['seed']}.{place}" for place in range(asked["n"])]
        choices = [
            {"index": place, "finish_reason": "length" if place else "stop", "message": {"content": text}}
            for place, text in enumerate(texts)
        ]
        return {"choices": choices[::-1], "usage": {"completion_tokens": len(texts[0])}}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    library = ModuleType("xllamacpp")
    server = type("Fresh", (Server,), {"made": [], "asked": []})

    def parameters() -> Any:
        empty = SimpleNamespace
        return empty(model=empty(), cpuparams=empty(), cpuparams_batch=empty())

    vars(library).update(Server=server, CommonParams=parameters)
    monkeypatch.setitem(sys.modules, "xllamacpp", library)
    path = tmp_path / "small.gguf"
    path.write_bytes(b"GGUF weights")
    return path


def servers() -> Any:
    return sys.modules["xllamacpp"].Server  # type: ignore[attr-defined]  # the module is a made-up one


def test_each_lane_has_one_thread_and_no_memory_of_other_prompts(file: Path) -> None:
    model = LlamaCpp(file, lanes=3)
    assert [(made.cpuparams.n_threads, made.cpuparams_batch.n_threads) for made in servers().made] == [(1, 1)] * 3
    model.generate([Request((Message("user", "hello"),))])
    [asked] = servers().asked
    assert asked["cache_prompt"] is False
    assert asked["messages"] == [{"role": "user", "content": "hello"}]
    assert "response_format" not in asked


def test_many_texts_come_in_batches_with_seeds_of_their_own(file: Path) -> None:
    request = Request((Message("user", "x"),), 11, seed=5, schema={"type": "integer"})
    [texts] = LlamaCpp(file, lanes=1).generate([request])
    assert [(asked["n"], asked["seed"]) for asked in servers().asked] == [(8, 5), (3, 13)]
    assert texts[0] == Text("text 5.0", Finish.STOP, 8)
    assert texts[9] == Text("text 13.1", Finish.LENGTH, 9)
    assert servers().asked[0]["response_format"]["json_schema"] == {"schema": {"type": "integer"}}


def test_requests_are_answered_in_order_on_all_lanes(file: Path) -> None:
    requests = [Request((Message("user", "x"),), seed=seed) for seed in range(9)]
    texts = LlamaCpp(file, lanes=2).generate(requests)
    assert [text.content for [text] in texts] == [f"text {seed}.0" for seed in range(9)]


def test_a_prompt_that_does_not_fit_is_refused_and_not_an_error(file: Path) -> None:
    model = LlamaCpp(file, lanes=1)
    servers().answer = {"error": {"code": 400, "message": "the request exceeds the available context size"}}
    [texts] = model.generate([Request((Message("user", "x"),), 2)])
    assert [text.finish for text in texts] == [Finish.REFUSED] * 2
    assert "context size" in texts[0].content


def test_the_name_tells_weights_apart(file: Path) -> None:
    before = LlamaCpp(file, lanes=1).name
    file.write_bytes(b"GGUF other weights")
    assert LlamaCpp(file, lanes=1).name != before
    assert before.startswith("gguf:small:")


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"gone\.gguf.*make model"):
        LlamaCpp(file.with_name("gone.gguf"))


def test_texts_in_lists_have_an_end(file: Path) -> None:
    schema = input_list(2, None)
    LlamaCpp(file, lanes=1).generate([Request((Message("user", "x"),), schema=schema)])
    sent = servers().asked[0]["response_format"]["json_schema"]["schema"]
    assert sent["properties"]["inputs"]["items"] == {"type": "string", "maxLength": 100}
    assert schema == input_list(2, None)


def test_lists_in_lists_have_an_end_and_arguments_their_number(file: Path) -> None:
    schema = input_list(2, [[[[1, 2]], "a"]])
    LlamaCpp(file, lanes=1).generate([Request((Message("user", "x"),), schema=schema)])
    sent = servers().asked[0]["response_format"]["json_schema"]["schema"]["properties"]["inputs"]
    numbers = {"type": "array", "items": {"type": "integer"}, "maxItems": 12}
    assert sent["items"]["prefixItems"][0] == {"type": "array", "items": numbers, "maxItems": 12}
    assert (sent["maxItems"], sent["items"]["maxItems"]) == (2, 2)


def test_no_text_is_reckoned_to_have_more_tokens_than_it_may_have(file: Path) -> None:
    request = Request((Message("user", "x"),), 3, seed=5, sampling=Sampling(max_tokens=4))
    servers().answer = {
        "choices": [
            {"index": place, "finish_reason": "length", "message": {"content": "word" * (place + 1)}}
            for place in range(3)
        ],
        "usage": {"completion_tokens": 3},
    }
    [texts] = LlamaCpp(file, lanes=1).generate([request])
    assert [text.tokens for text in texts] == [3, 4, 4]
