"""Verifies problems on all cores: a process a core, each with an engine of its own, as if it were one."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import Protocol

from engine import Outcome
from harness.problems import Problem
from harness.processes import Tell, Work, in_processes
from harness.strength import UNRATED
from harness.verdicts import Verdict, VerdictRow
from harness.verify import Executor

# With fewer problems for each there are fewer processes: to start one more, and to wait in the end for the one that is
# last, costs more than it gains. On 2 busy cores, 2 problems a process took 1.1 times as long as they all in one
# process, 4 as long, 6 took 0.82 times.
FEWEST_PROBLEMS_A_PROCESS = 4
# How often a process says how many runs it made.
NEWS_EVERY_S = 0.2


class Judge[Row](Protocol):
    """``harness.verify.judge`` or ``verify`` with its options given."""

    def __call__(
        self, problems: Iterable[Problem], engine: Executor, *, on_run: Callable[[Outcome], None] | None
    ) -> Iterator[Row]:
        """Judge every candidate of every problem."""


class OpenEngine(Protocol):
    """``engine.Engine``, or what stands for it; goes to other processes by ``dill``."""

    def __call__(self, *, workers: int) -> AbstractContextManager[Executor]:
        """An engine of so many sandboxes."""


def verify_on_cores[Row](
    problems: Iterable[Problem],
    open_engine: OpenEngine,
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
    cores = len(os.sched_getaffinity(0))
    sandboxes = workers or cores
    coming = iter(problems)
    most = min(sandboxes, cores)
    first = list(itertools.islice(coming, FEWEST_PROBLEMS_A_PROCESS * most)) if most > 1 else []
    processes = len(first) // FEWEST_PROBLEMS_A_PROCESS
    if processes < 2:
        with open_engine(workers=sandboxes) as engine:
            yield from judge(itertools.chain(first, coming), engine, on_run=lambda _: on_runs(1))
        return
    shares = [sandboxes // processes + (place < sandboxes % processes) for place in range(processes)]
    workplaces = [partial(_judging, open_engine, share, judge) for share in shares]
    with closing(in_processes(itertools.chain(first, coming), workplaces, lost=lost, on_told=on_runs)) as judged:
        for rows in judged:
            yield from rows


@contextmanager
def _judging[Row](open_engine: OpenEngine, workers: int, judge: Judge[Row]) -> Iterator[Work[Problem, list[Row]]]:
    with open_engine(workers=workers) as engine:
        yield partial(_rows, engine, judge)


def _rows[Row](engine: Executor, judge: Judge[Row], problem: Problem, tell: Tell) -> list[Row]:
    runs = _Runs(tell)
    rows = list(judge([problem], engine, on_run=runs.count))
    runs.tell()
    return rows


def lost_rows(problem: Problem, why: str) -> list[VerdictRow]:
    """The verdicts on candidates of a problem on which processes die: ``sandbox_error``."""
    return [
        VerdictRow(
            problem=problem.id,
            candidate=candidate.id,
            verdict=Verdict.SANDBOX_ERROR,
            passed=0,
            test_cases=0,
            counterexample=None,
            strength=UNRATED,
            dropped_inputs={},
            detail=why,
            seconds=0.0,
            expect=candidate.expected_verdicts,
        )
        for candidate in problem.candidates
    ]


class _Runs:
    """Counts runs, and tells them now and then."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._untold = 0
        self._told_at = time.monotonic()

    def count(self, _: Outcome) -> None:
        """One more."""
        self._untold += 1
        if time.monotonic() - self._told_at >= NEWS_EVERY_S:
            self.tell()

    def tell(self) -> None:
        """Tell those not told yet."""
        self._tell(self._untold)
        self._untold = 0
        self._told_at = time.monotonic()
