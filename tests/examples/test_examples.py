"""The converters of foreign corpora: what they make is taken by ``verify``."""

from __future__ import annotations

import ast
import importlib.util
import json
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from semi_instruct.harness.inputs.source import Answer, inputs
from semi_instruct.harness.problems.schema import Problem, parse_row

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


humanevalpack, condefects = load("humanevalpack"), load("condefects")


def taken(row: dict[str, Any]) -> Problem:
    return parse_row(json.dumps(row), "converted", 1)


def test_condefects() -> None:
    task = {
        "task": "abc001_a",
        "difficulty": "7",
        "time_limit_s": 2.0,
        "samples": [{"input": "1\n", "output": "2\n"}],
        "correct": [{"id": number, "source": f"right {number}"} for number in range(3)],
        "faulty": [
            {"id": 0, "source": "wrong", "killed_by_samples": True},
            {"id": 1, "source": "subtle", "killed_by_samples": False},
        ],
    }
    problem = taken(condefects.problem(task))
    assert problem.oracles == ("right 0", "right 1")
    assert [candidate.id for candidate in problem.candidates] == [
        "correct-0",
        "correct-1",
        "correct-2",
        "faulty-0",
        "faulty-1",
    ]
    expected = [candidate.expected_verdicts for candidate in problem.candidates]
    assert expected[2] == expected[4] == ("accepted",)
    assert expected[3] is not None
    assert "wrong_answer" in expected[3]
    assert "accepted" not in expected[3]


TEST = """
def check(f):
    assert f([1] * 3, -2) == (1, 2)
    assert f([1] * 3, -2) == (1, 2)
    assert abs(f(2 ** 3 + 0.5) - 1) < 1e-6
    assert f("a" * 2 + "b", {1: {2}}) == True, "why"
    assert f(f(1)) == 3
    for x in range(3):
        assert f(x) == x
    assert other(1) == 1
    assert f(list(range(3)), key=1)
    assert f(list(range(1, 3))) == g()
"""


def test_humanevalpack() -> None:
    task = {
        "task_id": "Python/0",
        "entry_point": "f",
        "declaration": "def f(*x):\n",
        "canonical_solution": "    return x\n",
        "buggy_solution": "    return 0\n",
        "bug_type": "value misuse",
        "test": TEST,
        "example_test": "",
    }
    counts: Counter[str] = Counter()
    problem = taken(humanevalpack.problem(task, counts))
    assert problem.entry == "f"
    assert problem.candidates[0].source == "def f(*x):\n    return x\n"
    found = [(case.args, case.known) for case in inputs(problem, 0) if case.provenance == "example"]
    assert found == [
        (([1, 1, 1], -2), Answer((1, 2))),
        ((8.5,), None),
        (("aab", {1: {2}}), Answer(True)),
        ((1,), None),
        (([1, 2],), None),
    ]
    assert counts == {"taken": 5, "repeated": 1, "not taken": 3, "tasks without input": 0}


def test_humanevalpack_without_tests() -> None:
    task = {
        "task_id": "Python/0",
        "entry_point": "f",
        "declaration": "def f(x):\n",
        "prompt": 'def f(x):\n    """\n    >>> f(7)\n    """\n',
        "canonical_solution": "    return x\n",
        "buggy_solution": "    return 0\n",
        "bug_type": "value misuse",
        "test": TEST,
        "example_test": TEST,
    }
    problem = taken(humanevalpack.problem_without_tests(task))
    assert problem.examples == ()
    assert [candidate.expected_verdicts[0] for candidate in problem.candidates if candidate.expected_verdicts] == [
        "accepted",
        "wrong_answer",
    ]
    assert next(inputs(problem, 0)).args == (7,)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "f(1)",
        "__import__('os')",
        "-'a'",
        "[1] + 1",
        "1 / 0",
        "10 ** 10 ** 10",
        "'a' * 10 ** 9",
        "[0] * 10 ** 9",
        "'%99999d' % 1",
        "list(range(10 ** 9))",
        "list(range('a'))",
    ],
)
def test_what_is_not_constant_is_not_evaluated(text: str) -> None:
    with pytest.raises(humanevalpack.NotConstant):
        humanevalpack.constant(ast.parse(text, mode="eval").body)
