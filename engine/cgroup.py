"""Control groups: the limits that hold for a whole process tree, and the kernel's own account of it.

One group per worker. The zygote is moved into it once, at birth, and everything it forks is born there (moving a
process later costs milliseconds). The limits of a run are written before its program is handed over; what the run used
is the difference between two readings. Which version is used is found by trying: a group is made, limited and removed
(a *write probe*). A mount point that exists proves nothing.

Version 1 needs three hierarchies (memory, pids, cpuacct), each with a group of the same name beneath the caller's own
group. Version 2 needs one group whose parent hands memory and pids down: the caller's own group or the nearest
ancestor that can. A process inside a group forbids it to do so, so a caller that was *delegated* its own group first
steps down into a leaf of it, as systemd asks of delegates.

Sources: the kernel's cgroup-v1/memory.rst, cgroup-v1/pids.rst, cgroup-v1/cpuacct.rst and cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.errors import SandboxUnavailable

PREFIX = "semi-instruct"
_V1_CONTROLLERS = ("memory", "pids", "cpuacct")
_V2_CONTROLLERS = ("memory", "pids")
_REMOVE_SECONDS = 2.0
_NAME = re.compile(rf"{PREFIX}-(\d+)-[0-9a-f]+")
_REMEDY = (
    "run as root with a writable /sys/fs/cgroup, or in a delegated group "
    "(systemd-run --user --scope -p Delegate=yes COMMAND)"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at a group's accounts: cpu nanoseconds, bytes of memory, and two counters of refusals."""

    cpu_ns: int
    memory: int
    oom_kills: int
    forks_refused: int


class Group(Protocol):
    """A worker's control group, whichever the version."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The group's directories, one a hierarchy."""

    def add(self, pid: int) -> None:
        """Move a process into the group."""

    def limit(self, memory: int, processes: int) -> None:
        """Set the limits, in bytes and in tasks, of everything in the group."""

    def read(self) -> Reading:
        """The accounts as they stand."""

    def cpu_ns(self) -> int:
        """Cpu time of the whole group so far."""

    def restart_peak(self) -> bool:
        """Forget the highest memory use so far; False where this kernel cannot."""

    def peak(self) -> int:
        """Highest memory use, in bytes, since ``restart_peak`` (or ever, where that is False)."""

    def close(self) -> None:
        """Remove the group, waiting a little for its last process. What is gone already is fine."""


class _File:
    """A control file that stays open: reading it anew costs one system call."""

    def __init__(self, path: Path, flags: int = os.O_RDWR) -> None:
        self._descriptor = os.open(path, flags | os.O_CLOEXEC)

    def read(self) -> bytes:
        return os.pread(self._descriptor, 4096, 0)

    def number(self) -> int:
        return int(self.read())

    def field(self, name: bytes) -> int:
        for line in self.read().splitlines():
            key, _, value = line.partition(b" ")
            if key == name:
                return int(value)
        return 0

    def write(self, value: int | bytes) -> None:
        os.pwrite(self._descriptor, value if isinstance(value, bytes) else b"%d" % value, 0)

    def close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    def __del__(self) -> None:
        if getattr(self, "_descriptor", -1) >= 0:
            self.close()


