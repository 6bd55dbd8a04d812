"""The host as seen from outside the sandbox, before and after an attack.

A machine that runs tests runs other things too: other engines, other tests, whatever writes into /tmp. So only that is
looked at which an engine of this process, or a program in it, can have changed. What a program makes is known by its
owner: programs have ids of the host that belong to nobody. Where that wall is missing, tests of that wall say so.
"""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import pwd
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

from semi_instruct.engine import cgroup
from tests.timing import allow_seconds

_WATCHED_FOLDERS = (
    "/",
    "/dev",
    "/dev/shm",
    "/dev/mqueue",
    "/root",
    "/run",
    "/run/lock",
    "/run/user",
    "/tmp",
    "/var/tmp",
)
# Where jails mount, were it not in namespaces of their own; besides their roots, which have names of their own.
_MOUNTED = ("/", "/box", "/proc", "/opt/engine", "/opt/python", "/opt/runtime", *_WATCHED_FOLDERS)
_LISTENS = ("0A", "07")  # states of TCP and of UDP, see the kernel's include/net/tcp_states.h
# What has to be as it was even where workers were killed and replaced.
OWN_ASPECTS = ("processes", "mounts", "groups", "ipc", "descriptors")
_SETTLE_SECONDS = 5.0
_ZOMBIE = "zombie"


@dataclass(frozen=True, slots=True)
class Host:
    """What no run may change.

    Attributes:
        processes: the names of the processes that descend from this one. A worker counts as one, whether or not the
            sandbox of its next run is there; what is in it besides is named.
        mounts: this mount namespace, line by line, where jails mount.
        groups: control groups of this process's engines.
        files: entries, of the folders that everybody may write and of this process's working directory, whose owner
            or group is nobody; and the folders on which nsjail mounts, where no engine on the machine is alive.
        sockets: of this network namespace those that nobody's uid listens on; of the jails' all that listen or are
            named.
        ipc: System V segments, queues and semaphores of this ipc namespace that are nobody's.
        descriptors: how many this process has open.
    """

    processes: tuple[str, ...]
    mounts: tuple[str, ...]
    groups: frozenset[str]
    files: frozenset[str]
    sockets: frozenset[str]
    ipc: tuple[str, ...]
    descriptors: int

    @classmethod
    def look(cls) -> Host:
        """The host as it stands."""
        descendants = _descendants()
        return cls(
            processes=tuple(sorted(_named(descendants))),
            mounts=tuple(_mounts()),
            groups=_groups(),
            files=_files() | _mount_points(),
            sockets=_sockets(descendants),
            ipc=tuple(line for name in ("shm", "msg", "sem") for line in _of_nobody(Path("/proc/sysvipc", name))),
            descriptors=len(os.listdir("/proc/self/fd")),
        )

    def lasting_changes(self, *aspects: str) -> dict[str, tuple[object, object]]:
        """The changes that stay, in these aspects or in all: closing a worker and making a sandbox take moments."""
        deadline = time.monotonic() + allow_seconds(_SETTLE_SECONDS)
        while True:
            changes = self.changes(Host.look())
            lasting = {name: changes[name] for name in aspects or changes if name in changes}
            if not lasting or time.monotonic() > deadline:
                return lasting
            time.sleep(0.02)

    def changes(self, later: Host) -> dict[str, tuple[object, object]]:
        """The aspects that differ, with what is gone and what is new. Empty when nothing has changed."""
        pairs = {each.name: (getattr(self, each.name), getattr(later, each.name)) for each in fields(self)}
        found = {name: _difference(before, after) for name, (before, after) in pairs.items() if before != after}
        gone, new = found.get("processes", ((), ()))
        if set(gone) <= {_ZOMBIE} and not new:  # a process of an earlier test was waited for at last
            found.pop("processes", None)
        if later.descriptors < self.descriptors:  # of an earlier run: a worker was still being closed
            found.pop("descriptors", None)
        gone, new = found.get("files", ((), ()))
        if not new:  # what an earlier run left, and somebody has removed
            found.pop("files", None)
        return found


def _difference(before: object, after: object) -> tuple[object, object]:
    if isinstance(before, frozenset | tuple) and isinstance(after, frozenset | tuple):
        gone, new = Counter(before) - Counter(after), Counter(after) - Counter(before)
        return sorted(gone.elements()), sorted(new.elements())
    return before, after


def resident_bytes() -> int:
    """Resident memory of this process, the supervisor."""
    return psutil.Process().memory_info().rss


@dataclass(frozen=True, slots=True)
class _Descendant:
    """A process that descends from this one."""

    pid: int
    parent: int
    name: str
    is_keeper: bool


