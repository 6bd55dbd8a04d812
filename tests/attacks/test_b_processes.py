"""B: process, signal and namespace tricks."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from semi_instruct.engine import Engine, Limits, Outcome, Program, Status, identity, jail, runtime
from tests.attacks.conftest import LIMITS, Arena
from tests.attacks.hostile import (
    INTERRUPT_INIT,
    IO_URING,
    MOUNT,
    NEW_USER_NAMESPACE,
    NUMBERS,
    OPEN_MEMORY_OF_INIT,
    SEARCH,
    SEE_GROUPS,
    TOOLS,
    ask,
    assert_forbidden,
    elf32,
    elf64,
)
from tests.engine_processes import groups
from tests.timing import allow_seconds

DOES_NOT_APPLY: dict[str, str] = {}

_CLONE_VM, _CLONE_UNTRACED = 0x100, 0x800000
_CLONE_NEW = {
    "NEWNS": 0x20000,
    "NEWCGROUP": 0x2000000,
    "NEWUTS": 0x4000000,
    "NEWIPC": 0x8000000,
    "NEWUSER": 0x10000000,
    "NEWPID": 0x20000000,
    "NEWNET": 0x40000000,
}
_X32 = 0x40000000
_PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def bystander(arena: Arena) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the host that has the very uid of the arena's programs, where the test may give it one."""
    arena.await_sandbox()  # its child is there, and is no longer the caller
    [worker] = arena.engine._pool.alive
    uids = {each.uids().real for each in psutil.Process(worker.pid).children(recursive=True)} - {os.geteuid()}
    uid = uids.pop() if os.geteuid() == 0 else None
    process = subprocess.Popen(["/bin/sleep", "60"], user=uid)
    yield process
    process.kill()
    process.wait()


def test_b01_kills_everybody(arena: Arena, bystander: subprocess.Popen[bytes]) -> None:
    children = """
import signal, time
children = []
for number in range(4):
    children.append(os.fork())
    if children[-1] == 0:
        os.setsid()
        time.sleep(60)
"""
    answers = ask(
        arena,
        "attempt(os.kill, -1, 9)",
        "[os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in children]",
        "attempt(os.kill, -1, 9)",
        setup=children,
    )
    assert answers == [None, [-9] * 4, "ESRCH"]
    assert bystander.poll() is None


def test_b02_signals_its_parent_its_init_and_the_supervisor(arena: Arena, bystander: subprocess.Popen[bytes]) -> None:
    outside = [os.getpid(), bystander.pid, *(each.pid for each in psutil.Process().children(recursive=True))]
    answers = ask(
        arena,
        "os.getppid()",
        INTERRUPT_INIT,
        "{attempt(os.kill, 1, number) for number in range(65)}",
        "{number: answer for number in range(3, 5000) if (answer := attempt(os.kill, number, 9)) != 'ESRCH'}",
        f"{{attempt(os.kill, number, 9) for number in {outside} if number > 2}}",
        "{attempt(os.killpg, number, 9) for number in range(3, 300)}",
    )
    assert answers == [0, "EPERM", {"EPERM"}, {}, {"ESRCH"}, {"ESRCH"}]
    assert bystander.poll() is None


