"""A: resource exhaustion."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from semi_instruct.engine import Engine, InvalidRequest, Program, Status
from semi_instruct.engine.limits import MIB
from tests.attacks import exhaustion
from tests.attacks.conftest import LIMITS, Arena
from tests.engine_processes import started_by_programs
from tests.timing import PATIENCE, allow_seconds, at_best

DOES_NOT_APPLY: dict[str, str] = {
    "a14": "No file of a sandbox is ever opened from outside: what comes out is three pipes, so no link is followed.",
}

BRIEF = replace(LIMITS, cpu_time=allow_seconds(0.3), wall_time=allow_seconds(0.6))
PATIENT = replace(LIMITS, cpu_time=allow_seconds(0.3), wall_time=allow_seconds(10.0))
"""For programs that must meet the limit of cpu time: on a busy machine that may take long."""
SLOW = replace(LIMITS, cpu_time=allow_seconds(4.0), wall_time=allow_seconds(8.0))
"""For programs that must come to their end, where an emulated machine takes long to hand out memory."""
LARGE_FILES = replace(SLOW, file_size=1 << 46)
ROOMY = replace(LARGE_FILES, memory=256 * MIB)

_REFUSED = """
import errno
def refused(action, *args):
    try: return action(*args)
    except OSError as error: return errno.errorcode[error.errno]
"""
_LIBC = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(function, *args):
    ctypes.set_errno(0)
    result = function(*args)
    return result if result >= 0 else errno.errorcode[ctypes.get_errno()]
"""


def _memory_in_use(arena: Arena) -> int:
    """Bytes charged to the group of the arena's worker."""
    [worker] = arena.engine._pool.alive
    assert worker._group is not None
    return worker._group.read().memory


@contextmanager
def _memory_freed(arena: Arena) -> Iterator[None]:
    """What a run's files took is given back with its tmpfs."""
    before = _memory_in_use(arena)
    yield
    deadline = time.monotonic() + allow_seconds(5)
    while _memory_in_use(arena) > before + 4 * MIB:
        assert time.monotonic() < deadline, f"{_memory_in_use(arena) - before} bytes are still charged"
        time.sleep(0.02)


@pytest.fixture
def memory_is_freed(arena: Arena) -> Iterator[None]:
    """What the test's runs took is given back."""
    with _memory_freed(arena):
        yield


@pytest.fixture
def fresh_arena() -> Iterator[Arena]:
    """One of its own: before Linux 6.12, version 2 only tells the peak of a run that is the highest so far."""
    arena = Arena()
    try:
        with _memory_freed(arena):
            yield arena
    finally:
        arena.engine.close()


def test_a01_fork_bomb(arena: Arena) -> None:
    outcome = arena.attack("import os\nwhile True: os.fork()")
    assert outcome.status in {Status.PROCESS_LIMIT, Status.TIME_LIMIT}


def test_a02_fork_bomb_that_swallows_the_error(arena: Arena) -> None:
    source = """
import os
told = False
while True:
    try: os.fork()
    except OSError as error:
        if not told: os.write(1, error.strerror.encode() + b"\\n")
        told = True
"""
    outcome = arena.attack(source, limits=BRIEF)
    assert outcome.status is Status.TIME_LIMIT
    assert set(outcome.stdout.splitlines()) == {b"Resource temporarily unavailable"}


def test_a03_thread_bomb(arena: Arena) -> None:
    outcome = arena.attack(exhaustion.THREADS)
    assert (outcome.status, outcome.exit_code) == (Status.PROCESS_LIMIT, 0)
    assert outcome.stdout == b"can't start new thread\n15\n"


def test_a04_orphans_are_reaped(arena: Arena) -> None:
    outcome = arena.attack(
        exhaustion.ORPHANS, limits=replace(LIMITS, wall_time=allow_seconds(20), cpu_time=allow_seconds(10))
    )
    assert (outcome.status, outcome.stdout) == (Status.OK, b"300 of 300 orphans\n")


def test_a04_zombies_of_the_program_s_own(arena: Arena) -> None:
    source = "import os\nwhile True:\n    if os.fork() == 0: os._exit(0)"
    outcome = arena.attack(source)
    assert outcome.status is Status.PROCESS_LIMIT
    assert b"BlockingIOError" in outcome.stderr


