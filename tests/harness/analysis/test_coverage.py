"""Branch coverage of programs run in the real sandbox: the same program, and a report of the branches it took."""

from __future__ import annotations

import pytest

from semi_instruct.engine import Engine, Outcome, Program, Status
from semi_instruct.harness.analysis.coverage import Branch, Coverage, InvalidReport, coverage, instrumented

SIGN = """
def sign(n):
    if n > 0:
        return "positive"
    return "zero" if n == 0 else "negative"
"""
LOOP = (
    "total = 0\nfor number in map(int, input().split()):\n    if number % 2:\n        total += number\nprint(total)\n"
)


def covered(engine: Engine, program: Program, *args: object, stdin: bytes = b"") -> tuple[Outcome, Coverage]:
    outcome = engine.run(instrumented(program), args=args, stdin=stdin)
    return outcome, coverage(outcome.stderr)


def test_a_function_answers_as_ever_and_its_branches_are_told(engine: Engine) -> None:
    runs = {number: covered(engine, Program(SIGN, entry="sign"), number) for number in (5, 6, 0, -1)}
    assert [outcome.value for outcome, _ in runs.values()] == ["positive", "positive", "zero", "negative"]
    taken = {number: one.taken for number, (_, one) in runs.items()}
    assert taken[5] == taken[6]
    assert len({taken[5], taken[0], taken[-1]}) == 3
    assert len(taken[5] | taken[0] | taken[-1]) == runs[5][1].branches == 4
    assert sorted(runs[5][1].lines.values()) == [3, 5]


@pytest.mark.parametrize(("stdin", "taken"), [(b"\n", 1), (b"2\n", 3), (b"3\n", 3), (b"2 3\n", 4)])
def test_a_whole_program(engine: Engine, stdin: bytes, taken: int) -> None:
    outcome, found = covered(engine, Program(LOOP), stdin=stdin)
    assert outcome.stdout == engine.run(Program(LOOP), stdin=stdin).stdout
    assert len(found.taken) == taken
    assert found.branches == 4


def test_the_same_run_is_told_the_same(engine: Engine) -> None:
    told = {engine.run(instrumented(Program(LOOP)), stdin=b"1 2 3 4").stderr for _ in range(5)}
    assert len(told) == 1


@pytest.mark.parametrize(
    "ending", ["import sys; sys.exit(3)", "1 / 0", "print('x', file=__import__('sys').stderr, end='')"]
)
def test_whatever_way_a_program_ends(engine: Engine, ending: str) -> None:
    program = Program(f"if input():\n    {ending}\n")
    outcome, found = covered(engine, program, stdin=b"1\n")
    assert outcome.status is engine.run(program, stdin=b"1\n").status
    assert len(found.taken) == 1


def test_a_program_finds_the_namespace_it_would_have(engine: Engine) -> None:
    program = Program("print(sorted(globals()), __name__, __file__)")
    plain, watched = (engine.run(one).stdout for one in (program, instrumented(program)))
    assert watched == plain


def test_classes_generators_and_nested_functions_are_watched(engine: Engine) -> None:
    source = "class S:\n    def f(self, n):\n        return [g() for g in [lambda: 1 if n else 2]]\nprint(S().f(0))\n"
    outcome, found = covered(engine, Program(source))
    assert outcome.stdout == b"[2]\n"
    assert any(branch.code > 0 for branch in found.taken)


def test_a_killed_program_reports_nothing(engine: Engine) -> None:
    outcome = engine.run(instrumented(Program("import os; os._exit(0)")))
    assert outcome.status is Status.OK
    with pytest.raises(InvalidReport):
        coverage(outcome.stderr)


@pytest.mark.parametrize(
    "stderr",
    [
        b"",
        b"Traceback\n",
        b"semi-instruct branches: {",
        b'semi-instruct branches: {"sites": [[1, 2]], "taken": []}',
        b'semi-instruct branches: {"sites": [], "taken": []}\nand more',
        b'semi-instruct branches: {"sites": [], "taken": []' + b" " * (1 << 20) + b"}",
    ],
)
def test_what_is_no_report(stderr: bytes) -> None:
    with pytest.raises(InvalidReport):
        coverage(stderr)


def test_branches_of_unknown_places_do_not_count() -> None:
    found = coverage(b'semi-instruct branches: {"sites": [[0, 2, 1]], "taken": [[0, 2, 8], [7, 7, 7]]}\n')
    assert found.taken == {Branch(0, 2, 8)}
