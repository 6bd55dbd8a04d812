"""The one map of ``verify``, ``fuzz`` and ``build``: every implementation gives the same results in the same order."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from semi_instruct.harness.parallel.parallel_map import InProcess, ParallelMap, ProcessPerCore, choose_map, map_on_cores
from semi_instruct.harness.parallel.processes import Report

KILLS = 3


@contextmanager
def open_engine(*, workers: int) -> Iterator[int]:
    yield workers


def repeated(engine: int, items: Iterable[int], report: Report) -> Iterator[str]:
    """As many results as the item says, and one report."""
    assert engine > 0
    for item in items:
        report(item)
        yield from (f"{item}.{number}" for number in range(item))


def deadly(engine: int, items: Iterable[int], report: Report) -> Iterator[str]:
    for item in items:
        if item == KILLS:
            os.kill(os.getpid(), signal.SIGKILL)
        yield from repeated(engine, [item], report)


def lost(item: int, _: str) -> list[str]:
    return [f"{item} lost", "twice"]


@pytest.mark.parametrize("chosen", [InProcess(2), ProcessPerCore([1, 1])])
def test_every_implementation_gives_the_same_results_in_order(chosen: ParallelMap) -> None:
    items, news = [3, 0, 2, 1], list[int]()
    results = chosen.map(items, open_engine, repeated, lost=lost, on_news=news.append)
    assert list(results) == ["3.0", "3.1", "3.2", "2.0", "2.1", "1.0"]
    assert sorted(news) == sorted(items)


def test_an_item_on_which_processes_die_has_the_results_of_lost() -> None:
    results = ProcessPerCore([1, 1]).map([1, KILLS, 2], open_engine, deadly, lost=lost, on_news=lambda _: None)
    assert list(results) == ["1.0", "3 lost", "twice", "2.0", "2.1"]


@pytest.mark.parametrize(
    ("cores", "items", "workers", "expected"),
    [
        (1, 100, None, InProcess(1)),
        (2, 7, None, InProcess(2)),
        (2, 8, None, ProcessPerCore([1, 1])),
        (2, 100, 5, ProcessPerCore([3, 2])),
        (4, 100, 1, InProcess(1)),
        (4, 12, None, ProcessPerCore([2, 1, 1])),
    ],
)
def test_there_are_no_more_processes_than_cores_sandboxes_and_items_for(
    cores: int, items: int, workers: int | None, expected: ParallelMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    chosen, all_items = choose_map(iter(range(items)), 4, workers)
    assert chosen == expected
    assert list(all_items) == list(range(items))


def test_items_are_read_lazily(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    endless = map_on_cores(itertools.count(1), open_engine, repeated, min_items=4, lost=lost, on_news=lambda _: None)
    assert list(itertools.islice(endless, 3)) == ["1.0", "2.0", "2.1"]
    endless.close()