def test_a05_memory_bomb(arena: Arena) -> None:
    outcome = arena.attack("kept = []\nwhile True: kept.append(bytearray(b'x') * (1 << 20))")
    assert (outcome.status, outcome.signal) == (Status.MEMORY_LIMIT, signal.SIGKILL)
    assert outcome.peak_memory_bytes == pytest.approx(LIMITS.memory, rel=0.1)


def test_a06_memory_in_many_children(arena: Arena) -> None:
    outcome = arena.attack(exhaustion.MEMORY_IN_CHILDREN, limits=SLOW)
    assert outcome.status is Status.MEMORY_LIMIT
    assert outcome.stdout in {b"%d of 6 children hold 15 MiB\n" % alive for alive in range(1, 5)}
    assert outcome.peak_memory_bytes == pytest.approx(LIMITS.memory, rel=0.1)


def test_a07_only_a_child_is_killed_for_memory(arena: Arena) -> None:
    outcome = arena.attack(exhaustion.MEMORY_OF_A_CHILD)
    assert (outcome.status, outcome.exit_code) == (Status.MEMORY_LIMIT, 0)
    assert outcome.stdout == b"the child ended with -9\n"
    assert outcome.peak_memory_bytes == pytest.approx(LIMITS.memory, rel=0.1)


def test_a08_mappings_that_are_never_touched(arena: Arena) -> None:
    source = (
        _REFUSED
        + """
import mmap
from multiprocessing.shared_memory import SharedMemory
lazy = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE
sparse = mmap.mmap(-1, 1 << 36, flags=lazy)
sparse[1 << 35] = 1
print(len(sparse) >> 30, refused(mmap.mmap, -1, 1 << 47))
shared = SharedMemory(create=True, size=1 << 30)
print(shared.size >> 30)
shared.close(); shared.unlink()
"""
    )
    outcome = arena.attack(source, limits=LARGE_FILES)
    assert (outcome.status, outcome.stdout) == (Status.OK, b"64 ENOMEM\n1\n")
    assert outcome.peak_memory_bytes < 32 * MIB


def test_a09_shared_memory_beyond_its_filesystem(fresh_arena: Arena) -> None:
    source = """
from multiprocessing.shared_memory import SharedMemory
shared = SharedMemory(create=True, size=128 << 20)
print("made", flush=True)
for offset in range(0, shared.size, 4096): shared.buf[offset] = 1
"""
    outcome = fresh_arena.attack(source, limits=ROOMY)
    assert (outcome.status, outcome.signal, outcome.stdout) == (Status.SIGNALED, signal.SIGBUS, b"made\n")
    assert 64 * MIB < outcome.peak_memory_bytes < 100 * MIB


@pytest.mark.parametrize("place", ["/box/work", "/tmp", "/dev/shm"])
def test_a10_one_big_file(fresh_arena: Arena, place: str) -> None:
    outcome = fresh_arena.attack(exhaustion.FILE.replace("/tmp", place), limits=ROOMY)
    assert (outcome.status, outcome.stdout) == (Status.OK, b"No space left on device\n63 MiB\n")
    assert 63 * MIB < outcome.peak_memory_bytes < 100 * MIB


def test_a10_files_count_as_memory(fresh_arena: Arena) -> None:
    outcome = fresh_arena.attack(exhaustion.FILE, limits=LARGE_FILES)
    assert (outcome.status, outcome.signal, outcome.stdout) == (Status.MEMORY_LIMIT, signal.SIGKILL, b"")
    assert outcome.peak_memory_bytes == pytest.approx(LIMITS.memory, rel=0.1)


def test_a10_a_file_beyond_the_limit_of_files(arena: Arena) -> None:
    outcome = arena.attack(exhaustion.FILE)
    assert (outcome.status, outcome.stdout) == (Status.OK, b"File too large\n8 MiB\n")


@pytest.mark.usefixtures("memory_is_freed")
def test_a11_many_small_files(arena: Arena) -> None:
    outcome = arena.attack(exhaustion.INODES)
    reason, made = outcome.stdout.splitlines()
    assert (outcome.status, reason) == (Status.OK, b"No space left on device")
    assert 4000 < int(made) < 4096


