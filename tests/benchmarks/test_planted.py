"""What is planted is known, and what became of it is told."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from benchmarks.planted import Planted, fates_of, of_condefects, of_humanevalpack, plant, report
from semi_instruct.harness.dataset.pairs import Evidence, Pair
from semi_instruct.harness.dataset.settings import Settings
from semi_instruct.harness.problems.verdicts import Verdict

CONDEFECTS = {
    "task": "abc",
    "difficulty": "a",
    "time_limit_s": 2.0,
    "samples": [{"input": "1\n", "output": "2\n"}],
    "correct": [{"id": str(n), "source": f"print({n})"} for n in (1, 2, 3, 4, 3)],
    "faulty": [{"id": str(n), "source": f"print({n})", "killed_by_samples": True} for n in (5, 6)],
}
HUMANEVALPACK = {
    "task_id": "Python/0",
    "entry_point": "f",
    "declaration": "def f(x):\n",
    "prompt": "def f(x):\n",
    "canonical_solution": "    return x\n",
    "buggy_solution": "    return 0\n",
    "bug_type": "value misuse",
}


def known() -> list[Planted]:
    return [*of_condefects([CONDEFECTS]), *of_humanevalpack([HUMANEVALPACK])]


def pair(source: str, verdict: Verdict, test_cases: int = 9) -> Pair:
    task = "Python/0" if "def" in source else "abc"
    return Pair(
        task, source, "Solve it.", source, "stdin", Evidence.ORACLE, verdict, passed=test_cases, test_cases=test_cases
    )


def fates(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    return fates_of(known(), pairs, Settings("semi", 0, "", 0, ""))


def test_no_natural_code_is_planted_and_none_twice() -> None:
    assert [(one.source, one.is_right) for one in known()] == [
        ("print(3)", True),
        ("print(4)", True),
        ("print(5)", False),
        ("print(6)", False),
        ("def f(x):\n    return 0\n", False),
    ]
    assert known()[0].row["oracles"] == ["print(1)", "print(2)"]
    chosen = [one.source for one in plant(known(), 2, Random(0))]
    assert (len(chosen), chosen[:2]) == (4, ["print(3)", "print(4)"])


def test_what_is_wrongly_kept_or_lost_misses_the_mark(capsys: pytest.CaptureFixture[str]) -> None:
    right = [pair("print(3)", Verdict.ACCEPTED), pair("print(4)", Verdict.ACCEPTED)]
    wrong = [pair(f"print({n})", Verdict.WRONG_ANSWER) for n in (5, 6)]
    buggy = pair("def f(x):\n    return 0\n", Verdict.RUNTIME_ERROR)
    assert report(fates([*right, *wrong, buggy]))
    assert not report(fates([right[0], pair("print(4)", Verdict.ACCEPTED, test_cases=1), *wrong, buggy]))
    assert "abc: not retained though right: few_test_cases: 1; 1 test cases" in capsys.readouterr().out
    assert not report(fates([*right, wrong[0], pair("print(6)", Verdict.ACCEPTED), buggy]))
    told = capsys.readouterr().out
    assert "abc: retained though wrong; 9 test cases" in told
    assert "ConDefects: 1 of 2 wrong ones retained, 0 of 2 right ones lost" in told


def test_one_that_was_never_judged_is_not_retained() -> None:
    assert [(fate["kept"], fate["why"]) for fate in fates([])] == [(False, "never judged")] * 5
