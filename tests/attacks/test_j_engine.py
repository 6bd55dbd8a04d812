"""Section J, the engine's part: nothing that a program does to its own end earns a retry or an excuse."""

from __future__ import annotations

import pytest

from semi_instruct.engine import Engine, Limits, Program, Status, run
from semi_instruct.engine.limits import MIB
from semi_instruct.engine.worker import Worker
from tests.attacks.conftest import Arena
from tests.timing import allow_seconds

_MAPPINGS = """
import mmap, os, time
started = time.monotonic()
size = 30 << 20
shared = os.memfd_create("shared")
os.ftruncate(shared, size)
maps = []
while time.monotonic() - started < SECONDS:
    if len(maps) < 1200:  # their page tables are charged
        maps.append(mmap.mmap(shared, size, flags=mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0x8000)))
"""
_LIMITS = Limits(cpu_time=allow_seconds(20), wall_time=allow_seconds(1.5), memory=256 * MIB, open_files=4096)


def test_j01_a_teardown_that_outlasts_the_grace_period(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program ends just before its wall limit, and the kernel needs longer than any grace to take it apart."""
    monkeypatch.setattr(run, "_GRACE_SECONDS", 0.0)  # whatever this machine needs for it, it is longer
    for seconds in (1.3, 1.45, 1.6):
        outcome = arena.attack(_MAPPINGS.replace("SECONDS", str(allow_seconds(seconds))), limits=_LIMITS)
        assert outcome.status in (Status.TIME_LIMIT, Status.OK), outcome
        assert outcome.cpu_time_s > 0.1
    assert arena.engine.discarded_workers == 0


def test_j01_the_caller_does_not_wait_for_the_teardown(arena: Arena) -> None:
    outcome = arena.attack(_MAPPINGS.replace("SECONDS", str(allow_seconds(1.45))) + "\nos._exit(0)", limits=_LIMITS)
    assert outcome.status in (Status.TIME_LIMIT, Status.OK), outcome
    assert arena.engine.discarded_workers == 0


def test_j05_a_group_so_full_that_the_jail_itself_dies_is_the_run_s_memory_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kernel goes on to the zygote when it has killed all of a run and a page is still wanted."""
    with Engine(workers=1) as engine:
        before = engine.discarded_workers
        original = run.Run._read_report

        def jail_dies(self: run.Run) -> object:
            original(self)
            raise run.WorkerDied("the jail ended")

        monkeypatch.setattr(run.Run, "_read_report", jail_dies)
        outcome = engine.run(Program("kept = [bytearray(1 << 20) for _ in range(500)]"), limits=Limits(memory=64 * MIB))
        monkeypatch.setattr(run.Run, "_read_report", original)
        assert (outcome.status, outcome.peak_memory_bytes) == (Status.MEMORY_LIMIT, 64 * MIB), outcome
        assert engine.discarded_workers == before + 1
        assert engine.run(Program("print(1)")).status is Status.OK


@pytest.mark.parametrize("filled", ["tmpfs", "memfd", "pipes"])
def test_j05_memory_that_outlives_every_process_kills_no_worker(arena: Arena, filled: str) -> None:
    """What is charged to the group when the last process has gone disturbs no later run."""
    fill = {
        "tmpfs": "for n in range(60): open(f'/tmp/{n}', 'wb').write(bytes(1 << 20))",
        "memfd": "files = [os.memfd_create('x') for _ in range(60)]\nfor file in files: os.write(file, bytes(1 << 20))",
        "pipes": "ends = [os.pipe() for _ in range(100)]\nfor _, end in ends: os.write(end, bytes(65536))",
    }[filled]
    for memory in (16, 24, 48, 64):
        outcome = arena.attack(f"import os\n{fill}", limits=Limits(memory=memory * MIB))
        assert outcome.status in (Status.OK, Status.MEMORY_LIMIT, Status.NONZERO_EXIT), outcome
    assert arena.engine.discarded_workers == 0


def test_j05_what_a_sandbox_error_used_is_in_its_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a run whose sandbox dies would cost its candidate nothing."""
    original = run.Run._read_report

    def jail_dies(self: run.Run) -> object:
        original(self)
        raise run.WorkerDied("the jail ended")

    with Engine(workers=1) as engine:
        monkeypatch.setattr(run.Run, "_read_report", jail_dies)
        monkeypatch.setattr(Worker, "_calibrate", lambda _: None)  # would fail as well
        outcome = engine.run(Program("import time\nwhile time.process_time() < 0.3: pass"))
    assert (outcome.status, outcome.detail) == (Status.SANDBOX_ERROR, "workers died 2 times, last: the jail ended")
    assert outcome.cpu_time_s > 2 * 0.25
    assert outcome.wall_time_s >= outcome.cpu_time_s


def test_j07_a_memfd_that_is_mapped_many_times(arena: Arena) -> None:
    limits = Limits(cpu_time=allow_seconds(20), wall_time=allow_seconds(20), memory=128 * MIB)
    source = _MAPPINGS.replace("time.monotonic() - started < SECONDS", "len(maps) < 100")
    outcome = arena.attack(source, limits=limits)
    assert outcome.status is Status.OK, outcome
    assert 30 * MIB < outcome.peak_memory_bytes <= 128 * MIB
