"""Work on all cores: how many processes it takes, each with an engine of its own, and the news of their runs."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from semi_instruct.engine import Outcome
from semi_instruct.harness.parallel.processes import Tell, Work

# How often a process says how many runs it made.
NEWS_EVERY_S = 0.2


class OpenEngine[Executor](Protocol):
    """``engine.Engine``, or what stands for it; goes to other processes by ``dill``."""

    def __call__(self, *, workers: int) -> AbstractContextManager[Executor]:
        """An engine of so many sandboxes."""


@dataclass(frozen=True, slots=True)
class Shares[Item]:
    """Work that is shared out.

    Attributes:
        items: all of them.
        sandboxes: for each process; if there is one, it is this one.
    """

    items: Iterator[Item]
    sandboxes: Sequence[int]


def shared_out[Item](items: Iterable[Item], fewest: int, workers: int | None = None) -> Shares[Item]:
    """Choose the number of processes: no more than cores, than sandboxes, and than there are items for.

    Args:
        items: read as far as it takes to choose, the rest lazily.
        fewest: items a process.
        workers: sandboxes at one time, in all; None for one a core.
    """
    cores = len(os.sched_getaffinity(0))
    sandboxes = workers or cores
    most = min(sandboxes, cores)
    coming = iter(items)
    first = list(itertools.islice(coming, fewest * most)) if most > 1 else []
    processes = max(1, len(first) // fewest)
    shares = [sandboxes // processes + (place < sandboxes % processes) for place in range(processes)]
    return Shares(itertools.chain(first, coming), shares)


@contextmanager
def with_engine[Executor, Item, Result](
    open_engine: OpenEngine[Executor], workers: int, work: Callable[[Executor, Item, Tell], Result]
) -> Iterator[Work[Item, Result]]:
    """A workplace (``harness.parallel.processes``): work on items with an engine that stays open."""
    with open_engine(workers=workers) as engine:
        yield partial(work, engine)


class RunCounter:
    """Counts runs, and tells how many more they are, now and then.

    Args:
        tell: called with the number of runs not told yet.
    """

    def __init__(self, tell: Callable[[int], None]) -> None:
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
