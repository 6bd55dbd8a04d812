"""I: kernel memory that no group is charged for, and state of the host behind allowed calls."""

from __future__ import annotations

import ast
import contextlib
import ctypes
import json
import os
import socket
import struct
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from semi_instruct.engine import Engine, Limits, Outcome, Program, Status, policy
from semi_instruct.engine.limits import MIB
from semi_instruct.engine.notify import MAX_RECORD_LOCK_CALLS
from tests.attacks import kernel_memory
from tests.attacks.conftest import Arena
from tests.attacks.hostile import ask, assert_forbidden
from tests.attacks.kernel_memory import NOISE, growth
from tests.timing import allow_seconds

DOES_NOT_APPLY: dict[str, str] = {}

ROOMY = Limits(cpu_time=allow_seconds(10), wall_time=allow_seconds(60), memory=128 * MIB, processes=64, open_files=256)
BRIEF = replace(ROOMY, cpu_time=allow_seconds(3))
only_the_owner_is_told = pytest.mark.skipif(
    not os.access(os.__file__, os.W_OK), reason="the kernel tells only a file's owner whether it is in the cache"
)
_LIBRARY_FILE = Path(os.__file__).with_name("antigravity.py")  # which nothing else on the machine has open
_ACCEPTED_SOCKETS = {
    (socket.AF_INET, socket.SOCK_STREAM, 0),
    (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP),
    (socket.AF_INET, socket.SOCK_DGRAM, 0),
    (socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP),
}


def _measured(arena: Arena, source: str, limits: Limits = ROOMY) -> Outcome:
    """Survive an attack, during which the kernel grows by no more than the run may use."""
    outcome, grown = growth(lambda: arena.attack(source, limits=limits), limits.memory + NOISE)
    assert grown < limits.memory + NOISE, f"the kernel grew by {grown // MIB} MiB"
    return outcome


def _answers(outcome: Outcome) -> Any:
    assert outcome.status is Status.OK, outcome
    return ast.literal_eval(outcome.stdout.decode())


def _refused(arena: Arena, source: str, answers: Any) -> None:
    """Measured, and refused with these answers only."""
    assert _answers(_measured(arena, source)) == answers


def test_i01_sticky_options(arena: Arena) -> None:
    _refused(arena, kernel_memory.STICKY_OPTIONS, {"['ENOPROTOOPT']"})


def test_i01_any_option_that_is_not_listed(arena: Arena) -> None:
    """Every option of every level on every kind of socket: those on the policy's list, and ENOPROTOOPT."""
    answered = ask(
        arena,
        "sorted({(level, option) for own in sockets for level in LEVELS for option in range(260)"
        " for name in ('setsockopt', 'getsockopt')"
        " if call(name, own, level, option, ctypes.addressof(room), where(name)) != 'ENOPROTOOPT'})",
        setup="""
import socket
LEVELS = (0, 1, 2, 6, 17, 41, 58, 132, 136, 255, 261, 262, 263, 266, 270, 271, 273, 274, 276, 281, 283, 284, 285)
room = ctypes.create_string_buffer(300)
length = ctypes.create_string_buffer((4).to_bytes(4, "little"), 4)
def where(name): return ctypes.addressof(length) if name == "getsockopt" else 4
sockets = [socket.socket(family, kind).detach() for family in (1, 2, 10) for kind in (1, 2)]
""",
        limits=ROOMY,
    )[0]
    rules = json.loads((policy.folder() / "program.json").read_text())["syscalls"]
    listed = {tuple(arg["valueTwo"] for arg in rule.get("args", ())) for rule in rules if "setsockopt" in rule["names"]}
    assert set(answered) <= listed
    assert {(1, 2), (1, 7), (6, 1), (41, 26)} <= set(answered)


def test_i02_access_control_lists(arena: Arena) -> None:
    _refused(arena, kernel_memory.ACCESS_CONTROL_LISTS, ["ENOTSUP"])