_CHILD = """
import time
child = os.fork()
if child == 0:
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ptrace", "0x4206, child, 0, 0"),  # PTRACE_SEIZE
        ("process_vm_readv", "child, 0, 0, 0, 0, 0"),
        ("process_vm_writev", "child, 0, 0, 0, 0, 0"),
        ("kcmp", "os.getpid(), child, 0, 0, 0"),
    ],
)
def test_b03_looks_into_a_sibling(arena: Arena, name: str, arguments: str) -> None:
    assert_forbidden(arena, name, arguments, setup=_CHILD)


def test_b03_opens_a_sibling_s_memory(arena: Arena) -> None:
    paths = [f"attempt(open, f'/proc/{{child}}/{name}', 'rb')" for name in ("mem", "environ")]
    end = "os.kill(child, 9)"
    assert ask(arena, *paths, end, setup=_CHILD) == ["ENOENT", "ENOENT", None]


def test_b04_traces_what_is_trusted(arena: Arena) -> None:
    assert_forbidden(arena, "ptrace", "16, 1, 0, 0")  # PTRACE_ATTACH to init, which shares the zygote's memory


def test_b04_reads_and_writes_the_memory_of_what_is_trusted(arena: Arena) -> None:
    answers = ask(
        arena,
        OPEN_MEMORY_OF_INIT,
        *(f"attempt(open, '/proc/1/{name}', 'rb')" for name in ("maps", "environ", "exe", "fd/3")),
        "call('prctl', 3, 0, 0, 0, 0)",  # PR_GET_DUMPABLE
        "call('prctl', 4, 1, 0, 0, 0)",  # PR_SET_DUMPABLE
    )
    assert answers == ["ENOENT"] * 5 + [0, "EPERM"]


def test_b05_takes_descriptors_of_its_init(arena: Arena) -> None:
    answers = ask(
        arena, "init > 2", "call('pidfd_send_signal', init, 9, 0, 0)", setup="init = call('pidfd_open', 1, 0)"
    )
    assert answers == [True, "EPERM"]
    assert_forbidden(arena, "pidfd_getfd", "call('pidfd_open', 1, 0), 3, 0")


def test_b06_makes_a_user_namespace(arena: Arena) -> None:
    assert_forbidden(arena, *NEW_USER_NAMESPACE)
    assert ask(arena, f"call('clone', {_CLONE_NEW['NEWUSER']} | 17, 0, 0, 0, 0)") == ["EPERM"]


def test_b07_hides_flags_from_the_filter_in_clone3(arena: Arena) -> None:
    thread = """
import struct, threading
arguments = struct.pack("<11Q", 0x10000000, *[0] * 10)
seen = []
thread = threading.Thread(target=seen.append, args=(1,))
thread.start()
thread.join()
"""
    flags = [f"call('clone', {flag} | 17, 0, 0, 0, 0)" for flag in _CLONE_NEW.values()]
    answers = ask(arena, "call('clone3', arguments, len(arguments))", "seen", *flags, setup=thread)
    assert answers == ["ENOSYS", [1], *["EPERM"] * len(_CLONE_NEW)]


@pytest.mark.parametrize("kind", ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"])
def test_b08_joins_a_namespace(arena: Arena, kind: str) -> None:
    assert_forbidden(arena, "setns", f"os.open('/proc/self/ns/{kind}', os.O_RDONLY), 0")


def test_b08_finds_no_namespace_but_its_own(arena: Arena) -> None:
    answers = ask(
        arena,
        "attempt(os.listdir, '/proc/1/ns')",
        "[number for number in range(3, 256) if attempt(os.fstat, number) != 'EBADF']",
    )
    assert answers == ["ENOENT", []]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        MOUNT,
        ("umount2", "b'/proc', 2"),
        ("pivot_root", "b'/tmp', b'/tmp'"),
        ("chroot", "b'/tmp'"),
        ("fsopen", "b'tmpfs', 0"),
        ("fsconfig", "3, 0, 0, 0, 0"),
        ("fsmount", "3, 0, 0"),
        ("fspick", "-100, b'/', 0"),
        ("open_tree", "-100, b'/', 1"),
        ("move_mount", "-100, b'/tmp', -100, b'/opt', 0"),
        ("mount_setattr", "-100, b'/', 0x8000, bytes(32), 32"),
    ],
)
def test_b09_changes_mounts(arena: Arena, name: str, arguments: str) -> None:
    assert_forbidden(arena, name, arguments)


def test_b10_leaves_its_root_by_an_open_folder(arena: Arena) -> None:
    climb = "os.fchdir(top)\nfor _ in range(50): os.chdir('..')\n"
    answers = ask(
        arena,
        "os.path.samefile('.', '/')",
        "sorted(os.listdir('.')) == sorted(os.listdir('/'))",
        "'etc' in os.listdir('.')",
        "[number for number in range(3) if os.path.isdir(f'/proc/self/fd/{number}')]",
        "os.readlink('/proc/self/root')",
        setup="top = os.open('/', os.O_DIRECTORY)\n" + climb,
    )
    assert answers == [True, True, False, [], "/"]
    assert_forbidden(arena, "chroot", "b'.'", setup="top = os.open('/', os.O_DIRECTORY)\nos.chdir('/tmp')")


def test_b11_becomes_another_user(arena: Arena) -> None:
    calls = [
        *(f"call('{name}', 0)" for name in ("setuid", "setgid", "setfsuid", "setfsgid")),
        *(f"call('{name}', 0, 0, 0)" for name in ("setreuid", "setregid", "setresuid", "setresgid")),
        "call('setgroups', 0, 0)",
        "call('capset', b'\\x22\\x05\\x08\\x20' + bytes(4), b'\\xff' * 24)",
    ]
    answers = ask(
        arena,
        *calls,
        "[line.split(' ')[4] for line in open('/proc/self/mountinfo') if 'nosuid' not in line.split(' ')[5]]",
        "call('prctl', 39, 0, 0, 0, 0)",  # PR_GET_NO_NEW_PRIVS
        "{int(line.split()[1], 16) for line in open('/proc/self/status') if line.startswith('Cap')}",
    )
    assert answers == [*["EPERM"] * len(calls), [], 1, {0}]


def test_b12_prctl(arena: Arena) -> None:
    denied = {"DUMPABLE": 4, "SECCOMP": 22, "TSC": 26, "MM": 35, "PTRACER": 0x59616D61, "SYSCALL_USER_DISPATCH": 59}
    source = f"""{TOOLS}