def test_a12_a_deep_tree(arena: Arena) -> None:
    """Nobody walks it from outside: it ends with its filesystem, within the time every answer has."""
    source = """
import os
for _ in range(1000):
    os.mkdir("n" * 255)
    os.chdir("n" * 255)
print(len(os.getcwd()) // 256, "deep")
"""
    outcome = arena.attack(source, limits=replace(LIMITS, wall_time=allow_seconds(20), cpu_time=allow_seconds(20)))
    assert (outcome.status, outcome.stdout) == (Status.OK, b"1000 deep\n")


def test_a13_a_sparse_file_is_refused(arena: Arena) -> None:
    outcome = arena.attack("open('/tmp/sparse', 'wb').truncate(1 << 50)")
    assert outcome.status is Status.NONZERO_EXIT
    assert outcome.stderr.endswith(b"OSError: [Errno 27] File too large\n")


def test_a13_a_sparse_file_costs_nothing(arena: Arena) -> None:
    source = "import os\nopen('x', 'wb').truncate(1 << 42)\nmade = os.stat('x')\nprint(made.st_size, made.st_blocks)"
    outcome = arena.attack(source, limits=LARGE_FILES)
    assert (outcome.status, outcome.stdout) == (Status.OK, b"%d 0\n" % (1 << 42))
    assert outcome.peak_memory_bytes < 32 * MIB


@pytest.mark.parametrize("place", ["/dev/zero", "/dev/full", "/dev/urandom", "/tmp/fifo"])
def test_a15_output_that_is_no_file(arena: Arena, place: str) -> None:
    source = f"""
import os
os.mkfifo("/tmp/fifo")
os.write(1, b"before")
os.dup2(os.open({place!r}, os.O_RDWR), 1)
try: os.write(1, b"after")
except OSError: pass
"""
    outcome = arena.attack(source)
    assert (outcome.status, outcome.stdout) == (Status.OK, b"before")


def test_a16_stdout_is_flooded(arena: Arena) -> None:
    outcome = arena.attack("while True: print('x' * 10_000)")
    assert (outcome.status, outcome.detail) == (Status.OUTPUT_LIMIT, f"more than {LIMITS.output} bytes on stdout")
    assert len(outcome.stdout) == LIMITS.output
    assert (outcome.stdout_truncated, outcome.stderr_truncated, outcome.stderr) == (True, False, b"")


def test_a17_stderr_is_flooded(arena: Arena) -> None:
    outcome = arena.attack("import sys\nwhile True: sys.stderr.write('x' * 10_000)")
    assert (outcome.status, outcome.detail) == (Status.OUTPUT_LIMIT, f"more than {LIMITS.output} bytes on stderr")
    assert len(outcome.stderr) == LIMITS.output
    assert (outcome.stdout_truncated, outcome.stderr_truncated, outcome.stdout) == (False, True, b"")


def test_a17_both_streams_have_a_cap_of_their_own(arena: Arena) -> None:
    source = """
import os
for _ in range(16):
    os.write(1, b"o" * (1 << 16))
    os.write(2, b"e" * (1 << 16))
"""
    full = arena.attack(source)
    assert (full.status, full.stdout, full.stderr) == (Status.OK, b"o" * MIB, b"e" * MIB)
    over = arena.attack(source + "os.write(2, b'e')")
    assert (over.status, over.stdout, over.stderr) == (Status.OUTPUT_LIMIT, b"o" * MIB, b"e" * MIB)
    assert (over.stdout_truncated, over.stderr_truncated) == (False, True)


def test_a18_more_than_a_pipe_holds(arena: Arena) -> None:
    outcome = arena.attack("import sys\nsys.stderr.write('e' * 1_000_000)\nsys.stdout.write('o' * 1_000_000)")
    assert (outcome.status, outcome.stdout, outcome.stderr) == (Status.OK, b"o" * 1_000_000, b"e" * 1_000_000)


def test_a19_the_supervisor_does_not_grow(arena: Arena) -> None:
    source = """
import os
for _ in range(3): os.fork()
while True:
    os.write(1, b"o" * (1 << 20))
    os.write(2, b"e" * (1 << 20))
"""
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = _high_water_mark()
    outcome = arena.attack(source)
    assert outcome.status is Status.OUTPUT_LIMIT
    assert _high_water_mark() - before < 6 * LIMITS.output


def _high_water_mark() -> int:
    [line] = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def test_a20_one_endless_line(arena: Arena) -> None:
    in_one_piece = arena.attack("import sys\nsys.stdout.write('x' * (2 << 30))", limits=SLOW)
    assert in_one_piece.status is Status.MEMORY_LIMIT
    in_many = arena.attack("import os\nfor _ in range(2048): os.write(1, b'x' * (1 << 20))")
    assert (in_many.status, in_many.stdout) == (Status.OUTPUT_LIMIT, b"x" * LIMITS.output)


