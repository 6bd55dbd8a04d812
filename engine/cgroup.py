"""Control groups: limits on a whole process tree, and the kernel's account of its resource use.

There is one group per worker. The zygote is moved into it once, when it starts, and everything that it forks starts
there (moving a process later costs milliseconds). The limits of a run are written before its program is handed over,
and its resource use is the difference between two readings. The version is found by trying: a group is created, limited
and removed (a *write probe*). The existence of a mount point proves nothing.

Version 1 needs three hierarchies (memory, pids, cpuacct), each with a group of the same name beneath the caller's own
group. Version 2 needs one group whose parent delegates memory and pids: the caller's own group or the nearest ancestor
that can. A group that contains a process cannot do so, so a caller whose group is *delegated* first moves into a leaf
of it, as systemd requires.

If the cpu controller is available, each worker has an equal share of the cores, however many processes and sessions
(sched(7), autogroups) its run makes.

Only version 2 reports how long a group was ready to run and got no core (``cpu.pressure``). If version 1 does the
limiting and a version 2 hierarchy is mounted beside it (a *hybrid*), each worker also has a group there, for that file
alone. If the file is not available, wall limits are not extended.

Sources: the kernel's cgroup-v1/{memory,pids,cpuacct}.rst, cgroup-v2.rst and accounting/psi.rst; systemd's
CGROUP_DELEGATION.md.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from semi_instruct.engine import diagnosis

PREFIX = "semi-instruct"
_CONTROLLERS = ("memory", "pids", "cpuacct")
_SHARES = "cpu"  # optional
_PRESSURE = "pressure"  # not a controller: every group of version 2 has it if the kernel supports it (CONFIG_PSI)
_REMOVE_SECONDS = 2.0
_NAME = re.compile(rf"{PREFIX}-(\d+)-[0-9a-f]+")
# The controller of the file, and its name in version 1 and in version 2.
_FILES = {
    "limit": ("memory", "memory.limit_in_bytes", "memory.max"),
    "swap": ("memory", "memory.memsw.limit_in_bytes", "memory.swap.max"),
    "usage": ("memory", "memory.usage_in_bytes", "memory.current"),
    "peak": ("memory", "memory.max_usage_in_bytes", "memory.peak"),
    "kills": ("memory", "memory.oom_control", "memory.events"),
    "tasks": ("pids", "pids.max", "pids.max"),
    "refusals": ("pids", "pids.events", "pids.events"),
    "cpu": ("cpuacct", "cpuacct.usage", "cpu.stat"),
    "kinds": ("memory", "memory.stat", "memory.stat"),
    "pressure": (_PRESSURE, "cpu.pressure", "cpu.pressure"),
}
# Files that may be missing: a kernel without swap accounting has no swap limit; memory.peak exists since Linux 5.19.
_MAY_BE_ABSENT = {"swap", "peak", "pressure"}
# The names of pages of processes and of files in memory.stat.
_PAGES = {1: (b"rss", b"cache"), 2: (b"anon", b"file")}


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a group's accounts: CPU nanoseconds, bytes of memory, and two counters of refusals."""

    cpu_ns: int
    memory: int
    oom_kills: int
    forks_refused: int


class _File(io.FileIO):
    """A control file that stays open: each read and each write is one system call."""

    def number(self) -> int:
        return int(os.pread(self.fileno(), 4096, 0))

    def field(self, name: bytes) -> int:
        for line in os.pread(self.fileno(), 4096, 0).splitlines():
            key, _, value = line.partition(b" ")
            if key == name:
                return int(value)
        return 0

    def fields(self) -> dict[bytes, int]:
        lines = (line.partition(b" ") for line in os.pread(self.fileno(), 1 << 14, 0).splitlines())
        return {key: int(value) for key, _, value in lines}

    def set(self, value: int | bytes) -> None:
        os.pwrite(self.fileno(), value if isinstance(value, bytes) else b"%d" % value, 0)