def test_i02_every_attribute_by_every_call(arena: Arena) -> None:
    names = ["user.x", "system.posix_acl_access", "system.posix_acl_default", "security.x", "trusted.x"]
    answers = ask(
        arena,
        f"{{call(how, path, name.encode(), b'x', 1, 0) for how in ('setxattr', 'lsetxattr') for name in {names}"
        " for path in (b'/tmp', b'/box/work/main.py', os.__file__.encode())}",
        f"{{call('fsetxattr', file, name.encode(), b'x', 1, 0) for name in {names} for file in (own, 0, 1)}}",
        f"{{call(how, b'/tmp', name.encode()) for how in ('removexattr', 'lremovexattr') for name in {names}}}",
        "{call(number, 0, b'', 0, b'user.x', bytes(16), 16) for number in (463, 466)}",  # setxattrat, removexattrat
        "[os.listxattr('/tmp'), os.listxattr(own)]",
        setup="own = os.open('/tmp/own', os.O_CREAT | os.O_RDWR)",
    )
    assert answers == [{"ENOTSUP"}, {"ENOTSUP"}, {"ENOTSUP"}, {"ENOSYS"}, [[], []]]


def test_i03_attributes_of_mappings(arena: Arena) -> None:
    _refused(arena, kernel_memory.ATTRIBUTES_OF_MAPPINGS, ["ENOTSUP"])


def test_i04_socket_filters(arena: Arena) -> None:
    """The budget for compiled filters is the whole host's, and every run loads filters of its own."""
    _refused(arena, kernel_memory.SOCKET_FILTERS, {"['ENOPROTOOPT']"})
    attack = arena.engine.submit(Program(kernel_memory.SOCKET_FILTERS), limits=ROOMY)
    with Engine(workers=1) as other:
        assert other.run(Program("print('elsewhere')")).stdout == b"elsewhere\n"
    assert _answers(attack.result()) == {"['ENOPROTOOPT']"}


def test_i05_flow_labels(arena: Arena) -> None:
    _refused(arena, kernel_memory.FLOW_LABELS, ["ENOPROTOOPT"])
    assert _answers(arena.attack(kernel_memory.READ_FLOW_LABELS)) == []


def test_i06_flow_labels_of_the_host(arena: Arena) -> None:
    """There are 4096 for the whole host. One jail asks for more, and the host gets one still."""
    for _ in range(3):
        assert _answers(arena.attack(kernel_memory.FLOW_LABELS, limits=ROOMY)) == ["ENOPROTOOPT"]
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as own:
        request = struct.pack("16sIBBHHHI", bytes(15) + b"\1", 0, 0, 1, 1, 1, 0, 0)
        own.setsockopt(socket.IPPROTO_IPV6, 32, request)


def test_i07_protocols(arena: Arena) -> None:
    answers = ask(
        arena,
        "{(family, kind, protocol): call('socket', family, kind, protocol)"
        " for family in (2, 10) for kind in range(1, 11) for protocol in range(263)}",
        "{(kind, protocol): call('socketpair', 1, kind, protocol, ctypes.addressof(room))"
        " for kind in range(1, 11) for protocol in range(263)}",
        "{call('socket', family, 1, number) for family in (0, 3, 16, 17, 38, 40, 44, 255) for number in range(263)}",
        setup="room = ctypes.create_string_buffer(8)",
    )
    inet, pairs, others = answers
    made = {key for key, answer in inet.items() if isinstance(answer, int)}
    assert made == _ACCEPTED_SOCKETS | {(socket.AF_INET6, kind, protocol) for _, kind, protocol in _ACCEPTED_SOCKETS}
    refusals = {answer for answer in inet.values() if isinstance(answer, str)}
    assert refusals == {"EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EPERM"}
    assert {key for key, answer in pairs.items() if answer == 0} == {(1, 0), (2, 0), (5, 0)}
    assert others == {"EAFNOSUPPORT"}


