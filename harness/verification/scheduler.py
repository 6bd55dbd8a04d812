"""Verifies many problems at the same time on one engine, and yields the verdicts in the order of the problems."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from queue import SimpleQueue
from typing import TypedDict, Unpack

from semi_instruct.engine import Engine, Outcome
from semi_instruct.harness.inputs.plan import PLANNED_INPUTS
from semi_instruct.harness.inputs.sources import ALL_SOURCES, Sources
from semi_instruct.harness.judge.suite import nothing_kept
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.verdicts import VerdictRow
from semi_instruct.harness.runs import Executor, Run, result_of, submit
from semi_instruct.harness.search.minimal import with_minimal_counterexamples
from semi_instruct.harness.verification.row_faults import ROW_FAULTS, fault_of_row, unjudged_rows
from semi_instruct.harness.verification.session import Session

# Runs submitted to the engine at the same time, per worker: one is running and one starts directly after it.
RUNS_A_WORKER = 2
# Problems read ahead of the one whose verdicts are next, per run in progress. A slow problem must not leave workers
# idle, and a long file must not be held in memory.
PROBLEMS_A_RUN = 4
# The share of a budget by which shrinking may exceed it.
SHRINKING_PART = 0.1


class Options(TypedDict, total=False):
    """The options of :func:`judge` that decide how a problem is judged."""

    seed: int
    budget: float | None
    planned: int
    sources: Sources
    shrink: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """The result of a finished problem.

    Attributes:
        rows: one per candidate, in the order of the problem.
        suite: the problem with its kept test cases (``harness.judge.suite``); None if none are to be kept.
    """

    rows: list[VerdictRow]
    suite: Problem | None


def verify(
    problems: Iterable[Problem],
    engine: Executor | None = None,
    *,
    on_run: Callable[[Outcome], None] | None = None,
    **options: Unpack[Options],
) -> Iterator[VerdictRow]:
    """Judge every candidate of every problem.

    Args:
        problems: taken lazily, a bounded number ahead; :func:`semi_instruct.load_problems` reads them from a file.
        engine: runs the programs; without one, an engine with one worker per core is opened and closed.
        on_run: called with every outcome, on the caller's thread.
        options: see :func:`judge`.

    Yields:
        One row per candidate, in the order of the problems.

    Raises:
        SandboxUnavailable: the machine lacks an isolation layer of the sandbox.
    """
    with nullcontext(engine) if engine is not None else Engine() as executor:
        for judged in judge(problems, executor, on_run=on_run, **options):
            yield from judged.rows


def judge(
    problems: Iterable[Problem],
    engine: Executor,
    *,
    seed: int = 0,
    budget: float | None = None,
    planned: int = PLANNED_INPUTS,
    sources: Sources = ALL_SOURCES,
    shrink: bool = False,
    keeps_suites: bool = False,
    on_run: Callable[[Outcome], None] | None = None,
) -> Iterator[Judged]:
    """Judge every candidate of every problem.

    Args:
        problems: taken lazily, a bounded number ahead.
        seed: for inputs that are chosen at random. The same seed gives the same rows.
        budget: CPU seconds per problem, after which no further input is taken; None for no limit. See
            ``harness.verification.session``.
        planned: the approximate number of inputs to plan for a whole program in addition to its examples.
        sources: where inputs may come from.
        shrink: whether counterexamples are made minimal (``search.shrinking``). It takes about 40 runs for each
            rejected candidate; if the budget has ended something, at most what is left of it and a tenth of the budget.
        keeps_suites: whether to keep a few test cases of each problem.
        on_run: called with every outcome, on the caller's thread.

    Yields:
        The results in the order of the problems, each as soon as it and all before it are finished.

    Raises:
        SandboxUnavailable: raised by the engine.
    """

    def rows_of(opened: _Opened) -> list[VerdictRow]:
        rows = opened.rows()
        session = opened.session
        if not shrink or session is None or opened.fault is not None:
            return rows
        cpu_s = inf
        if budget is not None and session.is_over_budget:
            cpu_s = max(0.0, budget - session.spent) + SHRINKING_PART * budget
        failures = session.failures()
        try:
            return with_minimal_counterexamples(engine, session.problem, rows, failures, seed, on_run, cpu_s)
        except ROW_FAULTS as error:
            fault_of_row(error)
            return rows  # with the counterexamples that were found

    def judged(opened: _Opened) -> Judged:
        return Judged(rows_of(opened), opened.suite() if keeps_suites else None)

    def open_session(problem: Problem) -> Session:
        return Session(problem, seed, budget, planned, sources, keeps_suites)

    scheduler = _Scheduler(iter(problems), engine, open_session)
    try:
        while scheduler.fill():
            yield from map(judged, scheduler.finished())
            outcome = scheduler.wait()
            if outcome is not None and on_run is not None:
                on_run(outcome)
        yield from map(judged, scheduler.finished())
    finally:
        scheduler.cancel()


class _Opened:
    """A problem in progress. An exception caused by its data ends the work on it, and nothing else.

    Attributes:
        session: None if it could not be created.
        fault: why the problem was given up; None if it was not.
    """

    def __init__(self, problem: Problem, open_session: Callable[[Problem], Session]) -> None:
        self._problem = problem
        self.session: Session | None = None
        self.fault: str | None = None
        try:
            self.session = open_session(problem)
        except ROW_FAULTS as error:
            self.fault = fault_of_row(error)

    def next_run(self) -> Run | None:
        """The next run to be made, or None."""
        if self.session is None or self.fault is not None:
            return None
        try:
            run = self.session.next_run()
        except ROW_FAULTS as error:
            self.fault = fault_of_row(error)
            return None
        return None if run is None else replace(run, done=partial(self._done, run.done))

    def is_done(self) -> bool:
        """Whether all runs have been made and recorded."""
        return self.session is None or self.fault is not None or self.session.is_done()

    def rows(self) -> list[VerdictRow]:
        """The verdict row of each candidate."""
        try:
            if self.session is not None and self.fault is None:
                return self.session.rows()
        except ROW_FAULTS as error:
            self.fault = fault_of_row(error)
        return unjudged_rows(self._problem, self.fault or "")

    def suite(self) -> Problem:
        """The problem with its kept test cases."""
        try:
            if self.session is not None and self.fault is None:
                return self.session.suite()
        except ROW_FAULTS as error:
            self.fault = fault_of_row(error)
        return nothing_kept(self._problem)

    def _done(self, record: Callable[[Outcome], None], outcome: Outcome) -> None:
        if self.fault is None:
            try:
                record(outcome)
            except ROW_FAULTS as error:
                self.fault = fault_of_row(error)


class _Scheduler:
    """The problems and runs in progress. Used by one thread."""

    def __init__(
        self, problems: Iterator[Problem], engine: Executor, open_session: Callable[[Problem], Session]
    ) -> None:
        self._problems = problems
        self._engine = engine
        self._open_session = open_session
        self._open: deque[_Opened] = deque()
        self._running: dict[Future[Outcome], Run] = {}
        self._finished: SimpleQueue[Future[Outcome]] = SimpleQueue()
        self._most_running = RUNS_A_WORKER * engine.workers

    def fill(self) -> bool:
        """Start runs, those of earlier problems first, up to the maximum. Returns whether any work is left."""
        while len(self._running) < self._most_running:
            run = next(filter(None, (opened.next_run() for opened in self._open)), None)
            if run is not None:
                self._start(run)
            elif not self._open_next():
                break
        return bool(self._open)

    def finished(self) -> Iterator[_Opened]:
        """The finished problems, up to the first one that is not finished."""
        while self._open and self._open[0].is_done():
            yield self._open.popleft()

    def wait(self) -> Outcome | None:
        """Wait for a run to end, and record its outcome. None if no run is in progress."""
        if not self._running:
            return None
        future = self._finished.get()
        run = self._running.pop(future)
        outcome = result_of(run.request, future)
        run.done(outcome)
        return outcome

    def cancel(self) -> None:
        """Cancel the runs that have not started."""
        for future in self._running:
            future.cancel()

    def _start(self, run: Run) -> None:
        future = submit(self._engine, run.request)
        self._running[future] = run
        future.add_done_callback(self._finished.put)

    def _open_next(self) -> bool:
        if len(self._open) >= PROBLEMS_A_RUN * self._most_running:
            return False
        problem = next(self._problems, None)
        if problem is None:
            return False
        self._open.append(_Opened(problem, self._open_session))
        return True