def test_a20_tiny_writes(arena: Arena) -> None:
    before = time.process_time()
    limits = replace(PATIENT, output=64 * MIB)
    outcome = arena.attack("import os\nfor _ in range(10**8): os.write(1, b'.')", limits=limits)
    assert outcome.status is Status.TIME_LIMIT
    assert outcome.stdout.strip(b".") == b""
    assert len(outcome.stdout) > 10_000
    assert time.process_time() - before < 2 * outcome.wall_time_s + 0.5


def test_a21_descriptors(arena: Arena) -> None:
    outcome = arena.attack(exhaustion.DESCRIPTORS)
    assert (outcome.status, outcome.stdout) == (Status.OK, b"EMFILE\n" * 4)


def test_a21_descriptors_in_flight(arena: Arena) -> None:
    """Sockets sent to each other would outlive the run, with 64 MiB of memory, until the kernel collects them."""
    outcome = arena.attack(exhaustion.IN_FLIGHT, limits=ROOMY)
    assert (outcome.status, outcome.stdout) == (Status.OK, b"ENOSYS\n")
    assert _memory_in_use(arena) < 32 * MIB


_PIPES = (
    _REFUSED
    + """
import fcntl, os
kept = 0
def fill():
    global kept
    while kept < 200 << 20:
        _, write = os.pipe()
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 1 << 20)
        kept += os.write(write, b"x" * (1 << 20))
print("filling", flush=True)
print(refused(fill), kept >> 20 <= 64)
"""
)


def test_a22_pipes_count_as_memory(arena: Arena) -> None:
    outcome = arena.attack(_PIPES)
    assert (outcome.status, outcome.stdout) == (Status.MEMORY_LIMIT, b"filling\n")


def test_a22_pipes_are_limited_by_the_kernel_too(arena: Arena) -> None:
    outcome = arena.attack(_PIPES, limits=ROOMY)
    assert (outcome.status, outcome.stdout) == (Status.OK, b"filling\nEPERM True\n")


def test_a23_system_v_ipc(arena: Arena) -> None:
    source = _LIBC + (
        "print(call(libc.shmget, 0, 1 << 20, 0o1600), call(libc.msgget, 0, 0o1600), call(libc.semget, 0, 9, 0o1600))"
    )
    outcome = arena.attack(source)
    assert (outcome.status, outcome.stdout) == (Status.OK, b"ENOSYS ENOSYS ENOSYS\n")


def test_a23_message_queues(arena: Arena) -> None:
    outcome = arena.attack(exhaustion.MESSAGE_QUEUE)
    assert (outcome.status, outcome.stdout) == (Status.OK, b"EMFILE\n")


def test_a24_spins_for_ever(arena: Arena) -> None:
    def cpu_time() -> float:
        outcome = arena.attack("while True: pass", limits=PATIENT)
        assert (outcome.status, outcome.signal, outcome.detail) == (
            Status.TIME_LIMIT,
            signal.SIGKILL,
            f"cpu time of {BRIEF.cpu_time:g} s",
        )
        assert outcome.cpu_time_s >= BRIEF.cpu_time
        return outcome.cpu_time_s

    late = BRIEF.cpu_time + allow_seconds(0.05)
    assert at_best(cpu_time, late) <= late


def test_a25_sleeps_for_ever(arena: Arena) -> None:
    def wall_time() -> float:
        outcome = arena.attack("import time\ntime.sleep(10**6)")
        assert (outcome.status, outcome.signal, outcome.detail) == (
            Status.TIME_LIMIT,
            signal.SIGKILL,
            f"wall time of {LIMITS.wall_seconds:g} s",
        )
        assert outcome.wall_time_s >= LIMITS.wall_seconds
        assert outcome.cpu_time_s < allow_seconds(0.2)
        return outcome.wall_time_s

    late = LIMITS.wall_seconds + allow_seconds(0.5)
    assert at_best(wall_time, late) <= late


