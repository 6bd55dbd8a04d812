"""A build in progress, and the ways in which its stages work through the tasks."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from semi_instruct.harness.dataset.judging import ItemWork, map_items
from semi_instruct.harness.dataset.settings import Settings
from semi_instruct.harness.dataset.stages import before
from semi_instruct.harness.dataset.state import Drop, Spent, State
from semi_instruct.harness.output.progress import Refresh, progress
from semi_instruct.harness.parallel.machine_faults import start_threads
from semi_instruct.harness.parallel.parallel_map import OpenEngine
from semi_instruct.harness.runs import Executor
from semi_instruct.harness.synthesis.proposals import Generator, Usage

# Tasks that are being asked about, or wait for an earlier one, for each lane of the generator.
_AHEAD = 3


class Kept(msgspec.Struct, frozen=True):
    """The result of a filter for a task.

    Attributes:
        codes: ids of the natural codes that are kept; the task is kept if there are any.
    """

    codes: tuple[str, ...]
    dropped: tuple[Drop, ...] = ()


@dataclass(slots=True)
class StageProgress:
    """A stage in progress.

    Attributes:
        stage: its name.
        total: number of items; 0 if it is not known.
        done: items finished, including those of an earlier start.
        runs: programs run.
    """

    stage: str
    total: int
    done: int = 0
    runs: int = 0
    _started: float = field(default_factory=time.monotonic)
    _before: int = field(init=False)

    def __post_init__(self) -> None:
        self._before = self.done

    @property
    def seconds(self) -> float:
        """Seconds since the stage started."""
        return time.monotonic() - self._started

    def line(self) -> str:
        """The progress in one line."""
        seconds = self.seconds
        rate = (self.done - self._before) / seconds if seconds else 0.0
        parts = [f"{self.stage}: {self.done}" + (f" of {self.total}" if self.total else "")]
        if rate:
            parts.append(f"{rate:.1f}/s")
            if self.total > self.done:
                parts.append(f"{_clock((self.total - self.done) / rate)} left")
        if self.runs:
            parts.append(f"{self.runs} runs")
        return ", ".join(parts)


@dataclass(slots=True)
class Build:
    """A build in progress.

    Attributes:
        open_engine: pickled for worker processes.
        generator: None in natural mode.
        workers: total number of sandboxes; None for one per core.
        quiet: whether to show no progress.
    """

    state: State
    settings: Settings
    open_engine: OpenEngine[Executor]
    generator: Generator | None = None
    workers: int | None = None
    quiet: bool = False
    on_progress: Callable[[StageProgress], None] = field(default=lambda _: None)

    @contextmanager
    def stage(self, name: str, total: int, done: int = 0) -> Iterator[Callable[[int, int], None]]:
        """Enter a stage. Yields a function to call with the numbers of further finished items and further runs."""
        reached = StageProgress(name, total, done)
        used = self._usage()
        try:
            with stage_progress(reached, self.quiet) as refresh:

                def more(items: int, runs: int) -> None:
                    reached.done += items
                    reached.runs += runs
                    self.on_progress(reached)
                    refresh()

                yield more
        finally:
            self.state.spend(name, Spent(reached.seconds, reached.runs, self._usage().since(used)))

    def _usage(self) -> Usage:
        return self.generator.usage if self.generator is not None else Usage()

    def pending(self, stage: str) -> Iterator[int]:
        """Indices of the tasks that the stage before has finished and this one has not."""
        done = self.state.done(stage)
        next_done = next(done, None)
        for index in self.state.done(self._before(stage)):
            while next_done is not None and next_done < index:
                next_done = next(done, None)
            if next_done != index:
                yield index

    def _before(self, stage: str) -> str:
        return before(stage, self.settings)

    def _tasks_stage(self, name: str) -> AbstractContextManager[Callable[[int, int], None]]:
        return self.stage(name, self.state.count_done(self._before(name)), self.state.count_done(name))

    def each(self, name: str, work: Callable[[int], tuple[Any, Iterable[Drop]]]) -> None:
        """Run a stage in this thread, one task after the other.

        Args:
            work: returns the result for the task at an index, and what the stage drops of it.
        """
        state = self.state
        with self._tasks_stage(name) as more:
            for index in self.pending(name):
                result, drops = work(index)
                state.put(name, index, result, drops)
                state.settle()
                more(1, 0)
            state.commit()

    def each_asked[Given](
        self,
        name: str,
        given: Callable[[int], Given],
        ask: Callable[[Given], tuple[Any, Iterable[Drop]]],
    ) -> None:
        """Run a stage that asks the generator about as many tasks at a time as it has lanes.

        Args:
            given: returns the argument of ``ask`` for the task at an index; called on this thread.
            ask: returns the result and what the stage drops; called on other threads.
        """
        state, lanes = self.state, self.generator.lanes if self.generator else 1
        waiting: deque[tuple[int, Future[tuple[Any, Iterable[Drop]]]]] = deque()
        with (
            self._tasks_stage(name) as more,
            ThreadPoolExecutor(lanes, thread_name_prefix="ask") as threads,
        ):
            start_threads(threads, lanes)

            def settle() -> None:
                index, asked = waiting.popleft()
                state.put(name, index, *asked.result())
                state.settle()
                more(1, 0)

            try:
                for index in list(self.pending(name)):
                    waiting.append((index, threads.submit(ask, given(index))))
                    if len(waiting) >= _AHEAD * lanes:
                        settle()
                while waiting:
                    settle()
            finally:
                for _, asked in waiting:
                    asked.cancel()
            state.commit()

    def each_on_cores[Given, Result](
        self,
        name: str,
        given: Callable[[int], Given],
        work: ItemWork[Given, Result],
        *,
        lost: Callable[[Given, str], Result],
        drops: Callable[[Result], Iterable[Drop]],
    ) -> None:
        """Run a stage that runs programs, on all cores.

        Args:
            given: returns the argument of ``work`` for the task at an index; called on this thread.
            work: returns the result for a task; called in worker processes.
            lost: returns the result for a task on which several worker processes died.
            drops: returns what a result drops.
        """
        state = self.state
        with self._tasks_stage(name) as more:
            indices: list[int] = []

            def items() -> Iterator[Given]:
                for index in list(self.pending(name)):
                    indices.append(index)
                    yield given(index)

            results = map_items(
                items(),
                self.open_engine,
                work,
                lost=lost,
                workers=self.workers,
                on_runs=lambda runs: more(0, runs),
            )
            with closing(results):
                for number, result in enumerate(results):
                    state.put(name, indices[number], result, drops(result))
                    state.settle()
                    more(1, 0)
            state.commit()


@contextmanager
def stage_progress(stage: StageProgress, quiet: bool = False) -> Iterator[Refresh]:
    """Yield a function to call after each change. Prints a plain line at the end unless ``quiet``."""
    bar = sys.stderr.isatty() and not quiet
    if quiet:
        yield lambda: None
        return
    with progress(stage.line, lambda: stage.done, stage.total, bar) as refresh:
        yield refresh
    print(f"{stage.line()}, {stage.seconds:.1f} s", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
