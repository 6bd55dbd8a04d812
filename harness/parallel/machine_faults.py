"""Faults of the machine: which are temporary, which end the work, and how to wait for their end.

A shortage of memory, processes or descriptors is temporary. Work waits for its end, with back-off, for at most
``MAX_WAITED_S``, and logs once when it begins to wait and once when it continues. A full disk is not temporary: it ends
the work, with the name of the file.
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

# Maximum wait for the end of a temporary fault.
MAX_WAITED_S = 300.0
_FIRST_WAIT_S = 0.1
_MAX_WAIT_S = 10.0

_PASSING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOBUFS})
_FAILED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ESTALE})
_FAILED_BASE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM})
_NO_THREAD = "can't start new thread"


def passes(error: BaseException) -> bool:
    """Whether an exception is a temporary shortage of memory, processes, threads or descriptors."""
    match error:
        case MemoryError():
            return True
        case RuntimeError():
            return _NO_THREAD in str(error)
        case OSError():
            return error.errno in _PASSING
    return False


def is_of_the_machine(error: OSError) -> bool:
    """Whether a file error is a fault of the machine: a full or broken disk, or exhausted resources."""
    return error.errno in _FAILED or passes(error)


def is_of_a_full_base(error: BaseException | None) -> bool:
    """Whether an error of SQLite is a fault of the machine."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _FAILED_BASE


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Convert errors in the block that are faults of the machine to errors that name this file.

    Raises:
        MachineFailed: instead of such an ``OSError`` or error of SQLite.
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
    """The waits for the end of one fault: longer each time, at most ``MAX_WAITED_S`` in total."""

    since: float = field(default_factory=time.monotonic)
    _next_s: float = _FIRST_WAIT_S

    @property
    def is_over(self) -> bool:
        """Whether the maximum wait is over."""
        return time.monotonic() - self.since >= MAX_WAITED_S

    def resumption(self) -> str:
        """The message for the end of the fault."""
        return f"continuing after {time.monotonic() - self.since:.1f} s"

    def next_wait_s(self) -> float:
        """Seconds to wait before the next attempt."""
        seconds, self._next_s = self._next_s, min(2 * self._next_s, _MAX_WAIT_S)
        return seconds


def patiently[Result](act: Callable[[], Result], what: str) -> Result:
    """Call ``act`` and return its result. During a temporary fault of the machine it is called again.

    Args:
        what: description of the action for messages, such as ``"start a thread"``.

    Raises:
        MachineFailed: the fault persists after ``MAX_WAITED_S``.
        Exception: any other exception of ``act``.
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
                raise MachineFailed(f"could not {what} for {MAX_WAITED_S:g} s: {error_text(error)}") from error
            time.sleep(back_off.next_wait_s())
        else:
            if back_off is not None:
                LOGGER.info("%s", back_off.resumption())
            return result


def waiting(what: str, error: BaseException | str) -> str:
    """The message for the beginning of a wait."""
    reason = error if isinstance(error, str) else error_text(error)
    return f"waiting: cannot {what} at the moment: {reason}"


def error_text(error: BaseException) -> str:
    """The text of an exception."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def start_threads(threads: ThreadPoolExecutor, count: int) -> None:
    """Start all threads of a new pool, so that no later ``submit`` has to.

    A ``submit`` that cannot start a thread raises, although its task may still be executed.

    Raises:
        MachineFailed: the machine was short of threads for too long.
    """
    started = Event()
    try:
        for _ in range(count):
            # Every thread waits for the event, so none is idle, and each submit starts another one.
            patiently(lambda: threads.submit(started.wait), "start a thread")
    finally:
        started.set()


def memory_kills() -> int:
    """Number of processes of this process's control group that the kernel has killed so far for lack of memory.

    Judged programs have separate groups. If the group has no counter, that of the whole machine is used.

    Raises:
        OSError: the counter cannot be read because of a shortage.
    """
    for file in _kill_counters(Path("/proc/self/cgroup").read_text()):
        try:
            return _field(file.read_text(), "oom_kill")
        except OSError as error:
            if passes(error):
                raise
            # Otherwise this kind of group is not mounted.
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
