"""The rows of a problem with counterexamples of minimal size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from engine import Outcome
from harness.difference import RunFailed
from harness.inputs import TestInput
from harness.many_calls import Submits
from harness.problems import Problem
from harness.shrinking import Shrinker
from harness.verdicts import Verdict, VerdictRow

# Not those that used up a limit, as each try would again.
_SHRUNK = frozenset({Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR})


def with_minimal_counterexamples(
    engine: Submits,
    problem: Problem,
    rows: Sequence[VerdictRow],
    failing: Sequence[TestInput | None],
    seed: int,
    on_run: Callable[[Outcome], None] | None,
) -> list[VerdictRow]:
    """The same verdicts, each shown on the smallest input that was found to lead to it.

    What the row says of provenance stays: it tells what found the fault. A counterexample that fresh runs do not show
    again, or that a checker judged, stays as it is.

    Args:
        rows, failing: of the problem's candidates; see ``harness.examination.Examination``.
    """
    if problem.language != "python" or problem.how_compared.kind == "checker":
        return list(rows)
    shrinker = Shrinker(engine, problem, seed, on_run=on_run)
    shown = []
    for candidate, row, known in zip(problem.candidates, rows, failing, strict=True):
        found = None
        if known is not None and row.verdict in _SHRUNK:
            with suppress(RunFailed):  # the counterexample that is there is as true, and larger
                found = shrinker.shrink(candidate, known)
        if found is not None and found.row.counterexample is not None:
            provenance = row.counterexample.provenance if row.counterexample else ""
            row = replace(row, counterexample=replace(found.row.counterexample, provenance=provenance))
        shown.append(row)
    return shown
