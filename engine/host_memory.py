"""A watchdog on kernel memory that is charged to no control group.

A run's memory group counts what the kernel charges to it, and the kernel does not charge everything. The system-call
policies prevent all known uncharged allocations (table in docs/threat-model.md); this is the wall behind them.

Measurement: /proc/meminfo shows how much memory is neither free nor page cache nor anonymous nor reclaimable slab. This
is kernel memory that cannot be reclaimed. The part charged to the engine's groups beyond the pages of processes and
files is accounted for; the rest is *uncharged*. If it has grown since a run began by more than that run's memory limit,
every run in progress is ended: it is unknown which of them is responsible, and the rise would continue otherwise. Each
is then repeated alone (``engine/admission.py``). If the memory rises again and falls when the run is ended, the run is
at fault: ``memory_limit``. If it does not fall, something else on the machine may have taken the memory (drivers pin
gigabytes for a GPU), and the run is repeated once more. The other runs complete normally when repeated.

Sources: proc(5), the kernel's Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass

from semi_instruct.engine import cgroup
from semi_instruct.engine.limits import MIB

CHECK_SECONDS = 0.1
# The kernel of a busy host may grow by this much by itself. A smaller rise is not evidence.
_NOISE = 64 * MIB
_SETTLE_SECONDS = 5.0
# Memory that is not the kernel's own or that it can reclaim.
_NOT_KERNEL = frozenset(
    {b"MemFree", b"Buffers", b"Cached", b"SwapCached", b"AnonPages", b"SReclaimable", b"Hugetlb", b"Balloon"}
)


@dataclass(slots=True, eq=False)
class Watched:
    """A watched run.

    Attributes:
        init: pidfd of its pid 1.
        allowance: bytes by which uncharged kernel memory may grow during the run.
        before: uncharged kernel memory when the run began.
        alone: whether the run is repeated alone; then the groups of all engines are accounted for.
        suspected: whether the run was ended because the memory rose beyond the allowance of some run.
    """

    init: int
    allowance: int
    before: int
    alone: bool
    suspected: bool = False


class Watchdog:
    """Watches the host's kernel memory on behalf of all runs of one engine. Thread-safe.

    Attributes:
        hierarchy: the hierarchy with the groups of all engines, once known.
    """

    def __init__(self) -> None:
        self.hierarchy: cgroup.Hierarchy | None = None
        self._lock = threading.Lock()
        self._file = os.open("/proc/meminfo", os.O_RDONLY | os.O_CLOEXEC)
        self._groups: set[cgroup.Group] = set()
        self._watched: set[Watched] = set()
        self._checked_at = 0.0
        self._uncharged = 0
        self._calm = 0  # uncharged memory before it rose

    def add(self, group: cgroup.Group) -> None:
        """Count a group's kernel memory as accounted for, until ``remove``."""
        with self._lock:
            self._groups.add(group)
            self._checked_at = 0.0

    def remove(self, group: cgroup.Group) -> None:
        """Stop counting a group, which is about to be removed."""
        with self._lock:
            self._groups.discard(group)
            self._checked_at = 0.0

    def begin(self, init: int, memory: int, alone: bool) -> Watched:
        """Start to watch a run with a memory limit in bytes."""
        with self._lock:
            self._check_if_due()
            before = self._measure(everywhere=True) if alone else self._uncharged
            watched = Watched(init, memory + _NOISE, before, alone)
            self._watched.add(watched)
            return watched

    def end(self, watched: Watched) -> None:
        """Stop watching a run. Its pidfd may be closed afterwards."""
        with self._lock:
            if watched in self._watched:
                self._check_if_due()
                self._watched.discard(watched)

    def check(self) -> None:
        """Measure, at most once per ``CHECK_SECONDS``, and end the runs in progress if the memory has risen."""
        with self._lock:
            self._check_if_due()

    def settle(self) -> bool:
        """Wait until the kernel has freed the memory of the ended runs, so that it is not attributed to the next run.

        The kernel frees it late. Returns False if it is not free after some seconds.
        """
        deadline = time.monotonic() + _SETTLE_SECONDS
        while (risen := self._measure() > self._calm + _NOISE // 2) and time.monotonic() < deadline:
            time.sleep(CHECK_SECONDS)
        with self._lock:
            self._checked_at = 0.0
        return not risen

    def close(self) -> None:
        """Close the descriptor."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _check_if_due(self) -> None:
        now = time.monotonic()
        if now - self._checked_at < CHECK_SECONDS or self._file < 0:
            return
        self._uncharged = self._measure()
        self._checked_at = now
        alone = self._measure(everywhere=True) if any(watched.alone for watched in self._watched) else 0
        rises = ((alone if each.alone else self._uncharged) - each.before > each.allowance for each in self._watched)
        if any(rises):
            self._calm = min((each.before for each in self._watched if not each.alone), default=self._calm)
            for watched in self._watched:
                watched.suspected = True
                with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                    signal.pidfd_send_signal(watched.init, signal.SIGKILL)
            self._watched.clear()

    def _measure(self, everywhere: bool = False) -> int:
        """Uncharged kernel memory, based on this engine's groups or (slower) on those of all engines."""
        charged = 0
        if everywhere and self.hierarchy is not None:
            charged = self.hierarchy.kernel_memory()
        else:
            for group in tuple(self._groups):
                with contextlib.suppress(OSError, ValueError):  # its worker is being closed
                    charged += group.kernel_memory()
        return kernel_memory(os.pread(self._file, 1 << 14, 0)) - charged


def kernel_memory(meminfo: bytes) -> int:
    """Bytes of kernel memory that cannot be reclaimed, from the text of /proc/meminfo."""
    total = 0
    for line in meminfo.splitlines():
        name, _, rest = line.partition(b":")
        if name == b"MemTotal":
            total += int(rest.split()[0])
        elif name in _NOT_KERNEL:
            total -= int(rest.split()[0])
    return total * 1024
