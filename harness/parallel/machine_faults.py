"""Faults of the machine: which ones pass by themselves, which ones end the work, and how to wait for their end.

No memory, no process, no descriptor: another program has them, and gives them back. Work waits for that, with back-off,
for at most ``MAX_WAITED_S``, and says so once when it begins to wait and once when it goes on. A full disk does not
pass: it ends the work, with the name of the file.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from semi_instruct.harness.errors import MachineFailed

LOGGER = logging.getLogger("semi_instruct.harness")

# How long a fault that may pass is waited for.
MAX_WAITED_S = 300.0
_FIRST_WAIT_S = 0.1
_MAX_WAIT_S = 10.0

_PASSING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOBUFS})
_FAILED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ESTALE})
_FAILED_BASE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM})
_NO_THREAD = "can't start new thread"


def passes(error: BaseException) -> bool:
    """Whether an exception says that the machine has no memory, process, thread or descriptor left for now."""
    match error:
        case MemoryError():
            return True
        case RuntimeError():
            return _NO_THREAD in str(error)
        case OSError():
            return error.errno in _PASSING
    return False


def is_of_the_machine(error: OSError) -> bool:
    """Whether an error of a file is the machine's fault: it is full, broken or exhausted."""
    return error.errno in _FAILED or passes(error)


def is_of_a_full_base(error: BaseException | None) -> bool:
    """Whether an error of SQLite's is the machine's fault."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _FAILED_BASE


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Have what fails in the block, if it is the machine's fault, name this file.

    Raises:
        MachineFailed: instead of such an ``OSError``, or error of SQLite's.
    """
    try:
        yield
    except sqlite3.Error as error:
        if not is_of_a_full_base(error):
            raise
        raise MachineFailed(f"{path}: {error}") from error
    except OSError as error:
        if not is_of_the_machine(error):
            raise
        raise MachineFailed(f"{error.filename or path}: {error.strerror or error}") from error


@dataclass(slots=True)
class BackOff:
    """How long to wait for the end of one fault: longer each time, and for ``MAX_WAITED_S`` in all."""

    since: float = field(default_factory=time.monotonic)
    _next_s: float = _FIRST_WAIT_S

    @property
    def is_over(self) -> bool:
        """Whether the fault was waited for long enough."""
        return time.monotonic() - self.since >= MAX_WAITED_S

    def going_on(self) -> str:
        """What to say when the fault has passed."""
        return f"going on after {time.monotonic() - self.since:.1f} s"

    def next_wait_s(self) -> float:
        """Seconds to wait before the next try."""
        seconds, self._next_s = self._next_s, min(2 * self._next_s, _MAX_WAIT_S)
        return seconds


def patiently[Result](act: Callable[[], Result], what: str) -> Result:
    """What ``act`` returns. While the machine lacks what it takes, it is called again.

    Args:
        what: the act, for people: ``"start a thread"``.

    Raises:
        MachineFailed: the fault has not passed after ``MAX_WAITED_S``.
        Exception: whatever else ``act`` raises.
    """
    back_off: BackOff | None = None
    while True:
        try:
            result = act()
        except (OSError, RuntimeError, MemoryError) as error:
            if not passes(error):
                raise
            if back_off is None:
                back_off = BackOff()
                LOGGER.warning("%s", waiting(what, error))
            if back_off.is_over:
                raise MachineFailed(f"could not {what} for {MAX_WAITED_S:g} s: {said_of(error)}") from error
            time.sleep(back_off.next_wait_s())
        else:
            if back_off is not None:
                LOGGER.info("%s", back_off.going_on())
            return result


def waiting(what: str, error: BaseException | str) -> str:
    """What to say when work begins to wait."""
    reason = error if isinstance(error, str) else said_of(error)
    return f"waiting, as we cannot {what} at the moment: {reason}"


def said_of(error: BaseException) -> str:
    """An exception in words."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def start_threads(threads: ThreadPoolExecutor, count: int) -> None:
    """Start all threads of a pool that has none, so that no later ``submit`` has to.

    A ``submit`` that cannot start a thread raises, though what it was given may be done all the same.

    Raises:
        MachineFailed: see :func:`patiently`.
    """
    started = Event()
    try:
        for _ in range(count):
            # Every thread waits for the event. So none is idle, and each submit starts another one.
            patiently(lambda: threads.submit(started.wait), "start a thread")
    finally:
        started.set()


def memory_kills() -> int:
    """How many processes of our control group the kernel has ended so far as there was no memory.

    Programs that are judged have groups of their own. Where ours does not count, those of the whole machine.

    Raises:
        OSError: the machine lacks what it takes to look.
    """
    for file in _kill_counters(Path("/proc/self/cgroup").read_text()):
        try:
            return _field(file.read_text(), "oom_kill")
        except OSError as error:
            if passes(error):
                raise
            # Else this kind of group is not mounted here.
    return _field(Path("/proc/vmstat").read_text(), "oom_kill")


def _kill_counters(groups: str) -> Iterator[Path]:
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            yield Path("/sys/fs/cgroup/memory", path.lstrip("/"), "memory.oom_control")
            yield Path("/sys/fs/cgroup/memory/memory.oom_control")  # a container may not show the rest
        elif not controllers:
            yield Path("/sys/fs/cgroup", path.lstrip("/"), "memory.events.local")
            yield Path("/sys/fs/cgroup/memory.events.local")


def _field(text: str, name: str) -> int:
    values = dict(line.split() for line in text.splitlines())
    return int(values.get(name, 0))
