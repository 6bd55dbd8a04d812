"""What every stage of a build has: state, settings, an engine to open, somebody to propose, and its progress."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from semi_instruct.harness.dataset.judging import ItemWork, map_items
from semi_instruct.harness.dataset.progress import StageProgress, stage_progress
from semi_instruct.harness.dataset.proposing import Generator, Usage
from semi_instruct.harness.dataset.settings import Settings
from semi_instruct.harness.dataset.state import Drop, Spent, State
from semi_instruct.harness.parallel.machine_faults import start_threads
from semi_instruct.harness.parallel.parallel_map import OpenEngine
from semi_instruct.harness.runs import Executor

# Tasks that are asked about, or wait for one before them, for each lane of the generator.
_AHEAD = 3


class Kept(msgspec.Struct, frozen=True):
    """What a filter has made of a task.

    Attributes:
        codes: ids of the natural codes that go on; the task does if there are any.
    """

    codes: tuple[str, ...]
    dropped: tuple[Drop, ...] = ()


@dataclass(slots=True)
class Build:
    """A build that is under way.

    Attributes:
        open_engine: goes to other processes.
        generator: proposes; None in natural mode.
        workers: sandboxes at one time; None for one a core.
        quiet: whether no progress is shown.
    """

    state: State
    settings: Settings
    open_engine: OpenEngine[Executor]
    generator: Generator | None = None
    workers: int | None = None
    quiet: bool = False
    on_progress: Callable[[StageProgress], None] = field(default=lambda _: None)

    @contextmanager
    def stage(self, name: str, total: int, behind: int = 0) -> Iterator[Callable[[int, int], None]]:
        """A stage: a function to call with how many more items are behind it, and how many more runs."""
        progress = StageProgress(name, total, behind)
        before = self._usage()
        try:
            with stage_progress(progress, self.quiet) as refresh:

                def more(items: int, runs: int) -> None:
                    progress.behind += items
                    progress.runs += runs
                    self.on_progress(progress)
                    refresh()

                yield more
        finally:
            self.state.spend(name, Spent(progress.seconds, progress.runs, self._usage().since(before)))

    def _usage(self) -> Usage:
        return self.generator.usage if self.generator is not None else Usage()

    def pending(self, stage: str, before: str) -> Iterator[int]:
        """Places of the tasks that the stage before has had and this one has not."""
        done = self.state.done(stage)
        next_done = next(done, None)
        for place in self.state.done(before):
            while next_done is not None and next_done < place:
                next_done = next(done, None)
            if next_done != place:
                yield place

    def each(self, name: str, before: str, work: Callable[[int], tuple[Any, Iterable[Drop]]]) -> None:
        """A stage that works one task after the other, here. ``work`` gives the result and what is dropped."""
        state = self.state
        with self.stage(name, state.count_done(before), state.count_done(name)) as more:
            for place in self.pending(name, before):
                result, drops = work(place)
                state.put(name, place, result, drops)
                state.settle()
                more(1, 0)
            state.commit()

    def each_asked[Given](
        self,
        name: str,
        before: str,
        given: Callable[[int], Given],
        ask: Callable[[Given], tuple[Any, Iterable[Drop]]],
    ) -> None:
        """A stage that asks the generator, of as many tasks at a time as it has lanes.

        Args:
            given: what of a task is asked about; called on this thread.
            ask: gives the result and what is dropped; called on others.
        """
        state, lanes = self.state, self.generator.lanes if self.generator else 1
        waiting: deque[tuple[int, Future[tuple[Any, Iterable[Drop]]]]] = deque()
        with (
            self.stage(name, state.count_done(before), state.count_done(name)) as more,
            ThreadPoolExecutor(lanes, thread_name_prefix="ask") as threads,
        ):
            start_threads(threads, lanes)

            def settle() -> None:
                place, asked = waiting.popleft()
                state.put(name, place, *asked.result())
                state.settle()
                more(1, 0)

            try:
                for place in list(self.pending(name, before)):
                    waiting.append((place, threads.submit(ask, given(place))))
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
        before: str,
        given: Callable[[int], Given],
        work: ItemWork[Given, Result],
        *,
        lost: Callable[[Given, str], Result],
        drops: Callable[[Result], Iterable[Drop]],
    ) -> None:
        """A stage that runs programs: what ``work`` makes of what is given of each task, on all cores.

        Args:
            lost: the result where several processes died on it.
            drops: what a result says was dropped.
        """
        state = self.state
        with self.stage(name, state.count_done(before), state.count_done(name)) as more:
            places: list[int] = []

            def items() -> Iterator[Given]:
                for place in list(self.pending(name, before)):
                    places.append(place)
                    yield given(place)

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
                    state.put(name, places[number], result, drops(result))
                    state.settle()
                    more(1, 0)
            state.commit()