_THREADS_WITHOUT_THE_LOCK = """
import hashlib, threading
data = bytes(1 << 20)
def spin():
    while True: hashlib.sha256(data).digest()
for _ in range(8): threading.Thread(target=spin).start()
"""
_CHILDREN_IN_TURN = exhaustion.CPU_IN_MANY_CHILDREN.replace("range(10)", f"range({int(10 * PATIENCE)})")
_CHILDREN_AT_ONCE = """
import os
for _ in range(3): os.fork()
while True: pass
"""


@pytest.mark.parametrize(
    "source",
    [_CHILDREN_IN_TURN, _CHILDREN_AT_ONCE, _THREADS_WITHOUT_THE_LOCK],
    ids=["one child after the other", "children at once", "threads"],
)
def test_a26_cpu_time_is_that_of_the_tree(arena: Arena, source: str) -> None:
    def cpu_time() -> float:
        outcome = arena.attack(source, limits=PATIENT)
        assert (outcome.status, outcome.detail) == (Status.TIME_LIMIT, f"cpu time of {BRIEF.cpu_time:g} s")
        assert outcome.cpu_time_s >= BRIEF.cpu_time
        return outcome.cpu_time_s

    late = BRIEF.cpu_time + allow_seconds(0.1)
    assert at_best(cpu_time, late) <= late


def test_a27_ignores_every_signal(arena: Arena) -> None:
    source = """
import signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
print("deaf", flush=True)
while True: pass
"""
    outcome = arena.attack(source, limits=BRIEF)
    assert (outcome.status, outcome.signal) == (Status.TIME_LIMIT, signal.SIGKILL)
    assert outcome.stdout == b"deaf\n"


def test_a28_stops_itself(arena: Arena) -> None:
    source = "import os\nos.fork()\nos.write(1, b'.')\nos.kill(0, 19)\nos.write(1, b'went on')"
    outcome = arena.attack(source, limits=BRIEF)
    assert (outcome.status, outcome.signal) == (Status.TIME_LIMIT, signal.SIGKILL)
    assert outcome.stdout in {b".", b".."}
    assert outcome.wall_time_s >= BRIEF.wall_seconds


def test_a29_waits_uninterruptibly(arena: Arena) -> None:
    """The parent of a vfork that never ends: the kernel holds it in state D, but lets it be killed."""
    source = """
import ctypes
libc = ctypes.CDLL(None)
stack = ctypes.create_string_buffer(1 << 16)
top = ctypes.c_void_p(ctypes.addressof(stack) + len(stack) & ~15)
print("waiting", flush=True)
libc.clone(libc.pause, top, 0x100 | 0x4000 | 17, None)  # CLONE_VM | CLONE_VFORK | SIGCHLD
print("went on", flush=True)
"""
    seen: list[psutil.Process] = []
    over = threading.Event()

    def watch() -> None:
        """Look at the program, which has a child once it waits: it is seen to wait twice, and so not in passing."""
        while len(seen) < 2 and not over.wait(0.02):
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended between the two looks
                programs = [started.parents()[0] for started in started_by_programs(arena.engine)]
                seen.extend(each for each in programs if each.status() == psutil.STATUS_DISK_SLEEP)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        outcome = arena.attack(source, limits=replace(BRIEF, wall_time=allow_seconds(2)))
    finally:
        over.set()
        watcher.join()
    assert (outcome.status, outcome.stdout) == (Status.TIME_LIMIT, b"waiting\n")
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_a29_cannot_be_killed_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process the kernel will not end: here every kill is lost. The caller is answered, the worker given up."""
    with Engine(workers=1) as engine:
        [worker] = engine._pool.alive
        doomed = psutil.Process(worker.pid).children(recursive=True)
        with monkeypatch.context() as lossy:
            lossy.setattr(signal, "pidfd_send_signal", lambda *_: None)
            outcome = engine.run(Program("import time\ntime.sleep(60)"), limits=BRIEF)
        assert outcome.status is Status.TIME_LIMIT
        assert outcome.wall_time_s < BRIEF.wall_seconds + allow_seconds(1)
        assert engine.run(Program("print('next')")).stdout == b"next\n"
        assert worker not in engine._pool.alive
    assert psutil.wait_procs(doomed, timeout=allow_seconds(5))[1] == []


def test_a30_a_daemon_outlives_the_program(arena: Arena) -> None:
    def wall_time() -> float:
        outcome = arena.attack(exhaustion.DAEMON)
        assert (outcome.status, outcome.stdout) == (Status.OK, b"daemon left behind\n")
        return outcome.wall_time_s

    assert at_best(wall_time, allow_seconds(1), attempts=3) < allow_seconds(1)


def test_a31_an_orphan_keeps_stdout_open(arena: Arena) -> None:
    source = """
