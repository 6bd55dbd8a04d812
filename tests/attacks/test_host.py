"""The look at the host bites: what a run could leave is noticed, what others do on the machine is not."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from semi_instruct.engine import Engine, Limits, cgroup
from tests.attacks.host import Host
from tests.engine_processes import HELD, await_programs
from tests.timing import allow_seconds

_NOBODYS = 0x6FFFFFFE  # a uid and gid of no user, and of none of an engine's programs
_BY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give something to nobody")


@contextmanager
def _a_file_of_nobody() -> Iterator[None]:
    with tempfile.NamedTemporaryFile(dir="/tmp") as file:
        os.chown(file.name, _NOBODYS, _NOBODYS)
        yield


@contextmanager
def _a_file_of_nobody_s_group() -> Iterator[None]:
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        os.chown(file.name, -1, _NOBODYS)
        yield


@contextmanager
def _a_socket_of_nobody() -> Iterator[None]:
    os.seteuid(_NOBODYS)
    try:
        server = socket.create_server(("127.0.0.1", 0))
    finally:
        os.seteuid(0)
    with server:
        yield


@contextmanager
def _a_segment_of_nobody() -> Iterator[None]:
    subprocess.run(["ipcmk", "-M", "4096"], check=True, stdout=subprocess.DEVNULL, user=_NOBODYS)
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    made = [row[1] for row in rows if row[7] == str(_NOBODYS)]
    yield
    for each in made:
        subprocess.run(["ipcrm", "-m", each], check=True)


@contextmanager
def _a_process() -> Iterator[None]:
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        yield
        process.kill()


@contextmanager
def _a_zombie() -> Iterator[None]:
    with subprocess.Popen(["/bin/true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield


@contextmanager
def _a_process_in_a_sandbox() -> Iterator[None]:
    with Engine(workers=1) as engine:
        future = engine.submit(HELD, stdin=b"1000", limits=Limits(wall_time=600))
        [started] = await_programs(engine)
        yield
        started.parents()[0].kill()
        future.result(allow_seconds(20))


@contextmanager
def _a_group() -> Iterator[None]:
    group = cgroup.find().make()
    yield
    group.close()


@contextmanager
def _a_descriptor() -> Iterator[None]:
    with open(os.devnull):
        yield


@contextmanager
def _what_others_do() -> Iterator[None]:
    """Files, sockets and groups of this user's and of another engine's."""
    parents = set(cgroup.find().parents.values())
    groups = [parent / f"{cgroup.PREFIX}-{os.getppid()}-abcdef" for parent in parents]
    with ExitStack() as stack:
        for folder in ("/tmp", "/var/tmp", "/dev/shm"):
            stack.enter_context(tempfile.NamedTemporaryFile(dir=folder))
        for group in groups:
            group.mkdir()
            stack.callback(group.rmdir)
        yield


@pytest.mark.parametrize(
    ("aspect", "left"),
    [
        pytest.param("files", _a_file_of_nobody, marks=_BY_ROOT),
        pytest.param("files", _a_file_of_nobody_s_group, marks=_BY_ROOT),
        pytest.param("sockets", _a_socket_of_nobody, marks=_BY_ROOT),
        pytest.param("ipc", _a_segment_of_nobody, marks=_BY_ROOT),
        ("processes", _a_process),
        ("processes", _a_zombie),
        ("processes", _a_process_in_a_sandbox),
        ("groups", _a_group),
        ("descriptors", _a_descriptor),
    ],
)
def test_what_is_left_is_noticed_until_it_is_gone(
    aspect: str, left: Callable[[], AbstractContextManager[None]]
) -> None:
    before = Host.look()
    with left():
        assert aspect in before.changes(Host.look())
    assert not before.lasting_changes(aspect)


def test_what_others_do_is_not_noticed() -> None:
    before = Host.look()
    with _what_others_do(), socket.create_server(("127.0.0.1", 0)):
        changes = before.changes(Host.look())
    assert set(changes) <= {"descriptors"}


def test_a_worker_is_one_whether_or_not_its_next_sandbox_is_there() -> None:
    with Engine(workers=1) as engine:
        before = Host.look()
        for _ in range(20):
            engine.run(HELD, stdin=b"0")
            assert "processes" not in before.changes(Host.look())
