"""After the planned inputs: the test cases are rated, and what they miss is looked for."""

from __future__ import annotations

from typing import Any

import pytest

from semi_instruct.engine import Engine, Limits, Outcome, Program, Status
from semi_instruct.harness.inputs.source import Answer, TestInput
from semi_instruct.harness.judge.batch import Unconfirmed, run_batches
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.runs import Conversation, Request, Runner, Steps
from semi_instruct.harness.verification.scheduler import verify
from tests.harness.support.problem_rows import function_row, problem

ORACLE = "def f(x):\n    return 1 if x > 1000 else 0\n"
# Fails on very few of the calls that are planned, and on none of the examples.
RARELY_WRONG = "def f(x):\n    return 1 if x > 1000 else (x % 97 == 13) + 0\n"
LYING = """
import sys
looked_at = "run_repeatedly" in repr(sys._getframe(1).f_code)
def f(x):
    return (1 if x > 1000 else 0) if looked_at else 5
"""


@pytest.fixture(scope="module")
def engine() -> Any:
    with Engine(workers=2) as opened:
        yield opened


def rows(engine: Engine, *sources: str, **options: Any) -> list[VerdictRow]:
    candidates = [{"id": f"c{place}", "source": source} for place, source in enumerate(sources)]
    row = function_row(
        oracles=[ORACLE], candidates=candidates, examples=[{"input": [number]} for number in (1, 5, 3000)]
    )
    return list(verify([problem(row)], engine, **options))


def test_the_test_cases_are_rated(engine: Engine) -> None:
    [row] = rows(engine, ORACLE)
    assert row.verdict is Verdict.ACCEPTED
    assert row.strength.branch_coverage == 1.0
    assert row.strength.mutants_killed is not None
    assert row.strength.mutants_killed > 0.5
    [unrated] = rows(engine, ORACLE, planned=0)
    assert unrated.strength.mutants_killed is None


def test_what_one_candidate_is_caught_with_changes_nothing_for_another(engine: Engine) -> None:
    [alone] = rows(engine, ORACLE)
    [beside, rarely, lying] = rows(engine, ORACLE, RARELY_WRONG, LYING)
    assert rarely.verdict is lying.verdict is Verdict.WRONG_ANSWER
    assert (beside.passed, beside.test_cases, beside.strength) == (alone.passed, alone.test_cases, alone.strength)


def test_who_has_used_up_its_time_is_looked_at_all_the_same(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semi_instruct.harness.verification.session.SHARES", 0.001)
    right, rarely = rows(engine, ORACLE, RARELY_WRONG, budget=60.0)
    assert (right.verdict, rarely.verdict) == (Verdict.UNDECIDED, Verdict.WRONG_ANSWER)
    assert rarely.counterexample is not None
    assert rarely.counterexample.provenance == "search"


def test_many_inputs_are_answered_as_single_ones_are(engine: Engine) -> None:
    program = Program("import sys\ncount = globals().get('count', 0) + 1\nprint(int(input()) * 2, count)")
    inputs = [TestInput("t", stdin=text) for text in (b"1\n", b"x\n", b"3\n")]
    [result] = Runner(engine).run(run_batches([program], inputs, Limits(cpu_time=2)))
    assert result.answers == [Unconfirmed(Answer(b"2 1\n")), Unconfirmed(None), Unconfirmed(Answer(b"6 1\n"))]


def test_a_program_that_ends_itself_is_not_known_on_that_input_alone(engine: Engine) -> None:
    program = Program("def f(x):\n    import os\n    return os._exit(0) if x == 2 else x", entry="f")
    inputs = [TestInput("t", args=(number,)) for number in (1, 2, 3)]
    [result] = Runner(engine).run(run_batches([program], inputs, Limits(cpu_time=2)))
    assert result.answers == [Unconfirmed(Answer(1)), None, Unconfirmed(Answer(3))]


def test_steps_go_on_when_all_they_asked_for_is_answered() -> None:
    def steps() -> Steps[list[str]]:
        first = yield [Request(Program("a")), Request(Program("b"))]
        assert (yield []) == []
        second = yield [Request(Program("c"))]
        return [outcome.detail for outcome in (*first, *second)]

    ended: list[list[str]] = []
    conversation = Conversation(steps(), ended.append)
    assert [request.program.source for _, request in conversation.next_requests()] == ["a", "b"]
    conversation.answer(1, Outcome(Status.OK, detail="b"))
    assert conversation.next_requests() == []
    conversation.answer(0, Outcome(Status.OK, detail="a"))
    assert [request.program.source for _, request in conversation.next_requests()] == ["c"]
    conversation.answer(0, Outcome(Status.OK, detail="c"))
    assert conversation.next_requests() == []
    assert ended == [["a", "b", "c"]]
    assert conversation.is_over


SELDOM_WRONG = "def f(x):\n    return 1 if x > 1000 else (x % 37 == 30) + 0\n"
SPOILING = """
import os, sys
def f(x):
    if "run_repeatedly" in sys._getframe(1).f_code.co_name + repr(sys._getframe(2).f_code):
        os._exit(0)
    return 1 if x > 1000 else (x % 37 == 30) + 0
"""


def test_who_spoils_a_look_gets_inputs_in_fresh_sandboxes(engine: Engine) -> None:
    plain, spoiling, right = rows(engine, SELDOM_WRONG, SPOILING, SPOILING.replace("(x % 37 == 30) + ", ""))
    assert plain.verdict is Verdict.WRONG_ANSWER
    assert spoiling.verdict is Verdict.WRONG_ANSWER
    assert spoiling.counterexample is not None
    assert spoiling.counterexample.provenance == "search"
    assert (right.verdict, right.passed) == (Verdict.ACCEPTED, right.test_cases)
    assert right.test_cases > spoiling.passed