import os, sys
began, tell = os.pipe()
if os.fork() == 0:
    os.write(1, b"orphan ")
    os.write(tell, b"x")
    while True: os.write(1, b".")
os.read(began, 1)
os._exit(0)
"""

    def wall_time() -> float:
        outcome = arena.attack(source)
        assert outcome.status is Status.OK
        assert outcome.stdout.rstrip(b".") == b"orphan "
        return outcome.wall_time_s

    assert at_best(wall_time, allow_seconds(1), attempts=3) < allow_seconds(1)


def test_a32_priorities(arena: Arena) -> None:
    source = (
        _REFUSED
        + _LIBC
        + """
import os
print(refused(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1)))
print(refused(os.sched_setscheduler, 0, os.SCHED_RR, os.sched_param(99)))
print(refused(os.setpriority, os.PRIO_PROCESS, 0, -20), refused(os.nice, -1))
print(call(libc.syscall, 251, 1, 0, 1 << 13))  # ioprio_set, real time
cores = os.sched_getaffinity(0)
print(refused(os.sched_setaffinity, 0, range(1024)), os.sched_getaffinity(0) == cores)
os.nice(19), os.setpriority(os.PRIO_USER, 0, 19), os.sched_setaffinity(0, {min(cores)})
"""
    )
    outcome = arena.attack(source)
    assert outcome.stdout.decode().split() == ["EPERM", "EPERM", "EACCES", "EPERM", "EPERM", "None", "True"]
    asks = "import os\nprint(os.nice(0), os.sched_getaffinity(0))"
    assert arena.attack(asks).stdout == f"0 {os.sched_getaffinity(0)}\n".encode()


def test_a33_io_uring(arena: Arena) -> None:
    source = _LIBC + "for number in (425, 426, 427): print(call(libc.syscall, number, 8, bytes(120), 0, 0, 0, 0))"
    outcome = arena.attack(source)
    assert (outcome.status, outcome.stdout) == (Status.OK, b"ENOSYS\n" * 3)


@pytest.mark.usefixtures("memory_is_freed")
def test_a34_deleted_files_that_stay_open(arena: Arena) -> None:
    source = (
        _REFUSED
        + """
import os
kept = []
def hide():
    while len(kept) < 100:
        kept.append(os.open("/tmp/x", os.O_CREAT | os.O_WRONLY))
        os.unlink("/tmp/x")
        os.write(kept[-1], b"x" * (1 << 20))