import signal
print([call("prctl", option, 1, 0, 0, 0) for option in {list(denied.values())}])
print([call("prctl", option, 1, 0, 0, 0) for option in (1, 36)])  # PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER
print(call("prctl", 15, b"nsjail", 0, 0, 0), flush=True)
if os.fork() == 0:
    signal.pause()
os._exit(3)
"""
    outcome = arena.attack(source)
    assert (outcome.status, outcome.exit_code) == (Status.NONZERO_EXIT, 3)
    assert outcome.stdout.decode().splitlines() == [str(["EPERM"] * len(denied)), "[0, 0]", "0"]


def test_b13_personality(arena: Arena) -> None:
    asked = "call('personality', 0xffffffff)"
    changed = [f"call('personality', {value:#x})" for value in (0x400000, 0x40000, 8, 0x20000)]
    before, *answers, after = ask(arena, asked, *changed, asked)
    assert answers == ["EPERM"] * 4
    assert before == after


@pytest.mark.parametrize("name", ["clock_settime", "settimeofday", "adjtimex", "clock_adjtime"])
def test_b14_sets_the_clock(arena: Arena, name: str) -> None:
    assert_forbidden(arena, name, "0, bytes(256), 0, 0")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("sethostname", "b'owned', 5"),
        ("setdomainname", "b'owned', 5"),
        ("swapon", "b'/tmp/swap', 0"),
        ("swapoff", "b'/tmp/swap'"),
        ("reboot", "0xfee1dead, 672274793, 0, 0"),  # CAD off: harmless, should it ever get through
        ("init_module", "b'', 0, b''"),
        ("finit_module", "0, b'', 0"),
        ("delete_module", "b'none', 0"),
        ("kexec_load", "0, 0, 0, 0"),
        ("kexec_file_load", "0, 0, 0, 0, 0"),
        ("acct", "b'/tmp/acct'"),
        ("quotactl", "0, 0, 0, 0"),
        ("quotactl_fd", "0, 0, 0, 0"),
        ("iopl", "3"),
        ("ioperm", "0x80, 1, 1"),
        ("syslog", "3, 0, 0"),
        ("vhangup", ""),
    ],
)
def test_b15_manages_the_machine(arena: Arena, name: str, arguments: str) -> None:
    assert_forbidden(arena, name, arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("add_key", "b'user', b'channel', b'message', 7, -4"),  # the user's own keyring
        ("request_key", "b'user', b'channel', 0, 0"),
        ("keyctl", "0, -4, 1"),  # KEYCTL_GET_KEYRING_ID
    ],
)
def test_b16_keyrings(arena: Arena, name: str, arguments: str) -> None:
    assert_forbidden(arena, name, arguments)


def test_b17_io_uring(arena: Arena) -> None:
    others = ("call('io_uring_enter', 3, 1, 0, 0, 0, 0)", "call('io_uring_register', 3, 0, 0, 0)")
    assert ask(arena, IO_URING, *others) == ["ENOSYS"] * 3


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("bpf", "0, bytes(128), 128"),
        ("perf_event_open", "bytes(128), 0, -1, -1, 0"),
        ("userfaultfd", "1"),
        ("fanotify_init", "0, 0"),
        ("fanotify_mark", "3, 1, 1, -100, b'/'"),
        ("lookup_dcookie", "0, 0, 0"),
        ("name_to_handle_at", "-100, b'/', bytes(128), bytes(8), 0"),
        ("open_by_handle_at", "-100, bytes(128), 0"),
    ],
)
def test_b18_kernel_attack_surface(arena: Arena, name: str, arguments: str) -> None:
    assert_forbidden(arena, name, arguments)


def test_b19_runs_a_dropped_program(arena: Arena) -> None:
    write = f"open('/tmp/dropped', 'wb').write({elf64(b'')!r}); os.chmod('/tmp/dropped', 0o755)"
    assert ask(arena, "attempt(os.execv, '/tmp/dropped', ['x'])", setup=write) == ["EACCES"]
    # mov edi, 21 (PR_GET_SECCOMP); mov eax, 157 (prctl); syscall; mov edi, eax; mov eax, 60 (exit); syscall
    asks_for_its_filter = elf64(bytes.fromhex("bf15000000b89d0000000f0589c7b83c0000000f05"))
    outcome = arena.attack(f"{TOOLS}\nrun_elf({asks_for_its_filter!r})")
    assert (outcome.status, outcome.exit_code) == (Status.NONZERO_EXIT, 2)
    traces = elf64(bytes.fromhex("31ff b865000000 0f05 b83c000000 0f05"))  # ptrace(0, ...); exit
    outcome = arena.attack(f"{TOOLS}\nrun_elf({traces!r})")
    assert (outcome.status, outcome.detail) == (Status.FORBIDDEN_SYSCALL, "ptrace")


_I386_GETPID = bytes.fromhex("b814000000 cd80")  # mov eax, 20; int 0x80
_I386_EXIT = bytes.fromhex("b801000000 31db cd80")  # mov eax, 1; xor ebx, ebx; int 0x80


def _kernel_knows_i386() -> bool:
    source = f"{TOOLS}\nprint(run_machine_code({_I386_GETPID + bytes([0xC3])!r}) > 0)"
    return subprocess.run([sys.executable, "-c", source], capture_output=True, check=False).stdout == b"True\n"


def _assert_foreign(outcome: Outcome, number: int, abi: str) -> None:
    """A call by another ABI's number is reported, or dies by SIGSYS before it is."""
    how = (outcome.status, outcome.detail if outcome.status is Status.FORBIDDEN_SYSCALL else outcome.signal)
    named = f"call {number} of a foreign ABI ({abi})"
    assert how in {(Status.FORBIDDEN_SYSCALL, named), (Status.SIGNALED, signal.SIGSYS)}, outcome
    assert b"answered" not in outcome.stdout


