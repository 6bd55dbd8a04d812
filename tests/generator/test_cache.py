"""No model is asked twice, and what it wrote stays as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from semi_instruct.generator.cache import Cache, CachedModel
from semi_instruct.generator.errors import CacheUnusable, NotInCache
from semi_instruct.generator.model import Finish, Message, Request, Sampling, Text

REQUEST = Request((Message("user", "hello"),), count=2, seed=3)


class Counting:
    """A model that numbers its texts."""

    name = "counting"
    lanes = 2
    cost = None

    def __init__(self, finish: Finish = Finish.STOP) -> None:
        self.asked: list[Request] = []
        self.finish = finish

    def generate(self, requests: Sequence[Request]) -> list[list[Text]]:
        answers = []
        for request in requests:
            self.asked.append(request)
            said = request.messages[-1].content
            answers.append([Text(f"{said} {number}", self.finish, number) for number in range(request.count)])
        return answers

    def close(self) -> None:
        pass


def test_what_was_asked_once_is_not_asked_again(tmp_path: Path) -> None:
    model = Counting()
    with Cache(tmp_path / "c.sqlite") as cache:
        first = CachedModel(cache, model).generate([REQUEST])
    with Cache(tmp_path / "c.sqlite") as cache:
        again = CachedModel(cache, model)
        assert again.generate([REQUEST]) == first == [[Text("hello 0", tokens=0), Text("hello 1", tokens=1)]]
        assert (again.asked, again.answered) == (0, 2)
    assert model.asked == [REQUEST]


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, seed=4),
        replace(REQUEST, count=3),
        replace(REQUEST, messages=(Message("system", "hello"),)),
        replace(REQUEST, messages=(Message("user", "hello "),)),
        replace(REQUEST, sampling=Sampling(temperature=0.1)),
        replace(REQUEST, schema={"type": "object"}),
    ],
)
def test_everything_that_changes_texts_is_part_of_the_key(tmp_path: Path, other: Request) -> None:
    model = Counting()
    with Cache(tmp_path / "c.sqlite") as cache:
        cached = CachedModel(cache, model)
        cached.generate([REQUEST])
        cached.generate([other])
    assert model.asked == [REQUEST, other]


def test_the_texts_of_one_model_are_not_anothers(tmp_path: Path) -> None:
    with Cache(tmp_path / "c.sqlite") as cache:
        cache.put("one", REQUEST, [Text("a"), Text("b")])
        assert cache.get("other", REQUEST) is None
        assert cache.models() == ["one"]


def test_only_what_is_missing_is_asked_and_comes_in_order(tmp_path: Path) -> None:
    model = Counting()
    requests = [Request((Message("user", word),)) for word in ("a", "b", "c")]
    with Cache(tmp_path / "c.sqlite") as cache:
        cached = CachedModel(cache, model)
        cached.generate([requests[1]])
        texts = cached.generate(requests)
    assert [text.content for [text] in texts] == ["a 0", "b 0", "c 0"]
    assert model.asked == [requests[1], requests[0], requests[2]]


def test_it_works_without_a_model_and_says_what_it_lacks(tmp_path: Path) -> None:
    with Cache(tmp_path / "c.sqlite") as cache:
        CachedModel(cache, Counting()).generate([REQUEST])
        offline = CachedModel(cache, None, "counting")
        assert [text.content for text in offline.generate([REQUEST])[0]] == ["hello 0", "hello 1"]
        with pytest.raises(NotInCache, match="no text of counting"):
            offline.generate([replace(REQUEST, seed=99)])


@pytest.mark.parametrize("raw", ["", "\x00\x01", "\ud800 half", '"quoted"', '"', "a" * 300_000, "\r\n ünï \U0001f600"])
def test_raw_text_comes_back_as_it_was(tmp_path: Path, raw: str) -> None:
    texts = [Text(raw, Finish.LENGTH, None), Text(raw[::-1])]
    with Cache(tmp_path / "c.sqlite") as cache:
        cache.put("m", REQUEST, texts)
        assert cache.get("m", REQUEST) == texts


def test_what_a_model_refused_is_asked_again(tmp_path: Path) -> None:
    model = Counting(Finish.REFUSED)
    with Cache(tmp_path / "c.sqlite") as cache:
        for _ in range(2):
            CachedModel(cache, model).generate([REQUEST])
        assert len(model.asked) == 2
        [texts] = CachedModel(cache, None, model.name).generate([REQUEST])
        assert {text.finish for text in texts} == {Finish.REFUSED}  # offline it is known all the same


def test_the_file_is_open_to_whoever_reads_sqlite(tmp_path: Path) -> None:
    with Cache(tmp_path / "c.sqlite") as cache:
        CachedModel(cache, Counting()).generate([REQUEST])
    rows = sqlite3.connect(tmp_path / "c.sqlite").execute(
        "select model, messages, seed, place, content from requests join texts using (key) order by place"
    )
    assert rows.fetchone() == ("counting", '[{"content":"hello","role":"user"}]', 3, 0, "hello 0")


@pytest.mark.parametrize(("column", "value"), [("finish", "eventually"), ("content", '"not JSON')])
def test_texts_that_another_program_spoiled_are_named(tmp_path: Path, column: str, value: str) -> None:
    with Cache(tmp_path / "c.sqlite") as cache:
        cache.put("m", REQUEST, [Text("a"), Text("b")])
        with sqlite3.connect(tmp_path / "c.sqlite") as other:
            other.execute(f"update texts set {column} = ?", (value,))
        with pytest.raises(CacheUnusable, match=r"c\.sqlite: the text of a request cannot be read"):
            cache.get("m", REQUEST)


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("not a database, however long one looks at it " * 50)
    with pytest.raises(CacheUnusable, match=r"notes\.txt"):
        Cache(other)
    assert other.read_text().startswith("not a database")
