"""The watchdog on kernel memory of the host: who pays for a rise, and who does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from semi_instruct.engine import Engine, Limits, Outcome, Program, Status, host_memory
from semi_instruct.engine.limits import MIB
from tests.missing_walls import allowing, together
from tests.timing import allow_seconds

_LIMITS = Limits(memory=64 * MIB, cpu_time=allow_seconds(10))
_BYSTANDER = Program("import time\ntime.sleep(float(input()))\nprint('right')")
# 64 KiB for each file of a tmpfs: an access list of as many entries as fit, which no group is charged for.
_ACCESS_LISTS = Program("""
import os, struct, time
entry = lambda tag, who: struct.pack("<HHI", tag, 7, who)
nobody = 0xFFFFFFFF
last = b"".join(entry(tag, nobody) for tag in (4, 16, 32))
lists = struct.pack("<I", 2) + entry(1, nobody) + entry(2, 1000) * 8180 + last
for number in range(4000):
    open(f"/tmp/{number}", "w").close()
    os.setxattr(f"/tmp/{number}", "system.posix_acl_access", lists)
time.sleep(5)
""")


def test_what_counts_as_the_kernel_s_own() -> None:
    text = b"MemTotal: 1000 kB\nMemFree: 300 kB\nMemAvailable: 1 kB\nBuffers: 50 kB\nCached: 150 kB\nSwapCached: 0 kB\n"
    assert host_memory.kernel_memory(text + b"AnonPages: 200 kB\nSReclaimable: 100 kB\nSlab: 1 kB\n") == 200 * 1024


def test_the_real_file_makes_sense() -> None:
    told = host_memory.kernel_memory(Path("/proc/meminfo").read_bytes())
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert 0 < told < total


class _Kernel:
    """A kernel that uses as much memory as a test says."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.used = 0
        patch.setattr(host_memory.Watchdog, "_measure", lambda _, everywhere=False: self.used)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> _Kernel:
    """The kernel, using nothing so far."""
    return _Kernel(monkeypatch)


@pytest.fixture
def pair() -> Iterator[Engine]:
    """Two workers of their own."""
    with Engine(workers=2) as made:
        yield made


def _while_they_run(kernel: _Kernel, *uses: int) -> threading.Thread:
    """Let the kernel use so much, one after the other."""

    def change() -> None:
        for use in uses:
            time.sleep(0.4)
            kernel.used = use

    thread = threading.Thread(target=change)
    thread.start()
    return thread


def test_a_rise_that_does_not_come_back_costs_no_run_its_outcome(kernel: _Kernel, pair: Engine) -> None:
    rise = _while_they_run(kernel, 1 << 30, 0)
    started = time.monotonic()
    futures = [pair.submit(_BYSTANDER, stdin=b"1.0", limits=_LIMITS) for _ in range(2)]
    outcomes = [future.result(timeout=allow_seconds(30)) for future in futures]
    rise.join()
    assert [(outcome.status, outcome.stdout) for outcome in outcomes] == [(Status.OK, b"right\n")] * 2
    assert time.monotonic() - started > 2.0, "they were not repeated, or not alone"


def test_a_rise_within_the_limit_ends_nothing(kernel: _Kernel, pair: Engine) -> None:
    rise = _while_they_run(kernel, _LIMITS.memory)
    started = time.monotonic()
    assert pair.run(_BYSTANDER, stdin=b"1.0", limits=_LIMITS).status is Status.OK
    rise.join()
    assert time.monotonic() - started < 1.0 + allow_seconds(0.8)


def test_a_rise_that_stays_is_not_blamed_on_a_run_that_was_alone(kernel: _Kernel, pair: Engine) -> None:
    """As when a driver pins memory for a GPU while programs run: it rises beside the repeat too, and does not fall."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host_memory, "_SETTLE_SECONDS", 0.2)
        rise = _while_they_run(kernel, 1 << 30, 1 << 30, 2 << 30)
        outcome = pair.run(_BYSTANDER, stdin=b"1.0", limits=_LIMITS)
        rise.join()
    assert (outcome.status, outcome.stdout) == (Status.OK, b"right\n")


def test_a_rise_that_comes_with_every_repeat_is_its_doing(kernel: _Kernel, pair: Engine) -> None:
    """Even if it outlives the run: nothing else rises each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host_memory, "_SETTLE_SECONDS", 0.2)
        rise = _while_they_run(kernel, *(number << 30 for number in range(1, 12)))
        outcome = pair.run(_BYSTANDER, stdin=b"20", limits=_LIMITS)
        rise.join()
    assert outcome.status is Status.MEMORY_LIMIT


def test_a_run_that_makes_it_rise_again_alone_has_hit_a_limit(kernel: _Kernel, pair: Engine) -> None:
    rise = _while_they_run(kernel, 1 << 30, 0, 0, 1 << 30, 0)
    outcome = pair.run(_BYSTANDER, stdin=b"20", limits=_LIMITS)
    rise.join()
    assert (outcome.status, outcome.signal) == (Status.MEMORY_LIMIT, 9)
    assert "kernel memory" in outcome.detail
    assert outcome.peak_memory_bytes < _LIMITS.memory, "its own memory is as low as it was"


def test_other_engines_wait_while_a_run_is_alone(kernel: _Kernel, pair: Engine) -> None:
    with Engine(workers=1) as other:
        rise = _while_they_run(kernel, 1 << 30, 0)
        alone = pair.submit(_BYSTANDER, stdin=b"1.0", limits=_LIMITS)
        time.sleep(0.9)  # by now it is being repeated
        waited = other.run(Program("print('done')"))
        rise.join()
        assert (waited.status, alone.done()) == (Status.OK, True)
        assert alone.result().status is Status.OK


def test_a_real_rise_is_stopped_and_the_bystander_is_right(tmp_path: Path) -> None:
    """With the wall before it taken away: the policies allow access lists again."""
    with pytest.MonkeyPatch.context() as patch:
        together(allowing("setxattr", "program"), allowing("setxattr", "worker"))(patch, tmp_path)
        with Engine(workers=2) as engine:
            most = _Highest()
            attack = engine.submit(_ACCESS_LISTS, limits=_LIMITS)
            bystander = engine.submit(_BYSTANDER, stdin=b"3", limits=_LIMITS)
            outcomes: list[Outcome] = [attack.result(), bystander.result()]
            risen = most.stop()
    assert [outcome.status for outcome in outcomes] == [Status.MEMORY_LIMIT, Status.OK]
    assert "kernel memory" in outcomes[0].detail
    assert outcomes[1].stdout == b"right\n"
    assert risen < 4 * _LIMITS.memory + 128 * MIB, f"the host lost {risen >> 20} MiB"


class _Highest:
    """How far the host's kernel memory rises meanwhile."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._first = self._most = self._now()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _now(self) -> int:
        return host_memory.kernel_memory(Path("/proc/meminfo").read_bytes())

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            self._most = max(self._most, self._now())

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._most - self._first