def test_b20_calls_by_i386_numbers(arena: Arena) -> None:
    code = f"run_machine_code({_I386_GETPID + bytes([0xC3])!r})"
    outcome = arena.attack(f"{TOOLS}\nprint('answered:', {code})")
    if _kernel_knows_i386():
        _assert_foreign(outcome, 20, "i386")
    else:
        assert (outcome.status, outcome.signal) == (Status.SIGNALED, signal.SIGSEGV)


def test_b20_becomes_an_i386_program(arena: Arena) -> None:
    outcome = arena.attack(f"{TOOLS}\nprint(attempt(run_elf, {elf32(_I386_GETPID + _I386_EXIT)!r}))")
    if _kernel_knows_i386():
        _assert_foreign(outcome, 20, "i386")
    else:
        assert (outcome.status, outcome.stdout) == (Status.OK, b"ENOEXEC\n")


@pytest.mark.parametrize("name", ["read", "getpid", "ptrace", "execve", "bpf", "io_uring_setup"])
def test_b21_calls_by_x32_numbers(arena: Arena, name: str) -> None:
    number = NUMBERS[name]
    outcome = arena.attack(f"{TOOLS}\nprint('answered:', call({number | _X32}, 0, 0, 0, 0, 0, 0))")
    _assert_foreign(outcome, number, "x32")


