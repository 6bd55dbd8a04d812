"""Oracles that are not what they are held for are named; candidates' time is measured against the oracles'."""

from __future__ import annotations

from typing import Any

import pytest

from semi_instruct.engine import Determinism, Limits, Outcome, Program, Status
from semi_instruct.harness.compare.comparison import Comparison
from semi_instruct.harness.inputs.source import Answer
from semi_instruct.harness.judge.consensus import Drop
from semi_instruct.harness.judge.oracle_statistics import Outlier, outlier_of, remarks
from semi_instruct.harness.judge.time_rule import SLOWEST_ORACLE_MULTIPLE, candidate_limits
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.verification.scheduler import verify
from tests.harness.support.fake_engine import ScriptedEngine, ended, printed
from tests.harness.support.problem_rows import problem, stdin_row

TOKENS = Comparison("tokens")


def answers(*texts: str | None) -> list[Answer | None]:
    return [None if text is None else Answer(text.encode()) for text in texts]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (("1", "1", "1"), Outlier()),
        (("1", None), Outlier(crashed=1)),
        ((None, "1", "1"), Outlier(crashed=0)),
        ((None, "1", "2"), Outlier()),
        ((None, None, "1"), Outlier()),
        (("1", "2"), Outlier()),
        (("1", "2", "1"), Outlier(minority=1)),
        (("1", "2", "3"), Outlier()),
    ],
)
def test_who_stands_alone(texts: tuple[str | None, ...], found: Outlier) -> None:
    assert outlier_of(answers(*texts), TOKENS.agree) == found


def test_an_oracle_is_named_when_it_stands_alone_often() -> None:
    seen = [Outlier(crashed=0), Outlier(minority=2), Outlier(minority=2), *[Outlier()] * 10]
    assert remarks(seen, [], 3) == ["oracle 3 is in a minority of one on 2 of 13 inputs"]
    assert remarks([Outlier(crashed=0)], [1], 2) == [
        "oracle 2 is nondeterministic",
        "oracle 1 alone crashed on 1 of 1 inputs",
    ]


def test_an_oracle_in_the_minority_is_named_in_the_row() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        return printed("0" if program.source == "odd" and stdin == b"1\n" else stdin.decode())

    [row] = judge(stdin_row(oracles=["right", "odd", "right too"]), script)
    assert row.verdict is Verdict.ACCEPTED
    assert row.dropped_inputs == {Drop.DISAGREE: 1}
    assert row.detail == "oracle 2 is in a minority of one on 1 of 2 inputs"


class VaryingEngine(ScriptedEngine):
    """Its programs named ``varying`` print the condition they are run in."""

    def submit(self, program: Program, *args: Any, determinism: str = Determinism.FIXED, **options: Any) -> Any:
        if program.source == "varying":
            program = Program(f"say {determinism}")
        return super().submit(program, *args, determinism=determinism, **options)


def say(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
    return printed(str(program.source))


def test_a_single_oracle_is_varied_and_what_it_answers_otherwise_is_no_test_case() -> None:
    with VaryingEngine(say) as engine:
        [row] = verify([problem(stdin_row(oracles=["varying"], examples=[{"input": "1\n"}]))], engine, planned=0)
    assert row.verdict is Verdict.NO_ORACLE
    assert row.dropped_inputs == {Drop.NONDETERMINISTIC: 1}
    assert row.detail == "oracle 1 is nondeterministic"


def test_one_of_several_oracles_that_varies_is_named() -> None:
    examples = [{"input": f"{number}\n"} for number in range(4)]
    with VaryingEngine(say) as engine:
        row = stdin_row(
            oracles=["say fixed", "varying"], examples=examples, candidates=[{"id": "c", "source": "say fixed"}]
        )
        [judged] = verify([problem(row)], engine, planned=0)
    assert judged.verdict is Verdict.ACCEPTED
    assert (judged.test_cases, judged.dropped_inputs) == (2, {Drop.NONDETERMINISTIC: 2})
    assert judged.detail == "oracle 2 is nondeterministic"


def judge(row: dict[str, Any], script: Any) -> list[VerdictRow]:
    with ScriptedEngine(script) as engine:
        return list(verify([problem(row)], engine, planned=0))


def test_a_candidate_may_take_a_multiple_of_the_slowest_oracle() -> None:
    limits = Limits(cpu_time=2)
    assert candidate_limits(limits, 0.1) == limits
    assert candidate_limits(limits, 1.5).cpu_time == SLOWEST_ORACLE_MULTIPLE * 1.5


@pytest.mark.parametrize(("ends_in_time", "verdict"), [(1, Verdict.ACCEPTED), (2, Verdict.TIME_LIMIT)])
def test_a_time_limit_is_confirmed_by_a_second_run(ends_in_time: int, verdict: Verdict) -> None:
    runs = []

    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "slow":
            runs.append(stdin)
            if len(runs) <= ends_in_time:
                return ended(Status.TIME_LIMIT)
        return printed("1")

    row = stdin_row(examples=[{"input": "1\n"}], candidates=[{"id": "c", "source": "slow"}])
    with ScriptedEngine(script) as engine:
        [judged] = verify([problem(row)], engine, planned=0)
    assert judged.verdict is verdict
    assert len(runs) == 2
    first, second = engine.limits[-2:]
    assert first.cpu_time == second.cpu_time
    assert first.wall_seconds < second.wall_seconds