def test_i07_requests_for_modules(arena: Arena) -> None:
    """Requests on a socket that make the kernel look for a module, or a name of an interface that nothing has."""
    answers = ask(
        arena,
        # SIOCGIFBR, SIOCSIFBR, SIOCBRADDBR, SIOCGIFVLAN, SIOCSIFVLAN, SIOCADDDLCI, SIOCPROTOPRIVATE, SIOCDEVPRIVATE
        "{call('ioctl', own.fileno(), request, bytes(64)) for request in"
        " (0x8940, 0x8941, 0x89a0, 0x8982, 0x8983, 0x8980, 0x89e0, 0x89f0)}",
        "{call('ioctl', number, request, bytes(64)) for number in (0, 1, own.fileno(), process)"
        " for request in (*range(0x8900, 0x8910), *range(0xff00, 0xff10))}",
        setup="import socket\nown = socket.socket(socket.AF_INET)\nprocess = os.pidfd_open(os.getpid())",
    )
    assert answers == [{"ENOTTY"}, {"ENOTTY"}]


def test_i08_memberships_and_queues(arena: Arena) -> None:
    """Beside the sweep over all options: what a forced buffer, zerocopy and time stamps would have given."""
    # Memberships of IPv4 and IPv6, IP_OPTIONS, SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_ZEROCOPY, SO_TIMESTAMPING, SO_TXTIME,
    # SO_BINDTODEVICE, TCP_MD5SIG, TCP_FASTOPEN_KEY, TCP_ULP, TCP_CONGESTION, UDP_ENCAP, UDP_GRO
    options = [(0, 35), (0, 39), (0, 41), (0, 42), (41, 20), (41, 27), (41, 42), (0, 4), (1, 32), (1, 33), (1, 60)]
    options += [(1, 37), (1, 61), (1, 25), (6, 14), (6, 33), (6, 31), (6, 13), (17, 100), (17, 104)]
    answers = ask(
        arena,
        f"{{call('setsockopt', own, level, option, bytes(400), size) for level, option in {options}"
        " for own in sockets for size in (4, 8, 20, 136, 400)}",
        setup="import socket\n"
        "sockets = [socket.socket(family, kind).detach() for family in (2, 10) for kind in (1, 2)]",
    )
    assert answers == [{"ENOPROTOOPT"}]


def test_i08_no_datagram_waits_or_comes_back(arena: Arena) -> None:
    """0.0.0.0 and :: have a route while loopback is down, too: datagrams were kept there, charged to no group."""
    answers = ask(
        arena,
        "[attempt(own.sendto, bytes(1000), flags, (address, 9)) for own, address in sockets for flags in (0, 0x8000)]",
        "[attempt(own.connect, (address, 9)) for own, address in sockets]",
        "[attempt(own.setsockopt, level, option, 1) for own, _ in sockets for level, option in ((0, 11), (41, 25))]",
        setup="import socket\n"
        "sockets = [(socket.socket(family, socket.SOCK_DGRAM), address)"
        " for family, address in ((2, '0.0.0.0'), (10, '::'))]",
    )
    unreachable = {"ENETUNREACH", "EADDRNOTAVAIL"}
    assert set(answers[0]) <= unreachable
    assert set(answers[1]) <= unreachable
    assert set(answers[2]) == {"ENOPROTOOPT"}


def test_i08_socket_buffers(arena: Arena) -> None:
    source = f"""{kernel_memory.CHILDREN}
import socket
def fill():
    pair = attempt(socket.socketpair)
    if isinstance(pair, str): return pair
    for each in pair:
        each.setblocking(False)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
        while attempt(each.send, bytes(1 << 16)) != "EAGAIN": pass
    return pair
print(set(in_children(8, lambda number: until_refused(fill)[1])))
"""
    assert _measured(arena, source).status is Status.MEMORY_LIMIT


def test_i09_descriptors_of_every_kind(arena: Arena) -> None:
    outcome = _measured(arena, kernel_memory.DESCRIPTORS_OF_EVERY_KIND)
    assert outcome.status is Status.MEMORY_LIMIT or _answers(outcome) == {"EMFILE"}


