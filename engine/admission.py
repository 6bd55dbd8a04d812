"""Who may run now: any number of runs at a time, or one run alone, among all engines of this machine.

Almost always runs share the machine. One that is suspected of using up the host's kernel memory
(``engine/host_memory.py``) is repeated with no other run beside it, so that what is measured is its own doing. Engines
live in different processes, so this is a lock of the kernel's (flock(2)): every run holds it shared, the repeated run
holds it exclusively. A second lock, the gate, is taken first and let go at once; who waits to be alone holds it
meanwhile, so that new runs wait behind it and cannot keep it waiting.

The locks are on two directories of /proc, which every user can open and no sandbox sees: a run has a /proc of its own.
Engines in containers with a /proc of their own do not wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterator

from engine.cancellation import Cancellation

_GATE, _ROOM = "/proc/sys", "/proc"
# To be alone is worth this much of everybody's time; runs of other engines that take longer stay beside it.
_MAX_WAIT_ALONE_S = 10.0
# Longer than any run of reasonable limits. An engine that was stopped while it held the lock must not stop the others.
_MAX_WAIT_S = 300.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.05

_log = logging.getLogger("semi_instruct.engine")


class Admission:
    """One worker's hold on both locks. Not thread-safe: one thread uses it at a time."""

    def __init__(self) -> None:
        self._gate = os.open(_GATE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._room = os.open(_ROOM, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(self._gate)
            raise

    @contextlib.contextmanager
    def admitted(self, alone: bool, cancellation: Cancellation | None) -> Iterator[None]:
        """Hold the lock, shared or (``alone``) exclusively. Waits for it; a cancelled wait ends without it."""
        how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        deadline = time.monotonic() + (_MAX_WAIT_ALONE_S if alone else _MAX_WAIT_S)
        try:
            self._take(self._gate, how, deadline, cancellation)
            self._take(self._room, how, deadline, cancellation)
            if not alone:
                fcntl.flock(self._gate, fcntl.LOCK_UN)
            yield
        finally:
            fcntl.flock(self._room, fcntl.LOCK_UN)
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    def _take(self, lock: int, how: int, deadline: float, cancellation: Cancellation | None) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            try:
                fcntl.flock(lock, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if cancellation is not None and cancellation.cancelled:
                    return
                if time.monotonic() > deadline:
                    _log.info("other engines have not let go of the machine: going on beside them")
                    return
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                return

    def close(self) -> None:
        """Let go of both. Closing twice is fine."""
        for descriptor in (self._gate, self._room):
            if descriptor >= 0:
                os.close(descriptor)
        self._gate = self._room = -1
