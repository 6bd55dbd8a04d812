"""Work on the tasks of a build on all cores, and the verdicts on candidates of one task."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from semi_instruct.engine import Outcome
from semi_instruct.harness.dataset.pairs import suite_row
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.parallel.parallel_map import OpenEngine, RunCounter, map_on_cores
from semi_instruct.harness.parallel.processes import Report
from semi_instruct.harness.problems.schema import Candidate, Example
from semi_instruct.harness.problems.verdicts import VerdictRow
from semi_instruct.harness.runs import Executor
from semi_instruct.harness.verification.row_faults import ROW_FAULTS, fault_of_row
from semi_instruct.harness.verification.scheduler import judge

MIN_TASKS_PER_PROCESS = 4

type ItemWork[Item, Result] = Callable[[Executor, Item, Report], Result]
"""Work on one item with an open engine. The third argument reports the number of new runs."""


def map_items[Item, Result](
    items: Iterable[Item],
    open_engine: OpenEngine[Executor],
    work: ItemWork[Item, Result],
    *,
    lost: Callable[[Item, str], Result],
    workers: int | None = None,
    on_runs: Callable[[int], None],
) -> Generator[Result]:
    """Yield one result per item, in order; see ``harness.parallel.parallel_map.ParallelMap``.

    Args:
        lost: the result of an item on which several processes died, or on which ``work`` raises one of ``ROW_FAULTS``.
        workers: total number of sandboxes; None for one per core.
        on_runs: called with the number of new runs, on the caller's thread.

    Raises:
        SandboxUnavailable: an engine cannot be opened.
        MachineFailed: see ``harness.parallel.processes``.
    """
    return map_on_cores(
        items,
        open_engine,
        partial(_one_by_one, work, lost),
        min_items=MIN_TASKS_PER_PROCESS,
        lost=lambda item, why: [lost(item, why)],
        workers=workers,
        on_news=on_runs,
    )


def _one_by_one[Item, Result](
    work: ItemWork[Item, Result],
    lost: Callable[[Item, str], Result],
    engine: Executor,
    items: Iterable[Item],
    report: Report,
) -> Iterator[Result]:
    for item in items:
        try:
            result = work(engine, item, report)
        except ROW_FAULTS as error:
            result = lost(item, fault_of_row(error))
        yield result


class HowJudged(msgspec.Struct, frozen=True):
    """Options of ``verify``: seed, CPU seconds per task, and number of planned inputs."""

    seed: int
    budget: float
    planned: int


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts on candidates of a task.

    Attributes:
        rows: one per candidate, in order.
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
    report: Report,
    further: Sequence[Example] = (),
) -> Verdicts:
    """Judge candidates by oracles.

    Args:
        oracles, candidates: sources.
        further: inputs in addition to the task's examples.
    """
    named = [Candidate(str(number), source) for number, source in enumerate(candidates)]
    problem = task.problem(oracles, named, further)
    runs = RunCounter(report)

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
    runs.report()
    if found.suite is None:
        raise AssertionError("a suite was asked for")
    return Verdicts(found.rows, suite_row(found.suite))