def _descendants() -> list[_Descendant]:
    found = []
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess), each.oneshot():  # it ended between the two looks
            is_zombie = each.status() == psutil.STATUS_ZOMBIE
            is_keeper = not is_zombie and "semi-instruct-keeper" in each.cmdline()
            found.append(_Descendant(each.pid, each.ppid(), _ZOMBIE if is_zombie else each.name(), is_keeper))
    return found


def _named(descendants: list[_Descendant]) -> Iterator[str]:
    """Their names; of each worker that of its keeper, and of what is beyond nsjail, zygote, init and child."""
    parts = set()
    for keeper in (each for each in descendants if each.is_keeper):
        nsjails = [each for each in descendants if each.parent == keeper.pid and each.name == "nsjail"][:1]
        zygotes = [each for nsjail in nsjails for each in descendants if each.parent == nsjail.pid][:1]
        sandbox = [each for zygote in zygotes for each in descendants if each.parent == zygote.pid]
        # Whichever of a sandbox is there: a run that has ended and its init are not there together with the next.
        parts |= {each.pid for each in (*nsjails, *zygotes, *sorted(sandbox, key=lambda each: each.pid)[:2])}
    return (each.name if not each.is_keeper else "keeper" for each in descendants if each.pid not in parts)


def _mounts() -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split(" ")[4]
        if point in _MOUNTED or "nsjail" in line:
            yield line


def _groups() -> frozenset[str]:
    parents = set(cgroup.find().parents.values())
    return frozenset(str(path) for parent in parents for path in parent.glob(f"{cgroup.PREFIX}-{os.getpid()}-*"))


def _is_nobody(number: int, own: int, look_up: Callable[[int], object]) -> bool:
    """Whether an id is no user's or group's of this system, as those of programs are."""
    if number in (0, own):
        return False
    try:
        look_up(number)
    except KeyError:
        return True
    return False


def _is_nobody_s_uid(uid: int) -> bool:
    return _is_nobody(uid, os.geteuid(), pwd.getpwuid)


def _files() -> frozenset[str]:
    found = set()
    for folder in (*_WATCHED_FOLDERS, os.getcwd()):
        if os.access(folder, os.R_OK | os.X_OK) and os.path.isdir(folder):
            for entry in os.scandir(folder):
                with contextlib.suppress(FileNotFoundError):  # somebody has just removed it
                    status = entry.stat(follow_symlinks=False)
                    if _is_nobody_s_uid(status.st_uid) or _is_nobody(status.st_gid, os.getegid(), grp.getgrgid):
                        found.add(entry.path)
    return frozenset(found)


def _mount_points() -> frozenset[str]:
    """The folders on which this user's jails mount. While there is a keeper alive on the machine, none is left over."""
    uid = os.geteuid()
    places = (f"/run/user/{uid}/nsjail", *(f"{folder}/nsjail.{uid}" for folder in ("/run/user", "/tmp", "/dev/shm")))
    lock = os.open("/", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as the last keeper does
    except BlockingIOError:
        return frozenset()
    else:
        found = (str(path) for each in places for path in Path(each).parent.glob(f"{Path(each).name}*"))
        return frozenset(found)
    finally:
        os.close(lock)


def _sockets(descendants: list[_Descendant]) -> frozenset[str]:
    """Who listens, and unix sockets with a name. Connections come and go with whatever else this machine does."""
    found = {f"{name} {' '.join(row)}" for name, row in _inet(Path("/proc/net")) if _is_nobody_s_uid(int(row[3]))}
    jailed = {each.pid for each in descendants if each.name == "nsjail"}
    for zygote in (each.pid for each in descendants if each.parent in jailed):
        net = Path(f"/proc/{zygote}/net")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended, and its namespace with it
            found |= {f"in a jail: {name} {' '.join(row[:3])}" for name, row in _inet(net)}
            unix = (net / "unix").read_text().splitlines()[1:]
            found |= {f"in a jail: unix {columns[7]}" for columns in map(str.split, unix) if len(columns) > 7}
    return frozenset(found)


def _inet(net: Path) -> Iterator[tuple[str, list[str]]]:
    """Protocol, and local and remote address, state and uid, of what listens in a network namespace."""
    for name in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        if (net / name).exists():
            for line in (net / name).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] in _LISTENS:
                    yield name, [*columns[1:4], columns[7]]


def _of_nobody(table: Path) -> Iterator[str]:
    """The lines of a table of System V objects whose owner or maker is nobody."""
    header, *lines = table.read_text().splitlines()
    columns = [header.split().index(name) for name in ("uid", "cuid")]
    for line in lines:
        if any(_is_nobody_s_uid(int(line.split()[column])) for column in columns):
            yield line
