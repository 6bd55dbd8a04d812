"""The rows of a problem with counterexamples of minimal size."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf

from semi_instruct.harness.errors import RunFailed
from semi_instruct.harness.judge.rules import Rules
from semi_instruct.harness.judge.scorecard import Failure
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.runs import OnRun, Runner, Submits
from semi_instruct.harness.search.confirm import Difference
from semi_instruct.harness.search.shrinking import Shrinker

# Not those that used up a limit: each try would use it up again.
_SHRUNK = frozenset({Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR})


def with_minimal_counterexamples(
    engine: Submits,
    problem: Problem,
    rows: Sequence[VerdictRow],
    failures: Sequence[Failure | None],
    seed: int,
    on_run: OnRun | None,
    cpu_s: float = inf,
) -> list[VerdictRow]:
    """The same verdicts, each with the smallest input that was found to lead to it.

    The provenance in a row does not change: it says what found the fault. A counterexample that fresh runs do not
    confirm stays as it is.

    Args:
        rows, failures: of the problem's candidates; see ``harness.verification.session.Session``.
        cpu_s: CPU seconds for all of them, about. Each counterexample has an equal share, whatever the others take.
    """
    if problem.language != "python":
        return list(rows)
    to_shrink = sum(failure is not None and row.verdict in _SHRUNK for row, failure in zip(rows, failures, strict=True))
    shrinker = Shrinker(Runner(engine, on_run), Rules(problem), seed, cpu_s=cpu_s / max(1, to_shrink))
    minimal = []
    for candidate, row, failure in zip(problem.candidates, rows, failures, strict=True):
        found = None
        if failure is not None and row.verdict in _SHRUNK:
            with suppress(RunFailed):  # the known counterexample is valid, too, and larger
                found = shrinker.shrink(candidate, failure.input)
        minimal.append(row if failure is None or found is None else _with_counterexample(row, failure, found))
    return minimal


def _with_counterexample(row: VerdictRow, failure: Failure, found: Difference) -> VerdictRow:
    """The row with another counterexample, and the detail that belongs to it."""
    if row.counterexample is None or found.row.counterexample is None:
        return row
    remarks = row.detail.removeprefix(failure.detail).removeprefix("; ")
    return replace(
        row,
        counterexample=replace(found.row.counterexample, provenance=row.counterexample.provenance),
        detail="; ".join(filter(None, (found.row.detail, remarks))),
    )