@pytest.mark.parametrize("source", [kernel_memory.SPARSE_MAPPING, kernel_memory.MANY_MAPPINGS_OF_ONE_PAGE])
def test_i10_page_tables(arena: Arena, source: str) -> None:
    # One that was killed for memory gives no answer, for which its parent waits: that is what the wall limit ends.
    limits = replace(ROOMY, memory=64 * MIB, cpu_time=allow_seconds(30), wall_time=allow_seconds(8))
    assert _measured(arena, source, limits).status is Status.MEMORY_LIMIT


def test_i10_huge_pages_of_the_host(arena: Arena) -> None:
    answers = ask(
        arena,
        "{call('mmap', 0, 1 << 21, 3, 0x40022 | size << 26, -1, 0) for size in (0, 21, 30)}",
        "{call('memfd_create', b'x', 4 | size << 26) for size in (0, 21, 30)}",
        "{call('shmget', 0, 1 << 21, 0o4600)}",
    )
    assert answers == [{"ENOMEM"}, {"EINVAL"}, {"ENOSYS"}]


def test_i11_timers_and_signals(arena: Arena) -> None:
    outcome = _measured(arena, kernel_memory.TIMERS_AND_SIGNALS, replace(ROOMY, cpu_time=allow_seconds(30)))
    assert outcome.status is Status.MEMORY_LIMIT or _answers(outcome) == {"('EAGAIN', 'EAGAIN')"}


def test_i11_record_locks(arena: Arena) -> None:
    """They are taken, up to a number in one run; and all are gone with it."""
    outcome = _measured(arena, kernel_memory.RECORD_LOCKS.replace("COMMAND", "6"))
    answers = {answer for each in _answers(outcome) for answer in ast.literal_eval(each)}
    assert answers == {"ENOLCK", "0"}
    calls = MAX_RECORD_LOCK_CALLS // 8
    few = f"import fcntl\nfile = open('/tmp/x', 'w')\nfor _ in range({calls}): fcntl.lockf(file, fcntl.LOCK_EX)\n"
    assert arena.attack(few, limits=ROOMY).status is Status.OK


def test_i11_asks_for_record_locks_without_end(arena: Arena) -> None:
    """Each answer is the supervisor's time, and it does not give it for ever."""
    source = f"""{kernel_memory.CHILDREN}
lock = struct.pack("hhqqi4x", 1, 0, 0, 1, 0)
file = os.memfd_create("x")
while True: libc.fcntl(file, 7, lock)
"""
    outcome = arena.attack(source, limits=replace(ROOMY, cpu_time=allow_seconds(30)))
    assert (outcome.status, outcome.detail) == (Status.FORBIDDEN_SYSCALL, "fcntl")


def test_i11_a_locked_record_is_locked(arena: Arena) -> None:
    """The kernel makes the calls that are counted: two processes exclude each other, and one waits for the other."""
    answers = ask(
        arena,
        "attempt(fcntl.lockf, file, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "attempt(fcntl.lockf, file, fcntl.LOCK_EX)",
        "time.monotonic() - started > 0.2",
        setup="""
import fcntl, time
file, (read, write) = open("/tmp/x", "w"), os.pipe()
started = time.monotonic()
if os.fork() == 0:
    fcntl.lockf(file, fcntl.LOCK_EX)
    os.write(write, b"x")
    time.sleep(0.3)
    os._exit(0)
os.read(read, 1)
""",
        limits=ROOMY,
    )
    assert answers == ["EAGAIN", None, True]


