"""``semi-instruct generate`` from the command line, with the texts of a cache."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from semi_instruct.engine import Engine
from semi_instruct.generator.cache import Cache, CachedModel
from semi_instruct.generator.model import Request, Text
from semi_instruct.harness.cli.app import main
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.problems.reader import ProblemFile
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.synthesis import Generated, Plan, generate
from semi_instruct.harness.synthesis.meter import Meter
from semi_instruct.harness.synthesis.report import show_pair
from tests.harness.support.problem_rows import stdin_row, write_rows

ROW = stdin_row(
    id="double",
    oracles=["print(int(input())*2)\n"],
    examples=[{"input": "4\n", "output": "8\n"}, {"input": "-1\n", "output": "-2\n"}],
    candidates=[],
)
CODE = 'def double(n: int) -> int:\n    """Twice n."""\n    return n + n\n\n\nprint(double(int(input())))\n'


class Known:
    """Writes the same two pairs for every problem."""

    name = "known"
    lanes = 1
    cost = None

    def generate(self, requests: Sequence[Request]) -> list[list[Text]]:
        return [self._texts(request) for request in requests]

    def close(self) -> None:
        pass

    def _texts(self, request: Request) -> list[Text]:
        if request.schema is not None:
            return [Text('{"inputs": ["7\\n", "x\\n", "0\\n"]}', tokens=10)]
        return [Text(f"Instruction: Read a number and print its double.\n```python\n{CODE}```", tokens=40), Text("")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Path:
    """Problems, and a cache with what the model wrote for them."""
    folder = tmp_path_factory.mktemp("generate")
    problems = write_rows(folder / "problems.jsonl", ROW, ROW | {"id": "again"})
    with Cache(folder / "texts.sqlite") as cache, ProblemFile(problems) as file:
        rows = [row for row in file.rows() if isinstance(row, Problem)]
        model = CachedModel(cache, Known())
        list(generate(rows, model, engine, Plan(inputs=3, samples=2, planned=0), Meter()))
    return folder


def command(folder: Path, *options: str) -> list[str]:
    usual = ["--samples", "2", "--model-inputs", "3", "--inputs", "0", "--workers", "1"]
    return ["generate", str(folder / "problems.jsonl"), *usual, *options]


def test_pairs_are_shown_with_their_test_cases(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(folder, "--cache", str(folder / "texts.sqlite"), "--show", "1")) == ExitStatus.DONE
    said = capsys.readouterr().out
    for shown in (
        "model: known",
        "2 parsed (100%)",
        "accepted 2",
        "2 with a pair by the samples alone, 2 with repairs (100%)",
        "--- double:",
        "Instruction: Read a number and print its double.",
        '"""Twice n."""',
        r"'4\n' -> '8\n'",
    ):
        assert shown in said
    assert "--- again:" not in said


def test_what_a_model_writes_does_nothing_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    row = SimpleNamespace(passed=1, test_cases=1)
    one: Any = SimpleNamespace(problem=SimpleNamespace(id="p"), pairs=SimpleNamespace(suite=None))
    pair: Any = SimpleNamespace(instruction="Clear \x1b[2J it.\ud800", code="print(1)\n\tpass\r\n[red]\n", row=row)
    show_pair(one, pair, Console(markup=False, highlight=False, emoji=False))
    said = capsys.readouterr().out
    assert "Clear \\x1b[2J it.\\ud800\n\nprint(1)\n    pass\\r\n[red]\n" in said


def test_rows_and_json_are_for_programs(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "pairs.jsonl"
    cached = ["--cache", str(folder / "texts.sqlite")]
    assert main(command(folder, *cached, "-o", str(output), "--json", "--max-problems", "1")) == ExitStatus.DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["model"], told["funnel"]["with_pair"], told["funnel"]["code_faults"]) == ("known", 1, {"empty": 1})
    assert told["funnel"]["valid_after_feedback"] == [2, 3]  # the same invalid one again
    [row] = map(json.loads, output.read_text().splitlines())
    assert (row["id"], row["inputs"]) == ("double", ["7\n", "0\n"])
    assert row["pairs"][0]["code"] == CODE
    assert row["pairs"][0]["verdict"]["verdict"] == "accepted"
    assert {example["input"] for example in row["suite"]["examples"]} <= {"4\n", "-1\n", "7\n", "0\n"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--model: name a model"),
        (["--model", "magic"], "expected llamacpp:FILE.gguf"),
        (["--model", "llamacpp:/no/such.gguf"], "/no/such.gguf: there is no such file"),
        (["--cache", "{folder}/texts.sqlite", "--seed", "5"], "the cache has no text of known"),
        (["--cache", "{folder}/mistyped.sqlite"], "mistyped.sqlite: there is no such file"),
        (["--cache", "{folder}/texts.sqlite", "--prompts", "{folder}"], "code.md: [Errno 2]"),
        (
            ["--cache", "{folder}/texts.sqlite", "--requests-per-minute", "0"],
            "--requests-per-minute: expected more than 0",
        ),
        (["--cache", "{folder}/problems.jsonl"], "problems.jsonl"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    folder: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[Any] = [option.format(folder=folder) for option in options]
    assert main(command(folder, *given)) == ExitStatus.BAD_INPUT
    heard = capsys.readouterr()
    assert said in heard.err
    assert heard.err.count("\n") == 1
    assert heard.out == ""
    assert not (folder / "mistyped.sqlite").exists()


def test_a_cache_without_texts_says_so(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Cache(tmp_path / "empty.sqlite"):
        pass
    assert main(command(folder, "--cache", str(tmp_path / "empty.sqlite"))) == ExitStatus.BAD_INPUT
    assert "has texts of 0 models" in capsys.readouterr().err


def test_ctrl_c_says_where_the_rows_are(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_only(*arguments: Any) -> Iterator[Generated]:
        yield next(generate(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr("semi_instruct.harness.cli.generate.generate", first_only)
    cached = ["--cache", str(folder / "texts.sqlite"), "-o", str(tmp_path / "pairs.jsonl")]
    assert main(command(folder, *cached)) == ExitStatus.INTERRUPTED
    said = capsys.readouterr().err
    left = tmp_path / "pairs.jsonl.partial"
    assert f"the rows so far are in {left}; with the same --cache nothing is asked twice" in said
    assert json.loads(left.read_text())["id"] == "double"


def test_bad_rows_are_told_and_the_others_done(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problems = write_rows(tmp_path / "problems.jsonl", ROW, "{")
    options = command(folder, "--cache", str(folder / "texts.sqlite"), "--json")
    options[1] = str(problems)
    assert main(options) == ExitStatus.BAD_INPUT
    heard = capsys.readouterr()
    assert "problems.jsonl:2" in heard.err
    assert json.loads(heard.out)["funnel"]["with_pair"] == 1
