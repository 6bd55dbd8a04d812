"""Several processes as if they were one: order, results, deaths, and nothing left behind."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pool_work
import psutil
import pytest
from multiprocess import active_children

from engine import SandboxUnavailable
from harness.processes import ATTEMPTS, RESULTS_AHEAD, in_processes
from tests.patience import patient, until

ROOT = Path(__file__).parents[2]


def lost(item: Any, why: str) -> Any:
    return ("lost", item, why)


def pooled(items: Any, processes: int = 2, workplace: Any = pool_work.workplace, **options: Any) -> Any:
    return in_processes(items, [workplace] * processes, lost=lost, **options)


def test_results_come_in_order_from_all_processes(tmp_path: Path) -> None:
    items = [("nap", 0.05 if number % 7 == 0 else 0) for number in range(40)]
    assert list(pooled(items)) == items
    assert len(set(pooled([("meet", str(tmp_path))] * 2))) == 2
    assert list(pooled([])) == []
    assert active_children() == []


def test_whatever_crosses_is_as_it_was() -> None:
    deep: Any = 0
    for _ in range(300):
        deep = [deep]
    items = [("keep", value) for value in (None, "\ud800\0", b"\xff", 10**5_000, float("inf"), "x" * 10**7, deep)]
    assert list(pooled(items, processes=1)) == items


def test_news_come_on_the_callers_side() -> None:
    news: list[int] = []
    list(pooled([("tell", number) for number in range(10)], on_told=news.append))
    assert sorted(news) == list(range(10))


def test_items_are_taken_lazily_and_results_are_bounded(tmp_path: Path) -> None:
    """While the first item waits, the other process goes on, but not for ever."""
    taken, enough = 0, tmp_path / "enough"

    def endless() -> Iterator[Any]:
        nonlocal taken
        for taken in itertools.count(1):
            if taken == RESULTS_AHEAD:
                enough.touch()
            yield ("wait for", str(enough)) if taken == 1 else ("nap", 0)

    results = pooled(endless())
    assert next(results)
    assert RESULTS_AHEAD <= taken <= 2 * RESULTS_AHEAD
    results.close()
    assert active_children() == []


def test_a_process_that_dies_loses_nothing(tmp_path: Path) -> None:
    items = [("die once", str(tmp_path / "once")) if number == 3 else ("keep", number) for number in range(20)]
    assert list(pooled(items)) == items


def test_an_item_that_kills_is_given_up_and_the_others_are_not() -> None:
    items = [("die", None) if number in (0, 5) else ("keep", number) for number in range(12)]
    results = list(pooled(items))
    why = f"{ATTEMPTS} processes of ours were ended by signal 9 (Killed) while they worked on it"
    assert results == [("lost", item, why) if item[0] == "die" else item for item in items]


def test_processes_killed_from_outside_lose_nothing() -> None:
    items = [("announce", number) for number in range(20)]
    killed: set[int] = set()

    def kill(process: int) -> None:
        """The one that has just begun to work on an item, and has 0.1 s to go."""
        if len(killed) < 2 and process not in killed:
            killed.add(process)
            os.kill(process, signal.SIGKILL)

    assert list(pooled(items, on_told=kill)) == items
    assert len(killed) == 2


def test_an_exception_ends_everything_and_says_where_it_comes_from() -> None:
    with pytest.raises(RuntimeError, match="Strange: strange") as caught:
        list(pooled([("nap", 0.01)] * 5 + [("fail", None)]))
    assert "raise Strange(1, 2)" in caught.value.__notes__[0]
    assert active_children() == []


def test_a_workplace_that_cannot_be_opened_is_told_once() -> None:
    with pytest.raises(SandboxUnavailable, match="cgroup"):
        list(pooled([("keep", 1)], workplace=partial(pool_work.broken, "has no walls")))
    with pytest.raises(SandboxUnavailable, match=f"process: {ATTEMPTS} processes of ours were ended by signal 9"):
        list(pooled([("keep", 1)], workplace=partial(pool_work.broken, "dies")))
    assert active_children() == []


def test_workplaces_are_closed_when_all_is_done(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("met", "closed")]
    for folder in folders:
        folder.mkdir()
    met, closed = map(str, folders)
    used = set(pooled([("meet", met)] * 2, workplace=partial(pool_work.marked, closed)))
    assert len(used) == 2
    assert {int(mark.name) for mark in Path(closed).iterdir()} == used


WORKS_LONG = """
import sys, pool_work
from harness.processes import in_processes
items = [("nap", 0)] * 4 + [(sys.argv[1], sys.argv[2])] * 2
for result in in_processes(items, [pool_work.workplace] * 2, lost=None):
    print("working", flush=True)
"""


@pytest.mark.parametrize(
    ("how", "work"),
    [
        (signal.SIGKILL, "nap long"),
        (signal.SIGTERM, "nap long"),
        (signal.SIGINT, "nap long"),
        (signal.SIGINT, "nap long in the garbage collector"),
    ],
)
def test_processes_end_with_their_parent(how: signal.Signals, work: str, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}
    command = [sys.executable, "-c", WORKS_LONG, work, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        for _ in range(4):
            assert parent.stdout.readline() == b"working\n"
        assert until(lambda: len(list(tmp_path.iterdir())) == 2, 60), "the two do not work at the same time"
        processes = psutil.Process(parent.pid).children(recursive=True)
        assert {int(mark.name) for mark in tmp_path.iterdir()} <= {each.pid for each in processes}
        if how is signal.SIGINT:
            os.killpg(parent.pid, how)  # as a terminal does
        else:
            parent.send_signal(how)
        said = parent.stderr.read()
    assert psutil.wait_procs(processes, timeout=patient(10))[1] == []
    # The parent's own traceback, and none of another process.
    assert said.count(b"Traceback") == (how is signal.SIGINT)