def test_b22_calls_the_filter_has_never_heard_of(arena: Arena) -> None:
    # The kernel passes its own two, uretprobe and uprobe, by every filter; they do nothing outside a probe.
    unknown = "[number for number in range(1200) if number not in {*NUMBERS.values(), 335, 336}]"
    answers = ask(
        arena,
        f"{{call(number, 0, 0, 0, 0, 0, 0) for number in {unknown}}}",
        "{call(number, 0, 0, 0, 0, 0, 0) for number in (1 << 29, (1 << 30) - 1, 1 << 31)}",
    )
    assert answers == [{"ENOSYS"}, {"ENOSYS"}]


def test_b23_stacks_a_filter_of_its_own(arena: Arena) -> None:
    filter_ = "import struct; filter = struct.pack('<HHIQ', 1, 0, 0, 0)"
    answers = ask(
        arena,
        "call('seccomp', 0, 0, 0)",  # SECCOMP_SET_MODE_STRICT
        "call('seccomp', 1, 8, filter)",  # SECCOMP_SET_MODE_FILTER with a listener of its own
        "call('seccomp', 3, 0, bytes(6))",  # SECCOMP_GET_NOTIF_SIZES
        "call('prctl', 22, 2, filter, 0, 0)",
        setup=filter_,
    )
    assert answers == ["ENOSYS", "ENOSYS", "ENOSYS", "EPERM"]


def test_b24_types_into_a_terminal(arena: Arena) -> None:
    answers = ask(
        arena,
        "{call('ioctl', number, 0x5412 | high, b'x') for number in range(3) for high in (0, 1 << 32, 0xdead << 40)}",
        "{call('ioctl', number, 0x541c | high, b'x') for number in range(3) for high in (0, 1 << 32)}",
        "[attempt(open, path) for path in ('/dev/tty', '/dev/console', '/dev/ptmx', '/dev/tty1', '/dev/pts')]",
        "[os.isatty(number) for number in range(3)]",
        "int(open('/proc/self/stat').read().split()[6])",  # tty_nr
        "os.getsid(0) == os.getpid()",
    )
    assert answers == [{"EPERM"}, {"EPERM"}, ["ENOENT"] * 5, [False] * 3, 0, True]


def test_b25_segments_and_arch_prctl(arena: Arena) -> None:
    # ARCH_SET_CPUID, ARCH_MAP_VDSO_X32 and its kin, ARCH_SHSTK_ENABLE, ARCH_ENABLE_TAGGED_ADDR
    codes = (0x1012, 0x2001, 0x2002, 0x2003, 0x5001, 0x4002)
    answers = ask(
        arena,
        f"[call('arch_prctl', code, 1) for code in {codes}]",
        "call('set_thread_area', bytes(16))",
        "call('get_thread_area', bytes(16))",
    )
    assert answers == [["EINVAL"] * len(codes), "ENOSYS", "ENOSYS"]
    assert_forbidden(arena, "modify_ldt", "1, bytes(16), 16")