class Group:
    """A worker's control group.

    Attributes:
        paths: its directories, one per hierarchy.
    """

    def __init__(self, version: int, folders: dict[str, Path]) -> None:
        """Open the files of a group that was just made; ``folders`` has its directory for each controller."""
        self.paths = tuple(dict.fromkeys(folders.values()))
        self._version = version
        self._files: dict[str, _File] = {}
        for what, (controller, *names) in _FILES.items():
            if controller not in folders:
                continue
            path = folders[controller] / names[version - 1]
            if what not in _MAY_BE_ABSENT or path.exists():
                self._files[what] = _File(path, "r+" if path.stat().st_mode & 0o222 else "r")
        self._limits = (1 << 62, 0)
        if version == 2 and "swap" in self._files and "pids" in folders:
            self._files["swap"].set(0)

    def add(self, pid: int) -> None:
        """Move a process into the group."""
        for path in self.paths:
            (path / "cgroup.procs").write_text(str(pid))

    def limit(self, memory: int, processes: int) -> None:
        """Set the limits, in bytes and in tasks, of everything in the group."""
        if self._limits == (memory, processes):
            return
        files = [self._files["limit"]]
        if self._version == 1 and "swap" in self._files:
            # Memory with swap may never be below memory alone, so the order depends on the direction.
            files.insert(0 if memory > self._limits[0] else 1, self._files["swap"])
        for file in files:
            file.set(memory)
        self._files["tasks"].set(processes)
        self._limits = (memory, processes)

    def read(self) -> Reading:
        """The current accounts."""
        kills, refusals = self._files["kills"].field(b"oom_kill"), self._files["refusals"].field(b"max")
        return Reading(self.cpu_ns(), self._files["usage"].number(), kills, refusals)

    def cpu_ns(self) -> int:
        """CPU time of the whole group so far."""
        cpu = self._files["cpu"]
        return cpu.number() if self._version == 1 else 1000 * cpu.field(b"usage_usec")

    def kernel_memory(self) -> int:
        """Bytes charged to the group for kernel memory, that is, not for pages of processes or files."""
        kinds = self._files["kinds"].fields()
        return max(self._files["usage"].number() - sum(kinds.get(pages, 0) for pages in _PAGES[self._version]), 0)

    def starved_s(self) -> float | None:
        """Seconds so far in which the group was ready to run and none of its tasks ran; None if not available."""
        file = self._files.get("pressure")
        if file is None:
            return None
        for line in os.pread(file.fileno(), 4096, 0).splitlines():
            if line.startswith(b"full "):
                return int(line.rpartition(b"total=")[2]) / 1e6
        return None

    def restart_peak(self) -> bool:
        """Reset the peak memory use; False if this kernel cannot (version 2 before Linux 6.12)."""
        peak = self._files.get("peak")
        if peak is None or not peak.writable():
            return False
        peak.set(0 if self._version == 1 else b"reset")
        return True

    def peak(self) -> int:
        """Peak memory use, in bytes, since ``restart_peak`` (or ever, if that returned False)."""
        return self._files.get("peak", self._files["usage"]).number()

    def close_files(self) -> None:
        """Close the files of the group without removing it."""
        for file in self._files.values():
            file.close()

    def close(self) -> None:
        """Remove the group, waiting a short time for its last process. Missing directories are ignored."""
        self.close_files()
        deadline = time.monotonic() + _REMOVE_SECONDS
        for path in self.paths:
            while path.exists():
                try:
                    path.rmdir()
                except OSError as error:
                    if error.errno == errno.EBUSY and time.monotonic() < deadline:
                        time.sleep(0.01)
                    elif error.errno != errno.ENOENT:
                        raise


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The parent of the groups for each controller. In version 2 it is the same for all.

    Attributes:
        pressure: on a hybrid, the parent of version 2 groups, which are made for their ``cpu.pressure``; else None.
    """

    version: int
    parents: dict[str, Path]
    pressure: Path | None = None

    @property
    def has_pressure(self) -> bool:
        """Whether a group reports how long it was ready to run and got no core."""
        return (self.pressure or self.parents["memory"]).joinpath("cpu.pressure").exists()

    def make(self) -> Group:
        """Create a group for one worker."""
        name = f"{PREFIX}-{os.getpid()}-{secrets.token_hex(6)}"
        pressure = self.parents["memory"] if self.version == 2 else self.pressure
        parents = self.parents if pressure is None else {**self.parents, _PRESSURE: pressure}
        folders = {controller: parent / name for controller, parent in parents.items()}
        try:
            for path in folders.values():
                path.mkdir(mode=0o755, exist_ok=True)
            return Group(self.version, folders)
        except OSError:
            for path in folders.values():
                with contextlib.suppress(OSError):  # it was never made; the failure is raised below
                    path.rmdir()
            raise

    def kernel_memory(self) -> int:
        """Bytes charged for kernel memory to the groups of all engines on this machine."""
        total = 0
        for path in self.parents["memory"].glob(f"{PREFIX}-*"):
            with contextlib.suppress(OSError):  # its worker is being closed
                group = Group(self.version, {"memory": path})
                try:
                    total += group.kernel_memory()
                finally:
                    group.close_files()
        return total

    def prove(self) -> None:
        """The write probe: create, limit, read and remove a group.

        Raises:
            OSError, ValueError: one of these steps failed.
        """
        if self.version == 2:
            _hand_down(self.parents["memory"])
        with contextlib.closing(self.make()) as group:
            group.limit(1 << 30, 100)
            group.read()

    def sweep(self) -> None:
        """Remove the empty groups that killed engines have left. Groups in use cannot be removed."""
        parents = {*self.parents.values()} | ({self.pressure} if self.pressure is not None else set())
        for parent in parents:
            for path in parent.glob(f"{PREFIX}-*"):
                match = _NAME.fullmatch(path.name)
                if match and not Path("/proc", match[1]).exists():
                    with contextlib.suppress(OSError):  # in use
                        path.rmdir()


def find(proc: Path = Path("/proc/self")) -> Hierarchy:
    """The first hierarchy in which a group can be created, limited and removed.

    Raises:
        SandboxUnavailable: there is none.
    """
    tried: dict[Path, OSError | ValueError] = {}
    for candidate in _candidates(proc):
        try:
            candidate.prove()
        except (OSError, ValueError) as error:
            tried[candidate.parents["memory"]] = error
        else:
            candidate.sweep()
            return candidate
    raise diagnosis.no_group(tried)


def _candidates(proc: Path) -> Iterator[Hierarchy]:
    """Version 1 in the caller's own group, then version 2 there and in its ancestors."""
    mounts = _mounts(proc)
    lines = (line.split(":", 2) for line in (proc / "cgroup").read_text().splitlines())
    own = {controller: path for _, controllers, path in lines for controller in controllers.split(",")}
    if all(controller in mounts for controller in _CONTROLLERS):
        pressure = _beneath(mounts[""], own.get("", "/")) if "" in mounts else None
        if pressure is not None and not _can_hold_a_group(pressure):
            pressure = None
        parents = {each: _beneath(mounts[each], own.get(each, "/")) for each in _CONTROLLERS}
        if _SHARES in mounts and os.access(share := _beneath(mounts[_SHARES], own.get(_SHARES, "/")), os.W_OK):
            parents[_SHARES] = share
        yield Hierarchy(1, parents, pressure)
    if "" in mounts:
        nearest = _beneath(mounts[""], own.get("", "/"))
        for path in (nearest, *nearest.parents):
            yield Hierarchy(2, dict.fromkeys(_CONTROLLERS, path))
            if path == mounts[""]:
                break


