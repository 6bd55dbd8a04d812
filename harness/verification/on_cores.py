"""``verify`` on all cores, with the same rows in the same order as in one process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from typing import Protocol

from semi_instruct.engine import Outcome
from semi_instruct.harness.parallel.parallel_map import OpenEngine, RunCounter, map_on_cores
from semi_instruct.harness.parallel.processes import Report
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.runs import Executor

# Starting one more process, and waiting for the last one, costs more than it gains for a few problems. On 2 busy cores,
# 2 problems per process took 1.1 times as long as one process took for all of them, 4 took as long, 6 took 0.82 times.
MIN_PROBLEMS_PER_PROCESS = 4


class JudgeProblems[Row](Protocol):
    """``harness.verification.scheduler.judge`` or ``verify`` with its options bound."""

    def __call__(
        self, problems: Iterable[Problem], engine: Executor, *, on_run: Callable[[Outcome], None] | None
    ) -> Iterator[Row]:
        """Judge every candidate of every problem."""


def verify_on_cores[Row](
    problems: Iterable[Problem],
    open_engine: OpenEngine[Executor],
    judge: JudgeProblems[Row],
    *,
    lost: Callable[[Problem, str], list[Row]],
    workers: int | None = None,
    on_runs: Callable[[int], None],
) -> Generator[Row]:
    """Yield what ``judge`` yields; see ``harness.parallel.parallel_map.ParallelMap``.

    Args:
        judge: ``dill`` must be able to serialize it.
        lost: the rows of a problem on which several processes died, and why they died.
        workers: total number of sandboxes; None for one per core.
        on_runs: called from time to time with the number of new runs, on the caller's thread.

    Raises:
        SandboxUnavailable: an engine cannot be opened.
        MachineFailed: see ``harness.parallel.processes``.
    """
    return map_on_cores(
        problems,
        open_engine,
        partial(_judge_stream, judge),
        min_items=MIN_PROBLEMS_PER_PROCESS,
        lost=lost,
        workers=workers,
        on_news=on_runs,
    )


def _judge_stream[Row](
    judge: JudgeProblems[Row], engine: Executor, problems: Iterable[Problem], report: Report
) -> Iterator[Row]:
    runs = RunCounter(report)
    yield from judge(problems, engine, on_run=runs.count)
    runs.report()