print(refused(hide), len(kept), os.listdir("/tmp"))
"""
    )
    outcome = arena.attack(source, limits=ROOMY)
    assert (outcome.status, outcome.stdout) == (Status.OK, b"ENOSPC 65 []\n")


def test_a35_a_source_that_is_too_large(arena: Arena) -> None:
    with pytest.raises(InvalidRequest, match="source"):
        arena.attack(b"#" * (33 * MIB))


def test_a35_the_largest_source(arena: Arena) -> None:
    outcome = arena.attack(
        b"print('ran') #" + b"x" * (31 * MIB), limits=replace(PATIENT, cpu_time=allow_seconds(5), memory=512 * MIB)
    )
    assert (outcome.status, outcome.stdout) == (Status.OK, b"ran\n")


def test_a35_a_source_beyond_the_limit_of_memory(arena: Arena) -> None:
    outcome = arena.attack(b"#" + b"x" * (31 * MIB))
    assert outcome.status is Status.MEMORY_LIMIT


def test_a35_arguments_beyond_the_limit_of_memory(arena: Arena) -> None:
    outcome = arena.attack("def f(x): return 1", entry="f", args=("x" * (30 * MIB),))
    assert (outcome.status, outcome.returned) == (Status.MEMORY_LIMIT, False)


def test_a35_input_that_is_never_read(arena: Arena) -> None:
    def wall_time() -> float:
        outcome = arena.attack("print('done')", stdin=bytes(256 * MIB))
        assert (outcome.status, outcome.stdout) == (Status.OK, b"done\n")
        assert outcome.peak_memory_bytes < 32 * MIB
        return outcome.wall_time_s

    assert at_best(wall_time, allow_seconds(0.5), attempts=3) < allow_seconds(0.5)


def test_a36_input_that_is_closed(arena: Arena) -> None:
    outcome = arena.attack("import os\nos.close(0)\nprint('done')", stdin=bytes(64 * MIB))
    assert (outcome.status, outcome.stdout) == (Status.OK, b"done\n")


_DEEP = "import sys\nsys.setrecursionlimit(10**9)\n"


@pytest.mark.parametrize(
    ("source", "status", "words"),
    [
        ("def f(): f()\nf()", Status.NONZERO_EXIT, b"RecursionError"),
        (_DEEP + "def f(): f()\nf()", Status.MEMORY_LIMIT, b""),
        (_DEEP + "f = lambda: sorted([1], key=lambda _: f())\nf()", Status.NONZERO_EXIT, b"RecursionError"),
        ("import json\njson.loads('[' * 10**5)", Status.NONZERO_EXIT, b"RecursionError"),
        ("import re\nre.compile('(' * 10**4 + ')' * 10**4)", Status.NONZERO_EXIT, b"RecursionError"),
        ("import ast\nast.parse('-' * 10**5 + '1')", Status.NONZERO_EXIT, b"MemoryError"),
        ("x = []\nfor _ in range(10**5): x = [x]\nrepr(x)", Status.NONZERO_EXIT, b"RecursionError"),
    ],
    ids=["python", "python without limit", "through C", "json", "regular expression", "syntax tree", "repr"],
)
def test_a37_deep_recursion(arena: Arena, source: str, status: Status, words: bytes) -> None:
    outcome = arena.attack(source, limits=SLOW)
    assert outcome.status is status
    assert words in outcome.stderr


def test_a37_the_stack_overflows(arena: Arena) -> None:
    source = """
import ctypes, resource
resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, 1 << 20))
print("down", flush=True)
ctypes.CDLL(None).regcomp(bytes(64), b"(" * 10**5 + b")" * 10**5, 1)
"""
    outcome = arena.attack(source)
    assert (outcome.status, outcome.signal, outcome.stdout) == (Status.SIGNALED, signal.SIGSEGV, b"down\n")


@pytest.mark.parametrize(
    "endless",
    [
        "collections.deque(itertools.repeat(0), maxlen=0)",
        "re.match('(a+)+$', 'a' * 64 + 'b')",
        "str(1 << 10**8)",
        "10**10**8",
    ],
)
def test_a38_computes_in_c(arena: Arena, endless: str) -> None:
    source = f"""
import collections, itertools, re, sys
sys.set_int_max_str_digits(0)
print("before", flush=True)
{endless}
print("after")
"""
    outcome = arena.attack(source, limits=replace(PATIENT, memory=512 * MIB))
    assert (outcome.status, outcome.detail) == (Status.TIME_LIMIT, f"cpu time of {BRIEF.cpu_time:g} s")
    assert outcome.stdout == b"before\n"


def test_a38_a_signal_handler_would_never_run(arena: Arena) -> None:
    source = """
import collections, itertools, os, signal
signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
signal.setitimer(signal.ITIMER_REAL, 0.05)
collections.deque(itertools.repeat(0), maxlen=0)
"""
    assert arena.attack(source, limits=BRIEF).status is Status.TIME_LIMIT


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("(" * 10**6 + ")" * 10**6, Status.COMPILE_ERROR),
        ("-" * 10**6 + "1", Status.COMPILE_ERROR),
        ("x = " + "9" * 10**6, Status.COMPILE_ERROR),
        ("".join(" " * depth + "if 1:\n" for depth in range(200)), Status.COMPILE_ERROR),
        ("x" + "[0]" * 10**4, Status.COMPILE_ERROR),
        ("\n".join(f"x{n} = {n}" for n in range(400_000)), Status.MEMORY_LIMIT),
        ("x = 'a' * 10**9", Status.MEMORY_LIMIT),
        ("x = ('a' * 10**9,)\nprint(1 << 10**12)", Status.MEMORY_LIMIT),
    ],
    ids=["parentheses", "minus", "digits", "indentation", "subscripts", "statements", "constant", "constants"],
)
def test_a39_compile_bombs(arena: Arena, source: str, status: Status) -> None:
    """The compiler runs in the sandbox, within the run's limits. (There are no templates to expand: no C++.)"""
    outcome = arena.attack(source, limits=replace(LIMITS, cpu_time=allow_seconds(5), wall_time=allow_seconds(10)))
    assert outcome.status is status