def _mounts(proc: Path) -> dict[str, Path]:
    """Mount points by version 1 controller; version 2 has the empty name."""
    found: dict[str, Path] = {}
    for line in (proc / "mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            for controller in options.split(",") if kind == "cgroup" else ("",):
                found.setdefault(controller, Path(before.split(" ")[4]))
    return found


def _can_hold_a_group(parent: Path) -> bool:
    """Whether a group with a pressure file can be created here, and processes moved into it."""
    name = parent / f"{PREFIX}-{os.getpid()}-{secrets.token_hex(6)}"
    try:
        name.mkdir()
    except OSError:
        return False
    try:
        return os.access(name / "cgroup.procs", os.W_OK) and b"full " in (name / "cpu.pressure").read_bytes()
    except OSError:
        return False
    finally:
        name.rmdir()


def _beneath(mount: Path, group: str) -> Path:
    """The caller's own group; the mount point if that path is not visible, as in a container."""
    path = mount / group.lstrip("/")
    return path if path.is_dir() else mount


def _hand_down(path: Path) -> None:
    """Enable memory and pids for the children of a version 2 group. The processes of a delegated one move to a leaf."""
    control = path / "cgroup.subtree_control"
    if {"memory", "pids"} <= set(control.read_text().split()):
        _hand_down_shares(control)
        return
    try:
        control.write_text("+memory +pids")
    except OSError as error:
        if error.errno != errno.EBUSY or not _is_delegated(path):
            raise
        leaf = path / f"{PREFIX}-host"
        leaf.mkdir(exist_ok=True)
        for pid in (path / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):  # it has ended
                (leaf / "cgroup.procs").write_text(pid)
        control.write_text("+memory +pids")
    _hand_down_shares(control)


def _hand_down_shares(control: Path) -> None:
    with contextlib.suppress(OSError):  # not delegated: workers then have no guaranteed share of the cores
        control.write_text("+cpu")


def _is_delegated(path: Path) -> bool:
    """Whether the caller may arrange the group: systemd marks it as delegated, the caller owns it, or it is the top of
    a container's tree (only the root group of the machine has no type)."""
    if {"user.delegate", "trusted.delegate"} & set(os.listxattr(path)):
        return True
    if os.path.ismount(path):
        return (path / "cgroup.type").exists()
    return os.access(path / "cgroup.procs", os.W_OK) and not os.access(path.parent / "cgroup.procs", os.W_OK)
