"""Who may run now: any number of runs at a time, or one run alone, among all engines of this machine.

Almost always runs share the machine. One that is suspected of using up the host's kernel memory
(``engine/host_memory.py``) is repeated with no other run beside it, so that what is measured is its own doing. Engines
live in different processes, so this is a lock of the kernel's (flock(2)): every run holds it shared, the repeated run
holds it exclusively. A second lock, the gate, is taken first and let go at once; who waits to be alone holds it
meanwhile, so that new runs wait behind it and cannot keep it waiting.

The locks are on two files in a folder that only their user can open. Engines of other users, and of containers with a
file system of their own, do not wait for each other; where a rise is theirs, it is not blamed on a run that is repeated
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

# No run is kept waiting longer, so that answers are not late: then it goes on beside what is still under way. A rise is
# told apart all the same, as what the groups of other engines are charged for is accounted for.
_MAX_WAIT_S = 5.0
_FIRST_PAUSE_S, _MAX_PAUSE_S = 0.001, 0.05

_log = logging.getLogger("semi_instruct.engine")


class Admission:
    """One worker's hold on both locks. Not thread-safe: one thread uses it at a time."""

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
        """Hold the lock, shared or (``alone``) exclusively. Waits a little for it; gives whether it is really held."""
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
                    _log.info("other engines have not let go of the machine: going on beside them")
                    return False
                time.sleep(pause)
                pause = min(2 * pause, _MAX_PAUSE_S)
            else:
                return True

    def close(self) -> None:
        """Let go of both. Closing twice is fine."""
        for descriptor in (self._gate, self._room):
            if descriptor >= 0:
                os.close(descriptor)
        self._gate = self._room = -1


def _folder() -> Path:
    """A folder that belongs to this user alone and lasts as long as the machine runs; made where it is not there."""
    user = os.geteuid()
    place = Path("/run") if user == 0 else Path(f"/run/user/{user}")
    folder = place / "semi-instruct" if os.access(place, os.W_OK) else Path(f"/tmp/semi-instruct-{user}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != user or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "the folder of locks is open to other users", str(folder))
    return folder


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
