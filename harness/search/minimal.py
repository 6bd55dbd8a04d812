"""The rows of a problem with counterexamples of minimal size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf

from semi_instruct.engine import Outcome
from semi_instruct.harness.judge.batch import Submits
from semi_instruct.harness.judge.scorecard import Failure
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.search.confirm import Difference, RunFailed
from semi_instruct.harness.search.shrinking import Shrinker

# Not those that used up a limit, as each try would again.
_SHRUNK = frozenset({Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR})


def with_minimal_counterexamples(
    engine: Submits,
    problem: Problem,
    rows: Sequence[VerdictRow],
    failures: Sequence[Failure | None],
    seed: int,
    on_run: Callable[[Outcome], None] | None,
    cpu_s: float = inf,
) -> list[VerdictRow]:
    """The same verdicts, each shown on the smallest input that was found to lead to it.

    What the row says of provenance stays: it tells what found the fault. A counterexample that fresh runs do not show
    again, or that a checker judged, stays as it is.

    Args:
        rows, failures: of the problem's candidates; see ``harness.verification.session.Examination``.
        cpu_s: what all this may take, about. Each counterexample has an equal part of it, whatever the others take.
    """
    if problem.language != "python" or problem.how_compared.kind == "checker":
        return list(rows)
    to_shrink = sum(failure is not None and row.verdict in _SHRUNK for row, failure in zip(rows, failures, strict=True))
    shrinker = Shrinker(engine, problem, seed, on_run=on_run, cpu_s=cpu_s / max(1, to_shrink))
    shown = []
    for candidate, row, failure in zip(problem.candidates, rows, failures, strict=True):
        found = None
        if failure is not None and row.verdict in _SHRUNK:
            with suppress(RunFailed):  # the counterexample that is there is as true, and larger
                found = shrinker.shrink(candidate, failure.input)
        shown.append(row if failure is None or found is None else _shown_on(row, failure, found))
    return shown


def _shown_on(row: VerdictRow, failure: Failure, found: Difference) -> VerdictRow:
    """The row, with another counterexample and what is to be said of it."""
    if row.counterexample is None or found.row.counterexample is None:
        return row
    remarks = row.detail.removeprefix(failure.detail).removeprefix("; ")
    return replace(
        row,
        counterexample=replace(found.row.counterexample, provenance=row.counterexample.provenance),
        detail="; ".join(filter(None, (found.row.detail, remarks))),
    )
