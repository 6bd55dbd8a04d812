"""The verdict rows of a problem, when all of its runs have been made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from semi_instruct.harness.judge.consensus import Drop
from semi_instruct.harness.judge.oracle_record import ORACLE_EXHAUSTIONS_ALLOWED, OracleRecord
from semi_instruct.harness.judge.scorecard import Scorecard
from semi_instruct.harness.problems.strength import UNRATED, Strength
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.runs import RunQueue


def verdict_rows(
    cards: Sequence[Scorecard],
    record: OracleRecord,
    queue: RunQueue,
    own: Mapping[int, AbstractSet[int]],
    strength: Strength,
) -> list[VerdictRow]:
    """A row for each candidate, in the order of the problem.

    Args:
        queue: of the problem; nothing is left in it.
        own: inputs that are for some candidates only, with the indexes of these candidates.
        strength: of the test cases.
    """
    settled = record.settled()
    cases = record.test_cases()
    remark = _why_cut_short(record, queue, len(settled.keys() - own.keys()))
    about_oracles, about_checker = record.about_oracles(own.keys()), record.about_checker()
    if queue.fault is not None:
        rows = [_unjudged(card, Verdict.SANDBOX_ERROR, remark) for card in cards]
    elif not cases and about_checker:
        rows = [_unjudged(card, Verdict.SANDBOX_ERROR, _joined(about_checker, remark)) for card in cards]
    elif not cases:
        detail = _joined(record.first_crash() or about_oracles, remark)
        rows = [_unjudged(card, Verdict.NO_ORACLE, detail) for card in cards]
    else:
        detail = _joined(remark, about_oracles, about_checker)
        rows = [
            card.row([case for case in cases if number in own.get(case, {number})], strength, {}, detail)
            for number, card in enumerate(cards)
        ]
    proposed = record.proposal()
    return [
        replace(row, dropped_inputs=_dropped(settled, own, number), proposed_comparison=proposed)
        for number, row in enumerate(rows)
    ]


def _dropped(settled: Mapping[int, Drop | None], own: Mapping[int, AbstractSet[int]], number: int) -> dict[str, int]:
    """The number of inputs of a candidate that are not test cases, by reason."""
    drops = [drop for index, drop in settled.items() if drop is not None and number in own.get(index, {number})]
    return {drop.value: count for drop, count in Counter(drops).items()}


def _why_cut_short(record: OracleRecord, queue: RunQueue, inputs: int) -> str:
    if queue.fault is not None:
        return queue.fault
    if record.last_that_counts() < float("inf"):
        return f"oracles hit limits on {ORACLE_EXHAUSTIONS_ALLOWED} inputs running: only {inputs} inputs taken"
    if queue.is_over_budget:
        return f"the budget of {queue.budget:g} CPU seconds allows no more: only {inputs} inputs taken"
    return ""


def _joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _unjudged(card: Scorecard, verdict: Verdict, detail: str) -> VerdictRow:
    return VerdictRow(
        problem=card.problem.id,
        candidate=card.candidate.id,
        verdict=verdict,
        passed=0,
        test_cases=0,
        counterexample=None,
        strength=UNRATED,
        dropped_inputs={},
        detail=detail,
        seconds=card.seconds,
        expect=card.candidate.expected_verdicts,
    )
