"""A watchdog on kernel memory that is charged to no control group.

A run's memory group counts what the kernel charges to it, and the kernel does not charge everything. The system-call
policies close every such allocation that is known (docs/threat-model.md has the table); this is the wall behind them.

What is measured. /proc/meminfo tells how much memory is neither free nor page cache nor anonymous nor reclaimable slab:
that is the kernel's own, and no reclaim gives it back. Of it, what the engine's groups are charged for beyond the pages
of processes and files is accounted for; the rest is *uncharged*. When it has grown, since a run began, by more than the
memory limit of that run, every run that is under way is ended: which of them did it cannot be told, and to let the
others finish would let the rise go on. Each is then repeated alone (``engine/admission.py``). When it rises again, and
falls when the run is ended, the run is at fault: ``memory_limit``. When it does not fall, something else on the machine
may have taken the memory (drivers pin gigabytes for a GPU), and the run is repeated once more. The others are done
again as if nothing had happened.

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

LOOK_SECONDS = 0.1
# What a busy host's kernel may grow by on its own account meanwhile. Less than this is no evidence.
_NOISE = 64 * MIB
_SETTLE_SECONDS = 5.0
# Memory that is not the kernel's own, or that it gives back when it is asked to.
_NOT_KERNEL = frozenset(
    {b"MemFree", b"Buffers", b"Cached", b"SwapCached", b"AnonPages", b"SReclaimable", b"Hugetlb", b"Balloon"}
)


@dataclass(slots=True, eq=False)
class Watched:
    """A run under watch.

    Attributes:
        init: pidfd of its pid 1.
        allowance: bytes by which uncharged kernel memory may grow while it runs.
        before: what it was when the run began.
        alone: the run is repeated alone, and what all engines' groups are charged for is accounted for.
        suspected: it rose beyond the allowance of some run, and this one was ended for it.
    """

    init: int
    allowance: int
    before: int
    alone: bool
    suspected: bool = False


class Watchdog:
    """Looks at the host's kernel memory on behalf of all runs of one engine. Thread-safe.

    Attributes:
        hierarchy: where the groups of all engines are, once that is known.
    """

    def __init__(self) -> None:
        self.hierarchy: cgroup.Hierarchy | None = None
        self._lock = threading.Lock()
        self._file = os.open("/proc/meminfo", os.O_RDONLY | os.O_CLOEXEC)
        self._groups: set[cgroup.Group] = set()
        self._watched: set[Watched] = set()
        self._looked_at = 0.0
        self._uncharged = 0
        self._calm = 0  # what it was before it rose

    def add(self, group: cgroup.Group) -> None:
        """Count a group's kernel memory as accounted for, until ``remove``."""
        with self._lock:
            self._groups.add(group)
            self._looked_at = 0.0

    def remove(self, group: cgroup.Group) -> None:
        """The group is about to go."""
        with self._lock:
            self._groups.discard(group)
            self._looked_at = 0.0

    def begin(self, init: int, memory: int, alone: bool) -> Watched:
        """Watch a run with this memory limit, in bytes."""
        with self._lock:
            self._look_if_due()
            before = self._measure(everywhere=True) if alone else self._uncharged
            watched = Watched(init, memory + _NOISE, before, alone)
            self._watched.add(watched)
            return watched

    def end(self, watched: Watched) -> None:
        """The run is over; its pidfd may be closed after this."""
        with self._lock:
            if watched in self._watched:
                self._look_if_due()
                self._watched.discard(watched)

    def look(self) -> None:
        """Look, unless somebody has within the last ``LOOK_SECONDS``; end the runs under way when it has risen."""
        with self._lock:
            self._look_if_due()

    def settle(self) -> bool:
        """Wait until the kernel has given back what the ended runs held, so that it is not held against the next.

        It does so in its own time. What it has not given back after some seconds is there to stay: then false.
        """
        deadline = time.monotonic() + _SETTLE_SECONDS
        while (risen := self._measure() > self._calm + _NOISE // 2) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        with self._lock:
            self._looked_at = 0.0
        return not risen

    def close(self) -> None:
        """Give the descriptor back."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _look_if_due(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS or self._file < 0:
            return
        self._uncharged = self._measure()
        self._looked_at = now
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
        """Uncharged kernel memory: as far as this engine's groups tell, or those of all engines, which takes longer."""
        charged = 0
        if everywhere and self.hierarchy is not None:
            charged = self.hierarchy.kernel_memory()
        else:
            for group in tuple(self._groups):
                with contextlib.suppress(OSError, ValueError):  # its worker is being closed
                    charged += group.kernel_memory()
        return kernel_memory(os.pread(self._file, 1 << 14, 0)) - charged


def kernel_memory(meminfo: bytes) -> int:
    """Bytes of memory that the kernel uses itself and does not give back on demand, from the text of /proc/meminfo."""
    total = 0
    for line in meminfo.splitlines():
        name, _, rest = line.partition(b":")
        if name == b"MemTotal":
            total += int(rest.split()[0])
        elif name in _NOT_KERNEL:
            total -= int(rest.split()[0])
    return total * 1024
