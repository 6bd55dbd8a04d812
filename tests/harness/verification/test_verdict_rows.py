"""What a row says of inputs is of those that its candidate was to be run on."""

from __future__ import annotations

from semi_instruct.harness.inputs.source import TestInput
from semi_instruct.harness.judge.consensus import Drop
from semi_instruct.harness.judge.oracle_record import OracleRecord
from semi_instruct.harness.judge.oracle_statistics import Outlier
from semi_instruct.harness.judge.rules import OracleResult
from semi_instruct.harness.judge.scorecard import Scorecard
from semi_instruct.harness.problems.strength import UNRATED
from semi_instruct.harness.runs import RunQueue
from semi_instruct.harness.verification.verdict_rows import verdict_rows
from tests.harness.support.problem_rows import problem, stdin_row


def result(test_input: TestInput, drop: Drop) -> OracleResult:
    return OracleResult(
        input=test_input,
        case=drop,
        answers=(),
        varied={},
        failures={},
        checker_failure=None,
        outlier=Outlier(),
        nondeterministic=frozenset(),
        exhausted=False,
        cpu_s=0.0,
        slowest_s=0.0,
    )


def test_inputs_found_for_one_candidate_are_dropped_from_its_own_row_alone() -> None:
    row = problem(stdin_row(candidates=[{"id": name, "source": "print(1)"} for name in "ab"]))
    record = OracleRecord(row)
    for index, drop in enumerate([Drop.CRASH, Drop.DISAGREE, Drop.DISAGREE]):
        record.note(index, result(TestInput(str(index), stdin=b"%d" % index), drop))
    cards = [Scorecard(row, candidate) for candidate in row.candidates]
    own = {1: {0}, 2: {1}}
    first, second = verdict_rows(cards, record, RunQueue(None), own, UNRATED)
    assert first.dropped_inputs == second.dropped_inputs == {"crash": 1, "disagree": 1}
    [alone] = verdict_rows(cards[:1], record, RunQueue(None), own, UNRATED)
    assert alone.dropped_inputs == first.dropped_inputs
