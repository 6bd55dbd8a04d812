"""The host as seen from outside the sandbox, before and after an attack."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

from engine import cgroup
from tests.patience import patient

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
_LISTENS = ("0A", "07")  # states of TCP and of UDP, see the kernel's include/net/tcp_states.h
# What nobody but this process changes; others on the machine make files and listen, too.
OWN_ASPECTS = ("processes", "mounts", "groups", "ipc", "descriptors")
_SETTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Host:
    """What no run may change.

    Attributes:
        processes: how many processes descend from this one (an idle worker's are always the same number).
        mounts: this mount namespace, line by line.
        groups: control groups of this process's engines.
        files: entries of the folders that everybody may write, and of this one's working directory.
        sockets: listening internet sockets, and named unix sockets, of this network namespace.
        ipc: System V segments, queues and semaphores of this ipc namespace.
        descriptors: how many this process has open.
    """

    processes: int
    mounts: tuple[str, ...]
    groups: frozenset[str]
    files: frozenset[str]
    sockets: frozenset[str]
    ipc: tuple[str, ...]
    descriptors: int

    @classmethod
    def look(cls) -> Host:
        """The host as it stands."""
        return cls(
            processes=len(psutil.Process().children(recursive=True)),
            mounts=tuple(Path("/proc/self/mountinfo").read_text().splitlines()),
            groups=_groups(),
            files=_files(),
            sockets=_sockets(),
            ipc=tuple(Path("/proc/sysvipc", name).read_text() for name in ("shm", "msg", "sem")),
            descriptors=len(os.listdir("/proc/self/fd")),
        )

    def lasting_changes(self, *aspects: str) -> dict[str, tuple[object, object]]:
        """The changes that stay, in these aspects or in all: closing a worker and making a sandbox take moments."""
        deadline = time.monotonic() + patient(_SETTLE_SECONDS)
        while True:
            changes = self.changes(Host.look())
            lasting = {name: changes[name] for name in aspects or changes if name in changes}
            if not lasting or time.monotonic() > deadline:
                return lasting
            time.sleep(0.02)

    def changes(self, later: Host) -> dict[str, tuple[object, object]]:
        """The aspects that differ, with what is gone and what is new. Empty when nothing has changed."""
        pairs = {each.name: (getattr(self, each.name), getattr(later, each.name)) for each in fields(self)}
        return {name: _difference(before, after) for name, (before, after) in pairs.items() if before != after}


def _difference(before: object, after: object) -> tuple[object, object]:
    if isinstance(before, frozenset) and isinstance(after, frozenset):
        return sorted(before - after), sorted(after - before)
    return before, after


def resident_bytes() -> int:
    """Resident memory of this process, the supervisor."""
    return psutil.Process().memory_info().rss


def _groups() -> frozenset[str]:
    parents = set(cgroup.find().parents.values())
    return frozenset(str(path) for parent in parents for path in parent.glob(f"{cgroup.PREFIX}-{os.getpid()}-*"))


def _files() -> frozenset[str]:
    found = set()
    for folder in (*_WATCHED_FOLDERS, os.getcwd()):
        if os.access(folder, os.R_OK | os.X_OK) and os.path.isdir(folder):
            found |= {os.path.join(folder, name) for name in os.listdir(folder)}
    return frozenset(found)


def _sockets() -> frozenset[str]:
    """Who listens, and unix sockets with a name. Connections come and go with whatever else this machine does."""
    found = set()
    for name in ("tcp", "tcp6", "udp", "udp6", "raw", "packet"):
        path = Path("/proc/net", name)
        if path.exists():
            rows = [line.split()[1:4] for line in path.read_text().splitlines()[1:]]
            found |= {f"{name} {' '.join(row)}" for row in rows if row[2] in _LISTENS}
    unix = Path("/proc/net/unix").read_text().splitlines()[1:]
    return frozenset(found | {f"unix {columns[7]}" for columns in map(str.split, unix) if len(columns) > 7})