def test_b26_searches_what_all_runs_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses are the same in every run, so they are worth nothing; nor is anything that can be read there."""
    first, second = "orange", "-tree-0c5d2"
    secret = first + second
    monkeypatch.setenv("SEMI_INSTRUCT_TEST_SECRET", secret)
    with_secret = Arena()
    try:
        for _ in range(3):
            kept = f"kept = [{secret!r} * 1000]\ndef f(x): return x[::-1]"
            before = with_secret.engine.run(Program(kept, entry="f"), stdin=secret.encode(), args=(secret,))
            assert before.value == secret[::-1]
        answers = ask(
            with_secret,
            f"stands_in_memory({first.encode()!r}, {second.encode()!r})",
            "stands_in_memory(b'The zygote: register ', b'with the supervisor')",  # so this is where the zygote was
            setup=SEARCH,
            limits=Limits(cpu_time=allow_seconds(5)),
        )
    finally:
        with_secret.engine.close()
    assert answers == [False, True]


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("os.abort()", signal.SIGABRT),
        ("os.kill(os.getpid(), 15)", signal.SIGTERM),
        ("os.kill(os.getpid(), 9)", signal.SIGKILL),
        ("os.kill(0, 9)", signal.SIGKILL),
        ("ctypes.string_at(0)", signal.SIGSEGV),
    ],
)
def test_b27_signals_mean_what_they_mean_elsewhere(arena: Arena, source: str, number: int) -> None:
    outcome = arena.attack(f"{TOOLS}\nprint(os.getpid(), flush=True)\n{source}")
    assert (outcome.status, outcome.signal, outcome.stdout) == (Status.SIGNALED, number, b"2\n")


def test_b28_raises_its_limits(arena: Arena) -> None:
    setup = """
import resource, time
child = os.fork()
if child == 0:
    time.sleep(60)

def raised(limit, who):
    most = resource.prlimit(who, limit)[1]
    if most == resource.RLIM_INFINITY:
        return "infinite"
    try:
        resource.prlimit(who, limit, (most + 1, most + 1))
    except (OSError, ValueError):
        return "refused"