def test_a39_compiling_takes_time(arena: Arena) -> None:
    outcome = arena.attack("x = 1\n" * 400_000, limits=replace(PATIENT, cpu_time=0.05, memory=1024 * MIB))
    assert (outcome.status, outcome.detail) == (Status.TIME_LIMIT, "cpu time of 0.05 s")


def test_a40_core_files(arena: Arena) -> None:
    """One byte: the kernel then starts no pipe handler either (core(5)), which would run on the host."""
    source = (
        exhaustion.CORE_OF_A_FRESH_PROCESS
        + """
import ctypes, resource
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3), ctypes.CDLL(None).prctl(4, 1))
try: resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))
except ValueError as error: print(error)
print(os.listdir("."), flush=True)
ctypes.string_at(0)
"""
    )
    outcome = arena.attack(source)
    assert (outcome.status, outcome.signal) == (Status.SIGNALED, signal.SIGSEGV)
    assert outcome.stdout.decode().splitlines() == [
        "11 False",
        "(1, 1) 0 -1",
        "not allowed to raise maximum limit",
        "['main.py']",
    ]


def test_a41_huge_pages_are_counted(arena: Arena) -> None:
    source = """
import mmap
big = mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
big.madvise(14)  # MADV_HUGEPAGE
for offset in range(0, len(big), 2 << 20): big[offset] = 1
[resident] = [line for line in open("/proc/self/status") if line.startswith("VmRSS")]
print(resident.split()[1])
"""
    outcome = arena.attack(source)
    assert outcome.status is Status.OK
    assert outcome.peak_memory_bytes == pytest.approx(int(outcome.stdout) * 1024, abs=2 * MIB)


def test_a41_swap_is_no_way_out(arena: Arena) -> None:
    source = """
import mmap
kept = []
for _ in range(10):
    kept.append(mmap.mmap(-1, 10 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    kept[-1][:] = b"x" * (10 << 20)
    kept[-1].madvise(21)  # MADV_PAGEOUT
print("100 MiB")
"""
    outcome = arena.attack(source)
    assert (outcome.status, outcome.stdout) == (Status.MEMORY_LIMIT, b"")
    [worker] = arena.engine._pool.alive
    assert worker._group is not None
    memory = worker._group.paths[0]
    if (memory / "memory.swap.max").exists():
        assert (memory / "memory.swap.max").read_text() == "0\n"
    else:
        together, alone = memory / "memory.memsw.limit_in_bytes", memory / "memory.limit_in_bytes"
        assert together.read_text() == alone.read_text()


@pytest.mark.usefixtures("memory_is_freed")
def test_a42_dirty_pages_of_files(arena: Arena) -> None:
    source = """
import mmap, os
kept = []
for number in range(12):
    file = os.open(f"/tmp/{number}", os.O_CREAT | os.O_RDWR)
    os.ftruncate(file, 8 << 20)
    kept.append(mmap.mmap(file, 8 << 20))
    kept[-1][:] = b"x" * (8 << 20)
print("96 MiB")
"""
    outcome = arena.attack(source)
    assert (outcome.status, outcome.stdout) == (Status.MEMORY_LIMIT, b"")
    assert outcome.peak_memory_bytes == pytest.approx(LIMITS.memory, rel=0.1)


def test_a42_pages_that_were_only_read_are_given_back(arena: Arena) -> None:
    """Files of the root may be read at will: their cache is reclaimed, not counted against the program."""
    source = """
import os
total = 0
for folder, _, names in os.walk("/opt"):
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            while chunk := file.read(1 << 20): total += len(chunk)
print(total > 64 << 20)
"""
    outcome = arena.attack(source, limits=replace(LIMITS, cpu_time=allow_seconds(30), wall_time=allow_seconds(60)))
    assert (outcome.status, outcome.stdout) == (Status.OK, b"True\n")


def test_a43_the_peak_is_not_that_of_the_run_before(arena: Arena) -> None:
    small = arena.attack("pass").peak_memory_bytes
    large = arena.attack("kept = bytearray(b'x') * (40 << 20)").peak_memory_bytes
    assert large > small + 39 * MIB
    assert arena.attack("pass").peak_memory_bytes == pytest.approx(small, abs=2 * MIB)
