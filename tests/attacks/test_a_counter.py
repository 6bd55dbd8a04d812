"""The tests of section A bite: without the wall it meets there, each of these programs gets what it wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from semi_instruct.engine import Limits, Outcome, Program, Status, cgroup, runtime, streams, worker
from semi_instruct.engine.limits import MIB
from tests.attacks import exhaustion
from tests.attacks.conftest import LIMITS
from tests.attacks.host import resident_bytes
from tests.attacks.test_a_resources import LARGE_FILES, PATIENT, ROOMY, SLOW
from tests.missing_walls import Edit, allowing, inside, together, without_cpu_account, without_group_limits
from tests.timing import allow_seconds

Run = Callable[..., Outcome]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[Edit], Run]]:
    """Takes a wall away; gives a function that runs a source behind what is left."""
    with ExitStack() as opened:

        def take_away(wall: Edit) -> Run:
            wall(monkeypatch, tmp_path)
            weak = opened.enter_context(closing(worker.Worker(worker.plan(runtime.find(), cgroup.find()))))
            return lambda source, limits=LIMITS: weak.run(Program(source), b"", b"", limits)

        yield take_away


def _without_rlimit(name: str) -> Edit:
    """A limit that means nothing here is set in its stead."""
    return inside((f"    resource.RLIMIT_{name},\n", "    resource.RLIMIT_RTTIME,\n"))


_LARGE_TMPFS = inside(("size=64m", "size=1g"))
_MANY_INODES = inside(("nr_inodes=4096", "nr_inodes=100000"))
_NO_REAPING = inside(("ctypes.c_void_p(_SIG_IGN)", "ctypes.c_void_p(_SIG_DFL)"))
_NO_LIMIT_OF_TASKS = together(without_group_limits, _without_rlimit("NPROC"))


@pytest.mark.parametrize(
    ("source", "wall", "limits", "status", "stdout"),
    [
        (exhaustion.THREADS, _NO_LIMIT_OF_TASKS, LIMITS, Status.OK, b"100\n"),
        (
            exhaustion.ORPHANS,
            _NO_REAPING,
            replace(LIMITS, cpu_time=allow_seconds(10), wall_time=allow_seconds(20)),
            Status.PROCESS_LIMIT,
            b"14 of 300 orphans\n",
        ),
        (exhaustion.MEMORY_IN_CHILDREN, without_group_limits, SLOW, Status.OK, b"6 of 6 children hold 15 MiB\n"),
        (exhaustion.MEMORY_OF_A_CHILD, without_group_limits, SLOW, Status.OK, b"the child ended with 0\n"),
        (exhaustion.FILE, _LARGE_TMPFS, ROOMY, Status.OK, b"100 MiB\n"),
        (exhaustion.FILE, together(_LARGE_TMPFS, without_group_limits), LARGE_FILES, Status.OK, b"100 MiB\n"),
        (exhaustion.FILE, together(_LARGE_TMPFS, _without_rlimit("FSIZE")), ROOMY, Status.OK, b"100 MiB\n"),
        (exhaustion.IN_FLIGHT, allowing("sendmsg", of="sealed"), ROOMY, Status.OK, b"sent\n"),
        (exhaustion.INODES, _MANY_INODES, LIMITS, Status.OK, b"5000\n"),
        (exhaustion.DESCRIPTORS, _without_rlimit("NOFILE"), LIMITS, Status.OK, b""),
        (
            exhaustion.MESSAGE_QUEUE,
            inside(("(resource.RLIMIT_MSGQUEUE, 0)", "(resource.RLIMIT_MSGQUEUE, 819200)")),
            LIMITS,
            Status.OK,
            b"made\n",
        ),
        (
            exhaustion.CORE_OF_A_FRESH_PROCESS,
            inside(("(resource.RLIMIT_CORE, 1)", "(resource.RLIMIT_CORE, 1 << 30)")),
            LARGE_FILES,
            Status.OK,
            b"11 True\n",
        ),
        (exhaustion.CPU_IN_MANY_CHILDREN, without_cpu_account, PATIENT, Status.OK, b"1 s spun, 0.1 s a process\n"),
    ],
    ids=[
        "threads: tasks",
        "orphans: reaping",
        "memory in children: memory",
        "memory of a child: memory",
        "file: size of the filesystem",
        "file: memory",
        "file: size of files",
        "descriptors in flight: last filter",
        "directories: inodes",
        "descriptors: open files",
        "message queue: its limit",
        "core file: its limit",
        "cpu time in children: account",
    ],
)
def test_without_its_wall_it_gets_what_it_wants(
    without: Callable[[Edit], Run], source: str, wall: Edit, limits: Limits, status: Status, stdout: bytes
) -> None:
    outcome = without(wall)(source, limits)
    assert (outcome.status, outcome.stdout) == (status, stdout)


def test_without_the_cap_on_output_the_supervisor_grows(
    without: Callable[[Edit], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = streams.Stream.__init__
    monkeypatch.setattr(streams.Stream, "__init__", lambda self, name, _: original(self, name, 1 << 40))
    run, before = without(lambda *_: None), resident_bytes()
    outcome = run(exhaustion.STDOUT, SLOW)
    assert (outcome.status, len(outcome.stdout)) == (Status.OK, 100 * MIB)
    assert resident_bytes() - before > 50 * MIB


def test_without_its_place_in_the_queue_the_zygote_is_killed_for_a_program_s_files(
    without: Callable[[Edit], Run],
) -> None:
    run = without(inside(("        walls.prefer_as_oom_victim()\n", "")))
    assert run(exhaustion.FILE, LARGE_FILES).status is Status.MEMORY_LIMIT  # which is true, and cost a worker:
    with pytest.raises(worker.WorkerDied):
        run("pass", LARGE_FILES)