class _GroupV1:
    def __init__(self, parents: dict[str, Path], name: str) -> None:
        self.paths = tuple(parents[controller] / name for controller in _V1_CONTROLLERS)
        for path in self.paths:
            path.mkdir(mode=0o755)
        memory, pids, cpu = self.paths
        self._usage = _File(memory / "memory.usage_in_bytes", os.O_RDONLY)
        self._peak = _File(memory / "memory.max_usage_in_bytes")
        self._oom = _File(memory / "memory.oom_control")
        self._refused = _File(pids / "pids.events", os.O_RDONLY)
        self._cpu = _File(cpu / "cpuacct.usage", os.O_RDONLY)
        self._memory_limit = _File(memory / "memory.limit_in_bytes")
        # Absent where the kernel does not account for swap; then there is none to be limited.
        swap = memory / "memory.memsw.limit_in_bytes"
        self._swap_limit = _File(swap) if swap.exists() else None
        self._pids_limit = _File(pids / "pids.max")
        self._limits = (1 << 62, 0)

    def add(self, pid: int) -> None:
        for path in self.paths:
            (path / "cgroup.procs").write_text(str(pid))

    def limit(self, memory: int, processes: int) -> None:
        if self._limits == (memory, processes):
            return
        # Memory with swap may never be below memory alone, so the order depends on the direction.
        files = [self._memory_limit] if self._swap_limit is None else [self._swap_limit, self._memory_limit]
        for file in files if memory > self._limits[0] else reversed(files):
            file.write(memory)
        self._pids_limit.write(processes)
        self._limits = (memory, processes)

    def read(self) -> Reading:
        return Reading(
            self._cpu.number(), self._usage.number(), self._oom.field(b"oom_kill"), self._refused.field(b"max")
        )

    def cpu_ns(self) -> int:
        return self._cpu.number()

    def restart_peak(self) -> bool:
        self._peak.write(0)
        return True

    def peak(self) -> int:
        return self._peak.number()

    def close(self) -> None:
        _close_files(self)
        _remove(self.paths)


class _GroupV2:
    def __init__(self, parent: Path, name: str) -> None:
        path = parent / name
        path.mkdir(mode=0o755)
        self.paths = (path,)
        self._path = path
        self._usage = _File(path / "memory.current", os.O_RDONLY)
        self._memory_limit = _File(path / "memory.max")
        swap = path / "memory.swap.max"
        if swap.exists():
            swap.write_text("0")
        self._pids_limit = _File(path / "pids.max")
        self._events = _File(path / "memory.events", os.O_RDONLY)
        self._refused = _File(path / "pids.events", os.O_RDONLY)
        self._cpu = _File(path / "cpu.stat", os.O_RDONLY)
        # memory.peak came with Linux 5.19, and can be restarted (for one open file) since 6.12.
        peak = path / "memory.peak"
        self._peak: _File | None = None
        if peak.exists():
            try:
                self._peak = _File(peak)
            except OSError:
                self._peak = _File(peak, os.O_RDONLY)
        self._limits = (0, 0)

    def add(self, pid: int) -> None:
        (self._path / "cgroup.procs").write_text(str(pid))

    def limit(self, memory: int, processes: int) -> None:
        if self._limits != (memory, processes):
            self._memory_limit.write(memory)
            self._pids_limit.write(processes)
            self._limits = (memory, processes)

    def read(self) -> Reading:
        return Reading(
            self.cpu_ns(), self._usage.number(), self._events.field(b"oom_kill"), self._refused.field(b"max")
        )

    def cpu_ns(self) -> int:
        return 1000 * self._cpu.field(b"usage_usec")

    def restart_peak(self) -> bool:
        if self._peak is None:
            return False
        try:
            self._peak.write(b"reset")
        except OSError:
            return False
        return True

    def peak(self) -> int:
        return self._peak.number() if self._peak is not None else self._usage.number()

    def close(self) -> None:
        _close_files(self)
        _remove(self.paths)


def _close_files(group: object) -> None:
    for value in vars(group).values():
        if isinstance(value, _File):
            value.close()


