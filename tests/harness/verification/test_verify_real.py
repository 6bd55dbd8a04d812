"""Verification in the real sandbox: honest programs are judged right, hostile ones win nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from semi_instruct.engine import Engine
from semi_instruct.harness.cli import app
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.verification.scheduler import verify
from tests.harness.support.problem_rows import function_row, problem, stdin_row, write_rows

DOUBLE = "print(int(input()) * 2)"
CORPUS = Path(__file__).parents[3] / "examples" / "corpus.jsonl"


def judge(engine: Engine, row: dict[str, Any], *sources: str) -> list[VerdictRow]:
    candidates = [{"id": f"c{index}", "source": source} for index, source in enumerate(sources)]
    return list(verify([problem(row | {"candidates": candidates})], engine, planned=0))


def doubling(**changes: Any) -> dict[str, Any]:
    examples = [{"input": "21\n", "output": "42\n"}, {"input": "-4\n"}, {"input": "0\n"}, {"input": "100000\n"}]
    return stdin_row(oracles=[DOUBLE, "n = int(input())\nprint(n + n)"], examples=examples, **changes)


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        (DOUBLE, Verdict.ACCEPTED),
        ("print(42)", Verdict.WRONG_ANSWER),
        ("print(int(input()) * 2 / 1)", Verdict.WRONG_ANSWER),
        ("", Verdict.WRONG_ANSWER),
        ("import sys; sys.exit(0)", Verdict.WRONG_ANSWER),
        ("import os; os._exit(137)", Verdict.RUNTIME_ERROR),
        ("import os; os.kill(os.getpid(), 9)", Verdict.RUNTIME_ERROR),
        ("1 / 0", Verdict.RUNTIME_ERROR),
        ("print(int(input()) * 2)\nraise SystemExit(1)", Verdict.RUNTIME_ERROR),
        ("while True: pass", Verdict.TIME_LIMIT),
        ("x = bytearray(10**12)", Verdict.RUNTIME_ERROR),
        ("x = [bytearray(b'x' * 10**7) for _ in range(10**4)]", Verdict.MEMORY_LIMIT),
        ("while True: print('x' * 10**6)", Verdict.OUTPUT_LIMIT),
        ("print((", Verdict.COMPILE_ERROR),
        ("\0", Verdict.COMPILE_ERROR),
        ("\ud800", Verdict.COMPILE_ERROR),
    ],
)
def test_verdicts_on_whole_programs(engine: Engine, source: str, verdict: Verdict) -> None:
    [row] = judge(engine, doubling(time_limit_s=0.2, memory_limit_mib=128), source)
    assert row.verdict is verdict
    assert row.test_cases == 4


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("def f(x): return sorted(set(x))", Verdict.ACCEPTED),
        ("def f(x): return tuple(sorted(set(x)))", Verdict.ACCEPTED),
        ("def f(x): return [float(i) for i in sorted(set(x))]", Verdict.ACCEPTED),
        ("def f(x): return set(x)", Verdict.WRONG_ANSWER),
        ("def f(x): return x", Verdict.WRONG_ANSWER),
        ("def f(x): print([1, 2, 3])", Verdict.WRONG_ANSWER),
        ("def f(x): raise ValueError(x)", Verdict.RUNTIME_ERROR),
        ("def f(x): raise SystemExit(0)", Verdict.RUNTIME_ERROR),
        ("import os\ndef f(x): os._exit(0)", Verdict.RUNTIME_ERROR),
        ("def g(x): return sorted(set(x))", Verdict.RUNTIME_ERROR),
        ("class Same(list):\n    def __eq__(self, other): return True\ndef f(x): return Same()", Verdict.WRONG_ANSWER),
        ("class Same:\n    def __eq__(self, other): return True\ndef f(x): return Same()", Verdict.WRONG_ANSWER),
    ],
)
def test_verdicts_on_functions(engine: Engine, source: str, verdict: Verdict) -> None:
    row = function_row(
        oracles=["def f(x): return sorted(set(x))"],
        examples=[{"input": [[3, 1, 2, 1]], "output": [1, 2, 3]}, {"input": [[]]}],
        time_limit_s=0.2,
    )
    [judged] = judge(engine, row, source)
    assert judged.verdict is verdict
    assert judged.test_cases > 2


def test_oracles_that_disagree_or_crash_drop_their_inputs(engine: Engine) -> None:
    row = doubling()
    row["oracles"] = [DOUBLE, "n = int(input())\nassert n != 21\nprint(n * 2 if n else 'zero')"]
    [judged] = judge(engine, row, DOUBLE)
    assert judged.dropped_inputs == {"crash": 1, "disagree": 1}
    assert (judged.verdict, judged.passed, judged.test_cases) == (Verdict.ACCEPTED, 2, 2)


def test_the_same_rows_again(engine: Engine) -> None:
    def rows() -> list[dict[str, Any]]:
        judged = judge(engine, doubling(), DOUBLE, "print(42)", "1 / 0", "print({'a', 'b', 'c'})")
        return [row.to_json() | {"seconds": None} for row in judged]

    assert rows() == rows()


def test_the_bundled_corpus_is_judged_as_people_judge_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    # Hostile programs are what takes time, and they end no better for being given more of everything.
    tight = {"time_limit_s": 0.05, "memory_limit_mib": 128}
    problems = write_rows(tmp_path / "corpus.jsonl", *(row | tight for row in rows))
    status = app.main(["verify", str(problems), "-o", str(tmp_path / "verdicts.jsonl"), "--inputs", "0"])
    assert status == 0, capfd.readouterr().out
    verdicts = (tmp_path / "verdicts.jsonl").read_text().splitlines()
    assert len(verdicts) == sum(len(row["candidates"]) for row in rows)


def test_run_end_to_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.py"
    path.write_text("def f(x):\n    print('hello')\n    return {'twice': x * 2, 'pair': (x, x)}")
    assert app.main(["run", str(path), "--entry", "f", "--args", "[21]", "--json"]) == 0
    data = json.loads(capfd.readouterr().out)
    assert data["value"] == {"twice": 42, "pair": {"$tuple": [21, 21]}}
    assert data["stdout"] == "hello\n"
    path.write_text("while True: pass")
    assert app.main(["run", str(path), "--cpu-time", "0.1"]) == 1
    assert "time_limit" in capfd.readouterr().err


def test_doctor_end_to_end(capfd: pytest.CaptureFixture[str]) -> None:
    assert app.main(["doctor", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["trusted"] is True


def test_what_no_example_shows_is_found(engine: Engine) -> None:
    documented = 'def f(numbers):\n    """The largest.\n    >>> f([1, 5, 2])\n    5\n    """\n    return max(numbers)'
    row = function_row(oracles=[documented], examples=[{"input": [[3, 4]], "output": 4}])
    right = "def f(numbers):\n    return sorted(numbers)[-1]"
    wrong = "def f(numbers):\n    return max(numbers, key=lambda number: number if number != numbers[0] else 0)"
    accepted, rejected = judge(engine, row, right, wrong)
    assert accepted.verdict is Verdict.ACCEPTED
    assert rejected.verdict is Verdict.WRONG_ANSWER
    assert accepted.test_cases > 50
    assert accepted.dropped_inputs["crash"] >= 1  # of an empty list there is no largest
