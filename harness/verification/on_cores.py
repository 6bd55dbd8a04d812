"""Verifies problems on all cores: a process a core, each with an engine of its own, as if it were one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Protocol

from semi_instruct.engine import Outcome
from semi_instruct.harness.parallel.cores import OpenEngine, RunCounter, shared_out, with_engine
from semi_instruct.harness.parallel.processes import Tell, in_processes
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.verification.scheduler import Executor

# With fewer problems for each there are fewer processes: to start one more, and to wait in the end for the one that is
# last, costs more than it gains. On 2 busy cores, 2 problems a process took 1.1 times as long as they all in one
# process, 4 as long, 6 took 0.82 times.
FEWEST_PROBLEMS_A_PROCESS = 4


class Judge[Row](Protocol):
    """``harness.verification.scheduler.judge`` or ``verify`` with its options given."""

    def __call__(
        self, problems: Iterable[Problem], engine: Executor, *, on_run: Callable[[Outcome], None] | None
    ) -> Iterator[Row]:
        """Judge every candidate of every problem."""


def verify_on_cores[Row](
    problems: Iterable[Problem],
    open_engine: OpenEngine[Executor],
    judge: Judge[Row],
    *,
    lost: Callable[[Problem, str], list[Row]],
    workers: int | None = None,
    on_runs: Callable[[int], None],
) -> Generator[Row]:
    """What ``judge`` yields, in its order, the same for any number of processes.

    A process that dies loses nothing: its problem is judged again, by another.

    Args:
        problems: taken lazily, a bounded number ahead.
        judge: goes to other processes by ``dill``.
        lost: what is said of a problem on which several processes died, and why they did.
        workers: sandboxes at one time, in all; None for one a core. There are never more processes than cores.
        on_runs: called with how many more runs were made, now and then, on the caller's thread.

    Raises:
        SandboxUnavailable: from an engine, once.
    """
    shares = shared_out(problems, FEWEST_PROBLEMS_A_PROCESS, workers)
    if len(shares.sandboxes) == 1:
        with open_engine(workers=shares.sandboxes[0]) as engine:
            yield from judge(shares.items, engine, on_run=lambda _: on_runs(1))
        return
    work = partial(_rows, judge)
    workplaces = [partial(with_engine, open_engine, share, work) for share in shares.sandboxes]
    with closing(in_processes(shares.items, workplaces, lost=lost, on_told=on_runs)) as judged:
        for rows in judged:
            yield from rows


def _rows[Row](judge: Judge[Row], engine: Executor, problem: Problem, tell: Tell) -> list[Row]:
    runs = RunCounter(tell)
    rows = list(judge([problem], engine, on_run=runs.count))
    runs.tell()
    return rows