def _remove(paths: tuple[Path, ...]) -> None:
    deadline = time.monotonic() + _REMOVE_SECONDS
    for path in paths:
        while path.exists():
            try:
                path.rmdir()
            except FileNotFoundError:
                break
            except OSError:  # busy: its last process is still on the way out
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where groups can be made on this machine: for version 1 a parent per controller, for version 2 one."""

    version: int
    parents: dict[str, Path]

    def make(self) -> Group:
        """A fresh group for one worker."""
        name = f"{PREFIX}-{os.getpid()}-{secrets.token_hex(6)}"
        try:
            return _GroupV1(self.parents, name) if self.version == 1 else _GroupV2(self.parents["memory"], name)
        except OSError:
            for parent in set(self.parents.values()):
                with contextlib.suppress(OSError):
                    (parent / name).rmdir()
            raise

    def sweep(self) -> None:
        """Remove empty groups whose engine was killed before it could. Groups still in use refuse to be removed."""
        for parent in set(self.parents.values()):
            for path in parent.glob(f"{PREFIX}-*"):
                match = _NAME.fullmatch(path.name)
                if match and not Path("/proc", match[1]).exists():
                    with contextlib.suppress(OSError):
                        path.rmdir()


def find(proc: Path = Path("/proc/self")) -> Hierarchy:
    """The first hierarchy in which a group can be made, limited and removed.

    Raises:
        SandboxUnavailable: there is none; the reason lists what was tried.
    """
    tried: list[str] = []
    for candidate in _candidates(proc, tried):
        try:
            group = candidate.make()
        except OSError as error:
            tried.append(f"{candidate.parents['memory']} ({error.strerror})")
            continue
        try:
            group.limit(1 << 30, 100)
            group.read()
        except (OSError, ValueError) as error:
            tried.append(f"{candidate.parents['memory']} ({error})")
            continue
        finally:
            group.close()
        candidate.sweep()
        return candidate
    raise SandboxUnavailable("cgroup", f"no control group can be made: tried {'; '.join(tried) or 'nothing'}", _REMEDY)


def _candidates(proc: Path, tried: list[str]) -> list[Hierarchy]:
    mounts, own = _mounts(proc), _own_groups(proc)
    found = []
    if all(controller in mounts for controller in _V1_CONTROLLERS):
        parents = {c: _beneath(mounts[c], own.get(c, "/")) for c in _V1_CONTROLLERS}
        found.append(Hierarchy(1, parents))
    if "" in mounts:
        found += [Hierarchy(2, {"memory": parent}) for parent in _parents_v2(mounts[""], own.get("", "/"), tried)]
    return found


def _mounts(proc: Path) -> dict[str, Path]:
    """Mount point of every version 1 controller, and of version 2 under the empty name."""
    found: dict[str, Path] = {}
    for line in (proc / "mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        point = Path(before.split(" ")[4])
        if kind == "cgroup2":
            found.setdefault("", point)
        elif kind == "cgroup":
            for option in options.split(","):
                found.setdefault(option, point)
    return found


def _own_groups(proc: Path) -> dict[str, str]:
    own = {}
    for line in (proc / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            own[controller] = path
    return own


def _beneath(mount: Path, group: str) -> Path:
    """The caller's own group, or the mount point where a container shows less of the tree than the path says."""
    path = mount / group.lstrip("/")
    return path if path.is_dir() else mount


def _parents_v2(mount: Path, own: str, tried: list[str]) -> list[Path]:
    """The groups, from the caller's own upwards, that hand memory and pids down to the groups made in them."""
    found = []
    path = _beneath(mount, own)
    # The top of a container's cgroup namespace is a group like any other (only the machine's own root has no type),
    # and nothing above it can be had.
    top = path == mount and (path / "cgroup.type").exists()
    delegated = path != mount and os.access(path / "cgroup.procs", os.W_OK) and not os.access(path.parent, os.W_OK)
    if top or delegated:
        _step_down(path)
    while True:
        control = path / "cgroup.subtree_control"
        try:
            if not set(_V2_CONTROLLERS) <= set(control.read_text().split()):
                control.write_text(" ".join(f"+{controller}" for controller in _V2_CONTROLLERS))
            found.append(path)
        except OSError as error:
            tried.append(f"{path} ({error.strerror})")
        if path == mount:
            return found
        path = path.parent


def _step_down(path: Path) -> None:
    """Move what is in a delegated group into a leaf of it, so that the group itself may hand controllers down."""
    leaf = path / f"{PREFIX}-host"
    with contextlib.suppress(OSError):
        leaf.mkdir(exist_ok=True)
        for pid in (path / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):  # ended meanwhile
                (leaf / "cgroup.procs").write_text(pid)