limits = {name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
infinite = {name for name, limit in limits.items() if raised(limit, 0) == "infinite"}
"""
    answers = ask(
        arena,
        "{raised(limit, who) for limit in limits.values() for who in (0, child)}",
        "infinite & {'RLIMIT_CPU', 'RLIMIT_FSIZE', 'RLIMIT_NOFILE', 'RLIMIT_NPROC', 'RLIMIT_CORE', 'RLIMIT_MEMLOCK'}",
        "{attempt(resource.prlimit, 1, limit) for limit in limits.values()}",
        "os.kill(child, 9)",
        setup=setup,
    )
    assert answers == [{"refused", "infinite"}, set(), {"EPERM"}, None]


def test_b29_hides_from_the_oom_killer_and_leaves_its_group(arena: Arena) -> None:
    answers = ask(
        arena,
        "open('/proc/self/oom_score_adj').read()",
        "attempt(open, '/proc/self/oom_score_adj', 'w')",
        "[line for line in open('/proc/self/mountinfo') if ' cgroup' in line]",
        SEE_GROUPS,
        "attempt(os.listdir, '/sys')",
    )
    assert answers == ["1000\n", "EROFS", [], {"/"}, "ENOENT"]


def test_b30_untraced_children_that_share_its_memory(arena: Arena) -> None:
    flags = _CLONE_VM | _CLONE_UNTRACED | signal.SIGCHLD
    source = f"""{TOOLS}
stack = ctypes.create_string_buffer(1 << 16)
top = ctypes.c_void_p((ctypes.addressof(stack) + (1 << 16)) & ~15)
child = libc.clone(libc.syscall, top, {flags}, ctypes.c_void_p(NUMBERS["ptrace"]))
print(child > 2, flush=True)
os.waitpid(child, 0)
print("answered")
"""
    outcome = arena.attack(source)
    assert (outcome.status, outcome.detail) == (Status.FORBIDDEN_SYSCALL, "ptrace")
    assert b"answered" not in outcome.stdout


@contextmanager
def _orphans_come_home() -> Iterator[psutil.Process]:
    """This process, which for a while is where orphaned descendants go instead of to the host's init."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield psutil.Process()
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _worker(owner: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes of the worker that the engine in another process is starting, from its keeper downwards."""
    with suppress(psutil.NoSuchProcess):  # the engine gave up already; the caller asks again
        for child in psutil.Process(owner.pid).children():
            if "semi-instruct-keeper" in child.cmdline():
                return [child, *child.children(recursive=True)]
    return []


@pytest.mark.parametrize("descendants", [1, 3, 5], ids=["keeper", "zygote", "child"])
def test_b31_the_engine_dies_while_a_worker_starts(descendants: int) -> None:
    source = "from semi_instruct.engine import Engine, Program\nEngine(workers=1).run(Program('while True: pass'))"
    with _orphans_come_home() as home:
        known = set(home.children())
        owner = subprocess.Popen([sys.executable, "-c", source], cwd=Path(__file__).parents[2])
        while owner.poll() is None and len(_worker(owner)) < descendants:
            pass
        assert owner.poll() is None, "the engine was to be killed while it starts"
        owner.kill()
        owner.wait()
        deadline = time.monotonic() + allow_seconds(10)
        # What one of them has left is its child, or comes home when it ends.
        while left := set(home.children()) - known:
            assert time.monotonic() < deadline, left
            for orphan in left:
                if orphan.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(orphan.pid, 0)
            time.sleep(0.01)
    assert groups(owner.pid) == []  # as the next engine finds it, which sweeps groups that were never entered
    assert "nsjail" not in Path("/proc/self/mountinfo").read_text()


def test_b32_environment_of_trusted_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request carries no environment. What the supervisor has in its own does not reach the jail either."""
    poison = {
        "LD_PRELOAD": "/tmp/evil.so",
        "LD_LIBRARY_PATH": "/tmp/evil",
        "LD_AUDIT": "/tmp/evil.so",
        "PYTHONPATH": "/tmp/evil",
        "PYTHONSTARTUP": "/tmp/evil.py",
        "PYTHONHASHSEED": "7",
        "PYTHONINSPECT": "1",
        "PYTHONWARNINGS": "error",
        "BASH_ENV": "/tmp/evil.sh",
        "ENV": "/tmp/evil.sh",
    }
    for name, value in poison.items():
        monkeypatch.setenv(name, value)
    poisoned = Arena()
    try:
        [environment, path] = ask(poisoned, "dict(os.environ)", "__import__('sys').path")
    finally:
        poisoned.engine.close()
    meant = dict(each.split("=", 1) for each in jail.configuration(runtime.find(), identity.choose()).envar)
    assert environment == meant
    assert "evil" not in f"{environment} {path}"


def test_b33_recycled_pids(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing outside is signalled by its number: a run is killed by a handle on its init."""

    def by_number(*_: object) -> None:
        raise AssertionError("a process was signalled by number")

    monkeypatch.setattr(os, "kill", by_number)
    monkeypatch.setattr(os, "killpg", by_number)
    monkeypatch.setattr(psutil.Process, "send_signal", by_number)
    monkeypatch.setattr(psutil.Process, "kill", by_number)
    recycle = "import os\nwhile True:\n    if os.fork() == 0: os._exit(0)\n    os.wait()"
    outcome = arena.attack(recycle, limits=Limits(cpu_time=allow_seconds(30), wall_time=allow_seconds(1), processes=8))
    assert outcome.status is Status.TIME_LIMIT
    with Engine(workers=1) as closed:
        assert closed.run(Program("print(1)"), limits=LIMITS).stdout == b"1\n"
