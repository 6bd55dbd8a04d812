"""Several processes as if they were one: order, results, deaths, and nothing left behind."""

from __future__ import annotations

import errno
import itertools
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from multiprocess import active_children

from semi_instruct.engine import SandboxUnavailable
from semi_instruct.harness.errors import MachineFailed
from semi_instruct.harness.parallel import processes
from semi_instruct.harness.parallel.processes import ATTEMPTS, RESULTS_AHEAD, in_processes
from tests.harness.support import pool_work
from tests.timing import allow_seconds, until

ROOT = Path(__file__).parents[3]


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
    list(pooled([("tell", number) for number in range(10)], on_news=news.append))
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
    why = f"{ATTEMPTS} processes were ended by signal 9 (Killed) while they worked on it"
    assert results == [("lost", item, why) if item[0] == "die" else item for item in items]


def test_processes_killed_from_outside_lose_nothing() -> None:
    items = [("announce", number) for number in range(20)]
    killed: set[int] = set()

    def kill(process: int) -> None:
        """The one that has just begun to work on an item, and has 0.1 s to go."""
        if len(killed) < 2 and process not in killed:
            killed.add(process)
            os.kill(process, signal.SIGKILL)

    assert list(pooled(items, on_news=kill)) == items
    assert len(killed) == 2


def test_an_exception_ends_everything_and_says_where_it_comes_from() -> None:
    with pytest.raises(RuntimeError, match="Strange: strange") as caught:
        list(pooled([("nap", 0.01)] * 5 + [("fail", None)]))
    assert "raise Strange(1, 2)" in caught.value.__notes__[0]
    assert active_children() == []


def test_a_workplace_that_cannot_be_opened_is_told_once() -> None:
    with pytest.raises(SandboxUnavailable, match="cgroup"):
        list(pooled([("keep", 1)], workplace=partial(pool_work.broken, "has no walls")))
    with pytest.raises(SandboxUnavailable, match=f"process: {ATTEMPTS} processes were ended by signal 9"):
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


class _Machine:
    """A machine that starts no process so many times, and then does.

    Args:
        error: what it says.
    """

    def __init__(self, patch: pytest.MonkeyPatch, refusals: float, error: Exception) -> None:
        self.refused = 0
        start = processes._start

        def start_or_fail(workplace: Any) -> Any:
            if self.refused < refusals:
                self.refused += 1
                raise error
            return start(workplace)

        patch.setattr(processes, "_start", start_or_fail)


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(record.levelno, record.getMessage()) for record in caplog.records if "semi_instruct" in record.name]


def told_once(records: list[tuple[int, str]]) -> bool:
    """Whether it was said once that the work waits, and then once that it goes on."""
    (first, begun), (last, over) = records
    return (first, last) == (logging.WARNING, logging.INFO) and "waiting" in begun and "continuing" in over


LACKS = [
    BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    OSError(errno.EMFILE, "Too many open files"),
    RuntimeError("can't start new thread"),
    MemoryError(),
]


@pytest.mark.parametrize("error", LACKS, ids=repr)
def test_a_process_that_cannot_be_started_for_a_while_is_waited_for(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine = _Machine(monkeypatch, 4, error)
    items = [("keep", number) for number in range(6)]
    with caplog.at_level(logging.INFO):
        assert list(pooled(items)) == items
    assert machine.refused == 4
    assert told_once(logged(caplog)), logged(caplog)


def test_the_work_goes_on_with_the_processes_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    started = iter([False, True])
    start = processes._start

    def start_one(workplace: Any) -> Any:
        if next(started, True):
            raise BlockingIOError(errno.EAGAIN, "no process")
        return start(workplace)

    monkeypatch.setattr(processes, "_start", start_one)

    def wait_no_longer(_: int) -> None:
        monkeypatch.setattr("semi_instruct.harness.parallel.machine_faults.MAX_WAITED_S", 0)

    items = [("tell", 1), *[("nap", 0.2)] * 10, *[("process", None)] * 5]
    assert len(set(list(pooled(items, on_news=wait_no_longer))[11:])) == 1


def test_when_no_process_can_be_started_for_long_the_machine_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    _Machine(monkeypatch, float("inf"), LACKS[0])
    monkeypatch.setattr("semi_instruct.harness.parallel.machine_faults.MAX_WAITED_S", 0.5)
    with pytest.raises(MachineFailed, match=r"no process could be started for .*: Resource temporarily unavailable"):
        list(pooled([("keep", 1)]))


def test_what_is_no_lack_is_raised_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = _Machine(monkeypatch, float("inf"), PermissionError(errno.EPERM, "Operation not permitted"))
    with pytest.raises(PermissionError):
        list(pooled([("keep", 1)]))
    assert machine.refused == 1


def test_an_item_that_lacks_memory_for_a_while_is_done_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """More often than one that kills processes is."""
    items = [("keep", 0), ("lack", (str(tmp_path), ATTEMPTS + 2)), ("keep", 2)]
    with caplog.at_level(logging.INFO):
        assert list(pooled(items)) == items
    assert len(list(tmp_path.iterdir())) == ATTEMPTS + 2
    assert told_once(logged(caplog)), logged(caplog)


def test_an_item_that_lacks_memory_for_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("semi_instruct.harness.parallel.machine_faults.MAX_WAITED_S", 0.5)
    items = [("keep", 0), ("lack", (str(tmp_path), float("inf"))), ("keep", 2)]
    kept, lost_one, other = pooled(items)
    assert (kept, other) == (items[0], items[2])
    assert lost_one[:2] == ("lost", items[1])
    assert "processes ended on it for" in lost_one[2]
    assert "MemoryError" in lost_one[2]
    assert (logging.ERROR, f"an item is given up: {lost_one[2]}") in logged(caplog)


def test_a_process_that_the_kernel_ended_for_want_of_memory_does_not_count_against_its_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = itertools.count()
    monkeypatch.setattr(processes, "memory_kills", lambda: next(kills))
    items = [("keep", 0), ("die for a while", (str(tmp_path), ATTEMPTS + 2)), ("keep", 2)]
    assert list(pooled(items)) == items


def test_where_the_kernel_s_count_cannot_be_read_for_a_while_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a process that was started, nor an item."""
    asked = itertools.count()
    beside: list[int] = []

    def count() -> int:
        beside.append(len(active_children()))
        if next(asked) % 2 == 0:
            raise OSError(errno.EMFILE, "Too many open files")
        return 0

    monkeypatch.setattr(processes, "memory_kills", count)
    items = [("keep", 0), ("die for a while", (str(tmp_path), 1)), ("keep", 2)]
    assert list(pooled(items, processes=1)) == items
    assert set(beside) == {0}
    assert len(beside) >= 4
    assert active_children() == []


@pytest.mark.parametrize(("level", "count"), [(logging.WARNING, 1), (logging.INFO, 1), (logging.ERROR, 4)])
def test_what_processes_log_is_logged_here_and_no_warning_twice(
    level: int, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        list(pooled([("log", (level, "waiting"))] * 4))
    assert logged(caplog) == [(level, "waiting")] * count


WORKS_LONG = """
import sys
from tests.harness.support import pool_work
from semi_instruct.harness.parallel.processes import in_processes
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
    environment = os.environ | {"PYTHONPATH": f"{ROOT}"}
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
    assert psutil.wait_procs(processes, timeout=allow_seconds(10))[1] == []
    # The parent's own traceback, and none of another process.
    assert said.count(b"Traceback") == (how is signal.SIGINT)