def test_i11_leases_watches_and_keys(arena: Arena) -> None:
    answers = ask(
        arena,
        "{attempt(fcntl.fcntl, own, fcntl.F_SETLEASE, kind) for kind in (0, 1, 2)}",
        "{call('fcntl', own, command, bytes(32)) for command in (36, 37, 38, 1026, 1036, 1038)}",  # F_OFD_*, F_NOTIFY
        "[call('inotify_init'), call('inotify_init1', 0)]",
        "{call(name, 0, 0, 0) for name in ('mq_open', 'semget', 'msgget', 'shmget')} <= {'ENOSYS', 'EMFILE', 'EFAULT'}",
        setup="import fcntl\nown = os.open('/tmp/own', os.O_CREAT | os.O_RDONLY)",
    )
    assert answers == [{"EACCES"}, {"EINVAL"}, ["ENOSYS", "ENOSYS"], True]
    for name in ("fanotify_init", "add_key", "keyctl"):
        assert_forbidden(arena, name)


def test_i12_names_that_are_not_there(arena: Arena) -> None:
    source = kernel_memory.NAMES_THAT_ARE_NOT_THERE.replace("SECONDS", str(allow_seconds(1.5)))
    before = _slab()
    assert _answers(_measured(arena, source)) is True
    assert _slab() - before < ROOMY.memory + NOISE


def _slab() -> int:
    [line] = (line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("Slab:"))
    return int(line.split()[1]) << 10


def test_i13_nothing_is_flushed(arena: Arena) -> None:
    """Answered with success, on descriptors and addresses, too, where the kernel would have found an error."""
    answers = ask(
        arena,
        "[call(name, 9999, 0, 0, 4) for name in"
        " ('fsync', 'fdatasync', 'sync', 'syncfs', 'sync_file_range', 'readahead', 'fadvise64')]",
        "call('msync', 4096, 4096, 4)",
        "call('msync', 4096, 4096, 1)",  # MS_ASYNC: what asks whether a page is mapped, and does nothing
    )
    assert answers == [[0] * 7, 0, "ENOMEM"]


def _is_cached(path: Path) -> bool:
    """Whether the beginning of a file is in the cache; to ask does not bring it there."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    resident = ctypes.create_string_buffer(1)
    with path.open("rb") as file:
        at = ctypes.c_void_p(libc.mmap(None, ctypes.c_size_t(4096), 1, 1, file.fileno(), ctypes.c_long(0)))
        assert libc.mincore(at, ctypes.c_size_t(4096), resident) == 0
        assert libc.munmap(at, ctypes.c_size_t(4096)) == 0
    return bool(resident.raw[0] & 1)


@pytest.fixture
def dropped() -> Path:
    """A file of the library that is not in the host's cache, as long as nothing reads it."""
    deadline = time.monotonic() + allow_seconds(5)
    while _is_cached(_LIBRARY_FILE):
        assert time.monotonic() < deadline, "the host does not drop a clean page"
        with _LIBRARY_FILE.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return _LIBRARY_FILE


@only_the_owner_is_told
def test_i13_the_cache_of_the_host_is_not_filled(arena: Arena, dropped: Path) -> None:
    name = f"os.path.dirname(os.__file__) + '/{dropped.name}'"
    answers = ask(
        arena,
        "[call('readahead', file, 0, 1 << 20), *(call('fadvise64', file, 0, 0, advice) for advice in range(6))]",
        setup=f"file = os.open({name}, os.O_RDONLY)",
    )
    assert answers == [[0] * 7]
    assert not _is_cached(dropped)


@only_the_owner_is_told
def test_i13_the_cache_of_the_host_is_not_dropped(arena: Arena, dropped: Path) -> None:
    dropped.read_bytes()
    assert _is_cached(dropped)
    name = f"os.path.dirname(os.__file__) + '/{dropped.name}'"
    answers = ask(
        arena,
        "[call('fadvise64', file, 0, 0, 4), call('madvise', at, 4096, 20), call('madvise', at, 4096, 25)]",
        "attempt(os.preadv, file, [bytearray(1)], 0, 0x80)",  # RWF_DONTCACHE
        setup=f"""
file = os.open({name}, os.O_RDONLY)
libc.mmap.restype = ctypes.c_void_p
at = libc.mmap(None, ctypes.c_size_t(4096), 1, 1, file, ctypes.c_long(0))
""",
    )
    assert answers == [[0, "EINVAL", "EINVAL"], "ENOTSUP"]
    assert _is_cached(dropped)


