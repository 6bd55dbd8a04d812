"""What is proposed when correct programs answer differently."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from semi_instruct.engine import Determinism, Outcome, Program
from semi_instruct.harness.compare.comparison import Comparison
from semi_instruct.harness.inputs.source import Answer, TestInput
from semi_instruct.harness.judge.disagreements import Disagreements, looser_than
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.verification.scheduler import verify
from semi_instruct.harness.verification.tally import Tally
from tests.harness.support.fake_engine import ScriptedEngine, printed, returned
from tests.harness.support.problem_rows import function_row, problem, stdin_row

TOKENS = Comparison("tokens")


def proposed(comparison: Comparison, *pairs: tuple[Any, Any]) -> Comparison | None:
    disagreements = Disagreements(comparison)
    for index, pair in enumerate(pairs):
        disagreements.record(index, TestInput("example"), [Answer(content) for content in pair])
    proposal = disagreements.proposal(range(len(pairs)))
    return proposal.comparison if proposal else None


@pytest.mark.parametrize(
    ("answers", "explanation"),
    [
        ((b"Yes", b"YES"), Comparison("tokens", ignore_case=True)),
        ((b"0.3333", b"0.33333333"), Comparison("tokens", 1e-4, 1e-4)),
        ((b"0.33", b"0.33333333"), Comparison("tokens", 1e-2, 1e-2)),
        ((b"1\n2", b"2\n1"), Comparison("unordered_lines")),
        ((b"a\nB", b"b\nA"), Comparison("unordered_lines", ignore_case=True)),
        ((b"1 2", b"2 1"), None),
        ((b"1", b"2"), None),
        ((b"0.3", b"0.333333333"), None),
    ],
)
def test_the_strictest_explanation_is_proposed(answers: tuple[bytes, bytes], explanation: Comparison | None) -> None:
    assert proposed(TOKENS, answers) == explanation


@pytest.mark.parametrize(
    ("comparison", "answers", "explanation"),
    [
        (Comparison("exact"), (b"1", b"1\n"), Comparison("lines")),
        (Comparison("exact"), (b"1 2", b"1\n2"), Comparison("tokens")),
        (Comparison("lines"), (b"1 2", b"1  2"), Comparison("tokens")),
        (Comparison("tokens", 1e-3, 1e-9), (b"1.0", b"1.005"), Comparison("tokens", 1e-2, 1e-2)),
        (Comparison("unordered_lines"), (b"a", b"A"), Comparison("unordered_lines", ignore_case=True)),
        (Comparison("value"), ([1.0], [1.0005]), Comparison("value", 1e-3, 1e-3)),
        (Comparison("value"), ([1, 2], [2, 1]), None),
        (Comparison("checker", checker="x"), (b"a", b"A"), None),
    ],
)
def test_explanations_are_looser_than_what_is_in_force(
    comparison: Comparison, answers: tuple[Any, Any], explanation: Comparison | None
) -> None:
    assert proposed(comparison, answers) == explanation


@pytest.mark.parametrize("kind", ["exact", "lines", "tokens", "unordered_lines"])
def test_explanations_take_what_is_in_force_and_one_another(kind: Any) -> None:
    comparison = Comparison(kind, ignore_case=False)
    ladder = looser_than(comparison)
    assert comparison not in ladder
    assert len(set(ladder)) == len(ladder)
    assert all(looser.agree(b"1\na 0.5\n", b"1\na 0.5\n") for looser in ladder)


def test_the_explanation_of_most_is_proposed_and_counted() -> None:
    disagreements = Disagreements(TOKENS)
    pairs = [(b"1\n2", b"2\n1"), (b"a", b"A"), (b"3\n4", b"4\n3"), (b"1", b"2"), (b"5\n6", b"6\n5")]
    for index, pair in enumerate(pairs):
        disagreements.record(index, TestInput("example"), [Answer(content) for content in pair])
    proposal = disagreements.proposal(range(5))
    assert proposal is not None
    # What ignores the case too explains one more.
    assert proposal.comparison == Comparison("unordered_lines", ignore_case=True)
    assert (proposal.explains, proposal.disagreements) == (4, 5)
    without_the_letters = disagreements.proposal([0, 2, 3])
    assert without_the_letters is not None
    assert without_the_letters.comparison == Comparison("unordered_lines")
    assert disagreements.proposal([0, 3]) is not None
    assert disagreements.proposal([3]) is None
    assert disagreements.proposal([]) is None


def test_what_explains_few_disagreements_is_no_explanation() -> None:
    assert proposed(TOKENS, (b"a", b"A"), (b"1", b"2"), (b"3", b"4")) is None


def test_the_output_that_came_with_the_input_must_agree_too() -> None:
    disagreements = Disagreements(TOKENS)
    disagreements.record(0, TestInput("example", known=Answer(b"no")), [Answer(b"Yes"), Answer(b"YES")])
    assert disagreements.proposal([0]) is None
    disagreements.record(1, TestInput("example", known=Answer(b"YES")), [Answer(b"yes"), Answer(b"yes")])
    assert disagreements.proposal([1]) is not None


def upwards_or_downwards(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
    numbers = range(int(stdin)) if program.source == "up" else reversed(range(int(stdin)))
    return printed("".join(f"{number}\n" for number in numbers))


def judge(row: dict[str, Any], script: Any = upwards_or_downwards, **options: Any) -> list[VerdictRow]:
    with ScriptedEngine(script) as engine:
        return list(verify([problem(row)], engine, planned=0, **options))


def test_a_proposal_is_in_the_row_and_is_not_used() -> None:
    row = stdin_row(
        oracles=["up", "down"],
        examples=[{"input": "1"}, {"input": "3"}, {"input": "4"}],
        candidates=[{"id": "c", "source": "down"}],
    )
    [judged] = judge(row)
    assert (judged.test_cases, judged.dropped_inputs) == (1, {"disagree": 2})
    assert judged.to_json()["proposed_comparison"] == {
        "comparison": {"kind": "unordered_lines"},
        "explains": 2,
        "disagreements": 2,
    }
    [asked_for] = judge(row | {"comparison": judged.to_json()["proposed_comparison"]["comparison"]})
    assert (asked_for.verdict, asked_for.test_cases, asked_for.dropped_inputs) == (Verdict.ACCEPTED, 3, {})
    assert "proposed_comparison" not in asked_for.to_json()


def test_a_proposal_is_in_the_row_though_there_is_no_test_case() -> None:
    row = stdin_row(oracles=["up", "down"], examples=[{"input": "3"}], candidates=[{"id": "c", "source": "down"}])
    [judged] = judge(row)
    assert judged.verdict is Verdict.NO_ORACLE
    assert judged.proposed_comparison is not None


def test_an_oracle_that_varies_in_the_order_of_its_lines_gets_it_proposed() -> None:
    class Varying(ScriptedEngine):
        def submit(self, program: Program, *args: Any, determinism: str = Determinism.FIXED, **options: Any) -> Any:
            varied = Program("down") if determinism == Determinism.VARIED else program
            return super().submit(varied, *args, determinism=determinism, **options)

    with Varying(upwards_or_downwards) as engine:
        row = stdin_row(oracles=["up"], examples=[{"input": "3"}])
        [judged] = verify([problem(row)], engine, planned=0)
    assert judged.dropped_inputs == {"nondeterministic": 1}
    assert judged.to_json()["proposed_comparison"]["comparison"] == {"kind": "unordered_lines"}


def test_a_function_gets_a_tolerance_proposed() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        return returned(0.12345 if program.source == "right" else 0.123)

    [judged] = judge(function_row(oracles=["right", "rounds"], examples=[{"input": [1]}]), script)
    assert judged.to_json()["proposed_comparison"]["comparison"] == {
        "kind": "value",
        "absolute_tolerance": 0.001,
        "relative_tolerance": 0.001,
    }


def test_the_summary_lists_proposals_once_a_problem() -> None:
    row = stdin_row(
        oracles=["up", "down"],
        examples=[{"input": "3"}],
        candidates=[{"id": "a", "source": "up"}, {"id": "b", "source": "down"}],
    )
    tally, shown = Tally(), io.StringIO()
    for judged in judge(row):
        tally.count_row(judged)
    tally.report(Console(file=shown))
    assert shown.getvalue().count("p1: unordered lines would explain 1 of 1 disagreements") == 1
