"""Admission of runs on this machine, across all engines: any number of runs together, or one run alone.

Usually runs share the machine. A run that is suspected of using up the host's kernel memory (``engine/host_memory.py``)
is repeated alone, so that the measurement shows its own effect. Engines live in different processes, so the lock is one
of the kernel (flock(2)): every run holds it shared, the repeated run holds it exclusively. A second lock, the gate, is
taken first and released immediately. A run that waits to be alone holds the gate while it waits, so that new runs queue
behind it and cannot delay it further.

The locks are on two files in a folder that only their user can open. Engines of other users, and of containers with
their own file system, do not wait for each other. A rise that they cause is not attributed to a run that is repeated
(``Engine.run``).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from semi_instruct.engine.cancellation import Cancellation

# The maximum wait, so that answers are not late. After it a run proceeds beside the runs still in progress. A rise is
# attributed correctly all the same, because the memory charged to the groups of other engines is accounted for.
_MAX_WAIT_S = 5.0
_FIRST_PAUSE_S, _MAX_PAUSE_S = 0.001, 0.05

_log = logging.getLogger("semi_instruct.engine")


class Admission:
    """One worker's handle on both locks. Not thread-safe."""

    def __init__(self) -> None:
        folder = _folder()
        self._gate = _opened(folder / "gate")
        try:
            self._room = _opened(folder / "room")
        except OSError:
            os.close(self._gate)
            raise

    @contextlib.contextmanager
    def admitted(self, alone: bool, cancellation: Cancellation | None) -> Iterator[bool]:
        """Hold the lock, shared or (``alone``) exclusively. Waits a short time for it; yields whether it is held."""
        how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        deadline = time.monotonic() + _MAX_WAIT_S
        try:
            held = self._take(self._gate, how, deadline, cancellation)
            held = self._take(self._room, how, deadline, cancellation) and held
            if not alone:
                fcntl.flock(self._gate, fcntl.LOCK_UN)
            yield held
        finally:
            fcntl.flock(self._room, fcntl.LOCK_UN)
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    def _take(self, lock: int, how: int, deadline: float, cancellation: Cancellation | None) -> bool:
        pause = _FIRST_PAUSE_S
        while True:
            try:
                fcntl.flock(lock, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if cancellation is not None and cancellation.cancelled:
                    return False
                if time.monotonic() > deadline:
                    _log.info("other engines still hold the machine: proceeding beside them")
                    return False
                time.sleep(pause)
                pause = min(2 * pause, _MAX_PAUSE_S)
            else:
                return True

    def close(self) -> None:
        """Release both locks. Idempotent."""
        for descriptor in (self._gate, self._room):
            if descriptor >= 0:
                os.close(descriptor)
        self._gate = self._room = -1


def _folder() -> Path:
    """A folder that only this user can access and that persists until the machine restarts. Created if missing."""
    user = os.geteuid()
    parent = Path("/run") if user == 0 else Path(f"/run/user/{user}")
    folder = parent / "semi-instruct" if os.access(parent, os.W_OK) else Path(f"/tmp/semi-instruct-{user}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != user or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "the folder of locks is open to other users", str(folder))
    return folder


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
