"""Has candidates judged by oracles, as ``verify`` does, with the test cases that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from semi_instruct.engine import Outcome
from semi_instruct.harness.dataset.pairs import suite_row
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.parallel.cores import RunCounter
from semi_instruct.harness.parallel.processes import Tell
from semi_instruct.harness.problems.schema import Candidate, Example
from semi_instruct.harness.problems.verdicts import VerdictRow
from semi_instruct.harness.verification.scheduler import Executor, judge


class HowJudged(msgspec.Struct, frozen=True):
    """As the options of ``verify``."""

    seed: int
    budget: float
    planned: int


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Of the candidates of a task, in order.

    Attributes:
        suite: the kept test cases as plain data, see ``harness.dataset.pairs.suite_row``.
    """

    rows: Sequence[VerdictRow]
    suite: dict[str, Any]

    @property
    def dropped_inputs(self) -> dict[str, int]:
        """Inputs that became no test case, by reason."""
        return dict(self.rows[0].dropped_inputs) if self.rows else {}


def judged(
    engine: Executor,
    task: Task,
    oracles: Sequence[str],
    candidates: Sequence[str],
    how: HowJudged,
    tell: Tell,
    further: Sequence[Example] = (),
) -> Verdicts:
    """What is said of candidates.

    Args:
        oracles, candidates: sources.
        further: inputs beside the task's examples.
    """
    named = [Candidate(str(number), source) for number, source in enumerate(candidates)]
    problem = task.problem(oracles, named, further)
    runs = RunCounter(tell)

    def on_run(outcome: Outcome) -> None:
        runs.count(outcome)

    [found] = judge(
        [problem],
        engine,
        seed=how.seed,
        budget=how.budget,
        planned=how.planned,
        shrink=True,
        keeps_suites=True,
        on_run=on_run,
    )
    runs.tell()
    if found.suite is None:
        raise AssertionError("a suite was asked for")
    return Verdicts(found.rows, suite_row(found.suite))
