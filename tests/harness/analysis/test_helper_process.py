"""The process that looks at untrusted text: its limits, its deaths, and that it ends with its parent."""

from __future__ import annotations

import errno
import logging
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import multiprocess
import psutil
import pytest

from semi_instruct.harness.analysis import helper
from semi_instruct.harness.analysis.helper_process import AnalysisFailed, CallLimits, HelperPool, call_limited
from semi_instruct.harness.analysis.mutants import some_mutants
from semi_instruct.harness.analysis.mutants_of import limited_mutants
from semi_instruct.harness.errors import MachineFailed
from tests.harness.support import analysis_work as work
from tests.timing import allow_seconds

MIB = 1 << 20
SOURCE = "def f(a, b):\n    if a < b and a != 3:\n        return a + b * 2\n    return [a - i for i in range(b)]\n"
HERE = str(Path(__file__).parents[3])


@pytest.fixture
def pool() -> Iterator[HelperPool]:
    """Helpers of a test alone, with little time."""
    made = HelperPool(CallLimits(cpu_s=0.5, memory=128 * MIB, wall_s=allow_seconds(60), answer=4 * MIB))
    yield made
    made.close()


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + allow_seconds(20)
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_the_answer_is_that_of_this_process() -> None:
    for seed in range(3):
        assert limited_mutants(SOURCE, 40, seed) == some_mutants(SOURCE, 40, Random(seed))
    values: Any = {"a": [1, 2.5, None, True, "\ud800\0é"], "b": {"c": 2**3000}}
    assert call_limited(work.echo, values) == values


def test_many_calls_have_one_process_and_each_its_own_time(pool: HelperPool) -> None:
    # Together they take more CPU time than one may.
    pids = {pool.call(work.pid) for _ in range(10)}
    for _ in range(12):
        pool.call(sum, range(5_000_000))
    pids |= {pool.call(work.pid) for _ in range(200)}
    assert len(pids) == 1
    assert psutil.Process(pids.pop()).cpu_times().user > 0.5


@pytest.mark.parametrize(
    ("function", "arguments", "why"),
    [
        (work.spin, (), "CPU seconds"),
        (work.swallow, (512 * MIB,), "too much memory"),
        (work.end, ("abort",), "signal 6"),
        (work.end, ("segfault",), "signal 11"),
        (work.end, ("status",), "status 3"),
        (work.end, ("exit",), "status 0"),
        (work.deep, (10**9,), "nested too deeply"),
        (work.raise_it, (), "ValueError"),
        (work.echo, ({1, 2},), "TypeError"),
        (work.echo, ("x" * (5 * MIB),), "more than"),
        (work.answer_garbage, (b"garbage",), "status 0"),
        (work.answer_garbage, (struct.pack(helper.ANSWER_HEAD, 2, True) + b"{]",), "gave an invalid answer"),
        (work.answer_garbage, (struct.pack(helper.ANSWER_HEAD, 2, True) + b"[]",), "gave an invalid answer"),
        (work.answer_garbage, (struct.pack(helper.ANSWER_HEAD, 4000, True) + b"[" * 4000,), "an invalid answer"),
        (work.answer_garbage, (struct.pack(helper.ANSWER_HEAD, 1 << 60, True),), "too long"),
    ],
)
def test_what_a_text_does_is_said_of_it_and_of_no_other(
    pool: HelperPool, function: Any, arguments: tuple[Any, ...], why: str
) -> None:
    pool.call(work.pid)
    with pytest.raises(AnalysisFailed, match=why):
        pool.call(function, *arguments)
    assert pool.call(work.echo, [1]) == [1]


def test_one_that_waits_for_ever_is_ended() -> None:
    pool = HelperPool(CallLimits(wall_s=8.0))
    pid = pool.call(work.pid)
    with pytest.raises(AnalysisFailed, match="longer than 8 s"):
        pool.call(work.sleep)
    assert is_gone(pid)
    assert pool.call(work.echo, 1) == 1
    pool.close()


def test_trees_that_are_deep_but_usual_are_read(pool: HelperPool) -> None:
    assert pool.call(work.deep, 20_000) == 20_000


