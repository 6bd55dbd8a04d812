"""Faults of the machine: which pass, which do not, and what is done about either."""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from semi_instruct.harness.cli import app
from semi_instruct.harness.errors import MachineFailed
from semi_instruct.harness.output.log import log_on_stderr
from semi_instruct.harness.parallel import machine_faults
from semi_instruct.harness.parallel.machine_faults import memory_kills, naming, passes, patiently, start_threads


def fails(times: float, error: Exception) -> Callable[[], str]:
    """What fails so many times."""
    count = 0

    def act() -> str:
        nonlocal count
        count += 1
        if count <= times:
            raise error
        return "done"

    return act


@pytest.mark.parametrize(
    ("error", "does"),
    [
        (OSError(errno.EAGAIN, ""), True),
        (OSError(errno.ENOMEM, ""), True),
        (OSError(errno.EMFILE, ""), True),
        (OSError(errno.ENFILE, ""), True),
        (MemoryError(), True),
        (RuntimeError("can't start new thread"), True),
        (RuntimeError("cannot schedule new futures after shutdown"), False),
        (OSError(errno.ENOSPC, ""), False),
        (OSError(errno.EPERM, ""), False),
        (ValueError("can't start new thread"), False),
    ],
)
def test_what_passes(error: Exception, does: bool) -> None:
    assert passes(error) is does


def test_what_passes_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert patiently(fails(3, OSError(errno.EAGAIN, "no process")), "do it") == "done"
    (begun, over) = (record.getMessage() for record in caplog.records)
    assert begun == "waiting: cannot do it at the moment: no process"
    assert over.startswith("continuing after 0.")


def test_it_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_faults, "MAX_WAITED_S", 0.3)
    with pytest.raises(MachineFailed, match=r"could not do it for 0.3 s: no process"):
        patiently(fails(float("inf"), OSError(errno.EAGAIN, "no process")), "do it")
    with pytest.raises(PermissionError):
        patiently(fails(1, PermissionError()), "do it")


def test_threads_are_started_once_each_though_some_cannot_be_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    start, refusals = threading.Thread.start, iter([True, False, True, True])

    def start_or_fail(thread: threading.Thread) -> None:
        if next(refusals, False):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_fail)
    with ThreadPoolExecutor(3) as threads:
        start_threads(threads, 3)
        monkeypatch.setattr(threading.Thread, "start", fails(float("inf"), RuntimeError("can't start new thread")))
        together = threading.Barrier(3, timeout=20)
        assert sorted(future.result() for future in [threads.submit(together.wait) for _ in range(3)]) == [0, 1, 2]


def test_a_file_that_the_machine_fails_on_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineFailed, match=r"^rows: No space left on device$"), naming("rows"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(MachineFailed, match=r"^other: Input/output error$"), naming("rows"):
        raise OSError(errno.EIO, "Input/output error", "other")
    with pytest.raises(FileNotFoundError), naming("rows"):
        (tmp_path / "none").read_text()
    with pytest.raises(sqlite3.OperationalError, match="no such table"), naming("rows"):
        sqlite3.connect(":memory:").execute("select * from rows")


def test_a_full_base_is_named(tmp_path: Path) -> None:
    path = tmp_path / "base"
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("create table rows (data blob)")
    base.execute("pragma max_page_count = 3")
    with pytest.raises(MachineFailed, match=f"^{path}: database or disk is full$"), naming(path):
        base.execute("insert into rows values (zeroblob(100000))")
    base.close()


def test_a_build_whose_state_finds_no_room_ends_with_its_folder_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"instruction": "Print 1.", "output": "print(1)"}\n')
    monkeypatch.setattr(
        "semi_instruct.harness.dataset.state._SCHEMA",
        "PRAGMA max_page_count = 2; CREATE TABLE a (b); CREATE TABLE c (d)",
    )
    assert app.main(["build", str(corpus), "-o", str(tmp_path / "built")]) == 4
    assert "state.sqlite: database or disk is full" in capsys.readouterr().err


def test_how_many_processes_the_kernel_has_ended_is_known() -> None:
    assert memory_kills() >= 0
    assert machine_faults._field("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n", "oom_kill") == 7
    v1, v2 = "4:memory:/a/b\n", "0::/user.slice\n"
    files = [str(file) for file in machine_faults._kill_counters(v1 + v2)]
    assert files[0] == "/sys/fs/cgroup/memory/a/b/memory.oom_control"
    assert files[2] == "/sys/fs/cgroup/user.slice/memory.events.local"


def test_what_is_logged_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("semi_instruct.engine")
    with log_on_stderr():
        log.warning("waiting: %s", "no memory\n")
        log.info("going on")
        log.debug("never mind")
    log.info("not shown")
    assert capsys.readouterr().err == "semi-instruct: waiting: no memory\\n\nsemi-instruct: going on\n"