def test_i14_what_the_cache_of_the_host_holds(arena: Arena) -> None:
    """mincore says of a file that is not the caller's that all of it is there, whether it is or not (Linux 5.2)."""
    name = f"os.path.dirname(os.__file__) + '/{_LIBRARY_FILE.name}'"
    answers = ask(
        arena,
        "attempt(os.preadv, file, [bytearray(1)], 0, os.RWF_NOWAIT)",
        "call('pwritev2', file, 0, 0, 0, 0, 8)",
        "call('cachestat', file, bytes(16), bytes(40), 0)",
        "(call('mincore', at, 4096, ctypes.addressof(room)), room.raw[0] & 1)",
        setup=f"""
file = os.open({name}, os.O_RDONLY)
libc.mmap.restype = ctypes.c_void_p
at = libc.mmap(None, ctypes.c_size_t(4096), 1, 1, file, ctypes.c_long(0))
room = ctypes.create_string_buffer(1)
""",
    )
    assert answers == ["ENOTSUP", "ENOTSUP", "ENOSYS", (0, 1)]


def test_i14_what_cannot_be_closed_is_listed() -> None:
    """A filter sees no address and no file: multiprocessing waits on shared futexes and SQLite locks files."""
    limits = Path(__file__).parents[2].joinpath("docs/threat-model.md").read_text().partition("## Known limits")[2]
    for what in ("Advisory locks (flock, and fcntl's read locks)", "Futexes on pages of shared library files", "smaps"):
        assert what in " ".join(limits.split())


def test_i14_waking_on_a_library_page_reaches_no_one_on_the_host(arena: Arena) -> None:
    """The host keeps no futex in a file that programs see, so a program can only wake programs that wait for it."""
    answers = ask(
        arena,
        "sum(call('futex', at + offset, 1, 1 << 30, 0, 0, 0) for offset in range(0, 4096, 4))",  # FUTEX_WAKE, shared
        setup="""
libc.mmap.restype = ctypes.c_void_p
file = os.open(os.__file__, os.O_RDONLY)
at = libc.mmap(None, ctypes.c_size_t(4096), 1, 1, file, ctypes.c_long(0))
""",
    )
    assert answers == [0]


def test_i14_other_interruptions(arena: Arena) -> None:
    """Expedited barriers interrupt processes of others; KSM merges pages with theirs; disk priority is over theirs."""
    answers = ask(
        arena,
        "[call('membarrier', command, 0, 0) for command in (1, 2, 4, 128, 256)]",
        "[call('madvise', page, 4096, advice) for advice in (12, 13, 20, 25, 100, 101)]",
        "[call('ioprio_set', 1, 0, priority) for priority in (1 << 13, 2 << 13, 3 << 13)]",
        setup="""
libc.mmap.restype = ctypes.c_void_p
page = libc.mmap(None, ctypes.c_size_t(4096), 3, 0x22, -1, 0)
""",
    )
    assert answers == [["EINVAL"] * 5, ["EINVAL"] * 6, ["EPERM"] * 3]


def test_i_the_kernel_s_memory_comes_back(arena: Arena) -> None:
    """Ten runs that hold all they can get: what each held is free when the next one has begun."""
    sources = (kernel_memory.DESCRIPTORS_OF_EVERY_KIND, kernel_memory.STICKY_OPTIONS)

    def all_of_them() -> Outcome:
        for _ in range(5):
            for source in sources:
                outcome = arena.attack(source, limits=ROOMY)
        return outcome

    _, grown = growth(all_of_them, ROOMY.memory + NOISE)
    assert grown < ROOMY.memory + NOISE
    with contextlib.closing(Engine(workers=1)) as another:
        assert another.run(Program("print(1)")).status is Status.OK
