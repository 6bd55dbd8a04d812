"""One map over items behind a protocol: in this process, or in one process per core with an engine each.

``verify``, ``fuzz`` and ``build`` use it. The results and their order do not depend on the number of processes.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from semi_instruct.engine import Outcome
from semi_instruct.harness.parallel.processes import Report, Work, in_processes

# Seconds between two reports of the number of runs.
REPORT_INTERVAL_S = 0.2


class OpenEngine[Engine](Protocol):
    """``engine.Engine`` or a replacement for it. ``dill`` must be able to serialize it."""

    def __call__(self, *, workers: int) -> AbstractContextManager[Engine]:
        """Open an engine with this number of sandboxes."""


type StreamWork[Engine, Item, Result] = Callable[[Engine, Iterable[Item], Report], Iterator[Result]]
"""Work on a stream of items with an open engine.

It yields any number of results per item, in the order of the items, and may work on several items at a time. The third
argument reports progress. ``dill`` must be able to serialize it.
"""


class ParallelMap(Protocol):
    """A strategy for working on many items."""

    def map[Engine, Item, Result](
        self,
        items: Iterable[Item],
        open_engine: OpenEngine[Engine],
        work: StreamWork[Engine, Item, Result],
        *,
        lost: Callable[[Item, str], Iterable[Result]],
        on_news: Callable[[Any], None],
    ) -> Generator[Result]:
        """Yield the results of all items, in the order of the items.

        Args:
            items: read lazily, a bounded number ahead.
            open_engine: called once per process.
            lost: the results of an item on which several processes died, and why they died.
            on_news: called on the caller's thread with what ``work`` reports.

        Raises:
            SandboxUnavailable: an engine cannot be opened.
            MachineFailed: the machine lacks what a process needs, for too long.
            Exception: whatever ``work`` raises. All processes are then ended.
        """


@dataclass(frozen=True, slots=True)
class InProcess:
    """Does the work in this process, on the whole stream of items. It never calls ``lost``.

    Attributes:
        sandboxes: number of sandboxes of its engine.
    """

    sandboxes: int

    def map[Engine, Item, Result](
        self,
        items: Iterable[Item],
        open_engine: OpenEngine[Engine],
        work: StreamWork[Engine, Item, Result],
        *,
        lost: Callable[[Item, str], Iterable[Result]],
        on_news: Callable[[Any], None],
    ) -> Generator[Result]:
        """Implements :meth:`ParallelMap.map`."""
        with open_engine(workers=self.sandboxes) as engine:
            yield from work(engine, items, on_news)


@dataclass(frozen=True, slots=True)
class ProcessPerCore:
    """Does the work in several processes, one item at a time in each. See ``harness.parallel.processes``.

    Attributes:
        sandboxes: number of sandboxes of each process's engine.
    """

    sandboxes: Sequence[int]

    def map[Engine, Item, Result](
        self,
        items: Iterable[Item],
        open_engine: OpenEngine[Engine],
        work: StreamWork[Engine, Item, Result],
        *,
        lost: Callable[[Item, str], Iterable[Result]],
        on_news: Callable[[Any], None],
    ) -> Generator[Result]:
        """Implements :meth:`ParallelMap.map`."""
        workplaces = [partial(_workplace, open_engine, count, work) for count in self.sandboxes]
        with closing(in_processes(items, workplaces, lost=lost, on_news=on_news)) as results:
            for of_item in results:
                yield from of_item


def map_on_cores[Engine, Item, Result](
    items: Iterable[Item],
    open_engine: OpenEngine[Engine],
    work: StreamWork[Engine, Item, Result],
    *,
    min_items: int,
    lost: Callable[[Item, str], Iterable[Result]],
    on_news: Callable[[Any], None],
    workers: int | None = None,
) -> Generator[Result]:
    """Map on as many processes as there are cores, sandboxes and items for; see :class:`ParallelMap`.

    Args:
        min_items: items per process; with fewer items there are fewer processes.
        workers: total number of sandboxes; None for one per core.
    """
    chosen, all_items = choose_map(items, min_items, workers)
    yield from chosen.map(all_items, open_engine, work, lost=lost, on_news=on_news)


def choose_map[Item](
    items: Iterable[Item], min_items: int, workers: int | None = None
) -> tuple[InProcess | ProcessPerCore, Iterator[Item]]:
    """Choose where to work, and return all items with it. Reads only as many items as the choice needs.

    Args:
        min_items, workers: see :func:`map_on_cores`.
    """
    cores = len(os.sched_getaffinity(0))
    sandboxes = workers or cores
    max_processes = min(sandboxes, cores)
    rest = iter(items)
    first = list(itertools.islice(rest, min_items * max_processes)) if max_processes > 1 else []
    processes = max(1, len(first) // min_items)
    shares = [sandboxes // processes + (index < sandboxes % processes) for index in range(processes)]
    all_items = itertools.chain(first, rest)
    return (InProcess(shares[0]) if processes == 1 else ProcessPerCore(shares)), all_items


@contextmanager
def _workplace[Engine, Item, Result](
    open_engine: OpenEngine[Engine], sandboxes: int, work: StreamWork[Engine, Item, Result]
) -> Iterator[Work[Item, list[Result]]]:
    """Work on single items with an engine that stays open."""
    with open_engine(workers=sandboxes) as engine:
        yield lambda item, report: list(work(engine, [item], report))


class RunCounter:
    """Counts sandbox runs and reports the number of new ones, at most once per ``REPORT_INTERVAL_S``.

    Args:
        report: called with the number of runs since the last report.
    """

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._unreported = 0
        self._reported_at = time.monotonic()

    def count(self, _: Outcome) -> None:
        """Count one run."""
        self._unreported += 1
        if time.monotonic() - self._reported_at >= REPORT_INTERVAL_S:
            self.report()

    def report(self) -> None:
        """Report the runs that have not been reported yet."""
        self._report(self._unreported)
        self._unreported = 0
        self._reported_at = time.monotonic()