def test_what_kills_it_from_outside_is_not_the_fault_of_a_text(pool: HelperPool, tmp_path: Path) -> None:
    pid = pool.call(work.pid)
    os.kill(pid, signal.SIGKILL)
    assert pool.call(work.echo, 1) == 1
    assert pool.call(work.once_killed, str(tmp_path / "mark")) == "alive"


def test_memory_that_a_call_leaves_behind_is_not_the_next_one_s(pool: HelperPool) -> None:
    first = pool.call(work.keep, 90 * MIB)
    assert pool.call(work.pid) == first
    # Too much for a helper that keeps 90 of its 128 MiB, and little for a fresh one.
    assert pool.call(work.swallow, 60 * MIB) == 60 * MIB
    assert pool.call(work.pid) != first


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE])
def test_a_helper_that_cannot_be_started_for_a_while_is_waited_for(
    number: int, pool: HelperPool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody else waits for it meanwhile, and no descriptor is left behind."""
    tries, descriptors = [], []

    class ShortOfSomething(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            assert not pool._lock.locked()
            tries.append(len(tries))
            descriptors.append(len(os.listdir("/proc/self/fd")))
            if len(tries) <= 2:
                raise OSError(number, os.strerror(number))
            super().__init__(*arguments, **named)

    monkeypatch.setattr("semi_instruct.harness.analysis.helper_process.subprocess.Popen", ShortOfSomething)
    with caplog.at_level(logging.INFO, "semi_instruct"):
        assert pool.call(work.echo, 1) == 1
    assert len(tries) == 3
    assert descriptors[-1] <= descriptors[0]
    assert os.strerror(number) in caplog.messages[0]
    assert caplog.messages[1].startswith("continuing")


def test_a_helper_that_cannot_be_started_for_long_is_the_machine_s_fault(
    pool: HelperPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("semi_instruct.harness.parallel.machine_faults.MAX_WAITED_S", 0.2)
    monkeypatch.setattr("semi_instruct.harness.analysis.helper_process.subprocess.Popen", fail)
    with pytest.raises(MachineFailed, match=r"start a helper process.*temporarily unavailable"):
        pool.call(work.echo, 1)


def test_threads_do_not_wait_for_each_other(pool: HelperPool) -> None:
    pids: list[int] = []
    barrier = threading.Barrier(3)

    def call() -> None:
        barrier.wait()
        pool.call(sum, range(3_000_000))
        pids.append(pool.call(work.pid))

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 3
    children = {child.pid for child in psutil.Process().children()}
    assert len(children & set(pids)) <= 2  # no more wait idle


def test_an_interrupt_leaves_no_process_behind(pool: HelperPool) -> None:
    pid = pool.call(work.pid)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            pool.call(work.sleep)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert is_gone(pid)
    assert pool.call(work.echo, 1) == 1


def test_ctrl_c_at_the_terminal_does_not_reach_it() -> None:
    pid = call_limited(work.pid)
    assert os.getpgid(pid) != os.getpgid(0)


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_another_process_has_helpers_of_its_own(way: str) -> None:
    own = call_limited(work.pid)
    context = multiprocess.get_context(way)
    ours, theirs = context.Pipe()
    process = context.Process(target=work.call_and_say, args=(theirs,))
    process.start()
    theirs.close()
    assert ours.poll(allow_seconds(60))
    other = ours.recv()
    process.join(allow_seconds(60))
    assert process.exitcode == 0
    assert other != own
    assert is_gone(other)
    assert call_limited(work.pid) == own


@pytest.mark.parametrize("ending", ["pass", "import os; os._exit(0)", "import os; os.kill(os.getpid(), 9)", "1 / 0"])
def test_it_ends_with_the_process_that_started_it(ending: str) -> None:
    program = (
        "from semi_instruct.harness.analysis.helper_process import call_limited\n"
        "from tests.harness.support import analysis_work as work\n"
        f"print(call_limited(work.pid), flush=True)\n{ending}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=HERE,
        timeout=allow_seconds(60),
        check=False,
    )
    assert is_gone(int(done.stdout))
    assert "Exception ignored" not in done.stderr


def test_a_call_costs_little() -> None:
    call_limited(work.echo, 1)
    each = []
    for _ in range(300):
        started = time.perf_counter()
        call_limited(work.echo, 1)
        each.append(time.perf_counter() - started)
    assert sorted(each)[len(each) // 2] < allow_seconds(0.005)
