"""``semi-instruct verify`` of pairs without oracles: what they stand on, and how they fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from semi_instruct.engine import Engine
from semi_instruct.harness.cli import app
from semi_instruct.harness.dataset.corpora import Corpus
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.problems.schema import Example
from tests.harness.support.corpus_rows import built, pairs, sharing, write_corpus

TWICE = "Write a function `twice` that doubles a number."
SUM = 'def twice(n: int) -> int:\n    """Double.\n\n    >>> twice(4)\n    8\n    """\n    return n + n\n'
SHIFT = "def twice(n: int) -> int:\n    return n << 1\n"
WRONG = "def twice(n: int) -> int:\n    return n * 2 if n < 3 else 5\n"


def one(tmp_path: Path, **row: Any) -> Task:
    [read] = Corpus(write_corpus(tmp_path / "p.jsonl", row)).read()
    assert isinstance(read.task, Task), read.task
    assert read.task.corpus == "pairs"
    return read.task


def test_a_pair_is_a_function_where_its_code_does_nothing_by_itself(tmp_path: Path) -> None:
    more = f"{SUM}\n\ndef helper(n):\n    return n\n\n\nassert twice(5) == 10\n"
    task = one(tmp_path, instruction=TWICE, output=more, id=7, licence="MIT")
    assert (task.id, task.kind, task.entry, task.statement, task.licence) == ("7", "function", "twice", TWICE, "MIT")
    assert task.examples == (Example([4], 8), Example([5], 10))
    assert one(tmp_path, instruction="Double it.", output=more).entry == "helper"
    assert one(tmp_path, instruction="Double it.", output=more, entry="twice").entry == "twice"
    program = one(tmp_path, instruction=TWICE, code=f"{SUM}\nprint(twice(3))\n")
    assert (program.kind, program.entry, program.examples) == ("stdin", None, (Example(""),))


def test_the_code_of_messages_is_in_a_block(tmp_path: Path) -> None:
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": TWICE},
        {"role": "assistant", "content": f"Here:\n```python\n{SHIFT}```\nDone."},
    ]
    task = one(tmp_path, messages=said)
    assert (task.statement, task.codes[0].source) == (TWICE, SHIFT)
    assert one(tmp_path, instruction="Add", input="the numbers", output=SHIFT).statement == "Add\n\nthe numbers"
    [bad] = Corpus(write_corpus(tmp_path / "bad.jsonl", {"messages": said[:2]})).read()
    assert str(bad.task) == "bad.jsonl:1: messages: expected a user's and an assistant's at the end"


def verdicts(
    tmp_path: Path, walls: Engine, monkeypatch: pytest.MonkeyPatch, *rows: dict[str, Any] | str
) -> tuple[int, dict[str, tuple[str, str]], list[dict[str, Any]]]:
    monkeypatch.setattr("semi_instruct.harness.cli.verify.Engine", sharing(walls))
    path = write_corpus(tmp_path / "pairs.jsonl", *rows)
    status = app.main(["verify", str(path), "-o", str(tmp_path / "v.jsonl"), "--budget", "2", "--workers", "1"])
    found = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    return status, {row["candidate"]: (row["verdict"], row["evidence"]) for row in found}, found


def asked(name: str, code: str, instruction: str = TWICE) -> dict[str, Any]:
    return {"id": name, "instruction": instruction, "output": code}


def test_pairs_of_one_instruction_have_to_agree_and_others_are_executed(
    tmp_path: Path, walls: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found, rows = verdicts(
        tmp_path,
        walls,
        monkeypatch,
        asked("sum", SUM),
        asked("shift", SHIFT),
        asked("wrong", WRONG),
        asked("broken", "def twice(n) return"),
        asked("alone", "def half(n: int) -> int:\n    return n // 2\n", "Halve."),
        asked("hello", "print('hello')", "Greet."),
        asked("chance", "import random\nprint(random.random())", "Throw a die."),
    )
    assert status == 0
    assert found == {
        "sum": ("accepted", "agreement"),
        "shift": ("accepted", "agreement"),
        "wrong": ("wrong_answer", "executed"),
        "broken": ("compile_error", "executed"),
        "alone": ("accepted", "executed"),
        "hello": ("accepted", "executed"),
        "chance": ("no_oracle", "executed"),
    }
    assert [row["candidate"] for row in rows][:2] == ["sum", "shift"]
    assert rows[0]["agrees_with"] == ["shift"]
    assert rows[2]["detail"] == "example 1"
    said = capsys.readouterr().out
    assert "accepted: 4 (2 by agreement, 2 by executed)" in said


def test_bad_rows_are_told_and_what_pairs_cannot_have_is_refused(
    tmp_path: Path, walls: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (asked("a", SHIFT), "{", {"instruction": "x"}, asked("a", SHIFT, "Again."))
    status, found, _ = verdicts(tmp_path, walls, monkeypatch, *rows)
    assert (status, found) == (2, {"a": ("accepted", "executed")})
    heard = capsys.readouterr().err
    assert "pairs.jsonl:2: row: not JSON" in heard
    assert "pairs.jsonl:3: output: is required" in heard
    assert app.main(["verify", str(tmp_path / "pairs.jsonl"), "--suites", str(tmp_path / "s.jsonl")]) == 2
    assert "--suites: " in capsys.readouterr().err


def test_build_takes_pairs_as_it_takes_any_corpus(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "c.jsonl", asked("sum", SUM))
    built(path, tmp_path / "b")
    assert [(pair["id"], pair["evidence"], pair["instruction"]) for pair in pairs(tmp_path / "b")] == [
        ("sum/0", "executed", TWICE)
    ]
