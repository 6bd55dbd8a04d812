"""Workplaces for tests of ``harness.parallel.processes``. What happens there is told by the item."""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from semi_instruct.engine import SandboxUnavailable
from semi_instruct.harness.parallel.processes import Report, Work
from tests.timing import allow_seconds

_LONG = 1000


class Strange(Exception):
    """An exception that cannot be rebuilt from its text."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("strange")


@contextmanager
def workplace() -> Iterator[Work[Any, Any]]:
    """Where items are worked on by :func:`work`."""
    yield work


@contextmanager
def marked(folder: str) -> Iterator[Work[Any, Any]]:
    """A workplace that leaves a file when it is closed as it should be."""
    yield work
    Path(folder, str(os.getpid())).touch()


@contextmanager
def broken(what: str) -> Iterator[Work[Any, Any]]:
    """A workplace that cannot be opened."""
    if what == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    raise SandboxUnavailable("cgroup", "read-only", "remount it")
    yield work


def work(item: Any, report: Report) -> Any:
    """Do what the item says: ``(what, argument)``."""
    what, argument = item
    match what:
        case "nap":
            time.sleep(argument)
        case "nap long":
            _nap_long(argument)
        case "nap long in the garbage collector":
            gc.callbacks.append(lambda *_: gc.callbacks.clear() or _nap_long(argument))
            gc.collect()
            time.sleep(_LONG)
        case "meet":
            _leave_mark(argument)
            _await(lambda: len(list(Path(argument).iterdir())) > 1, "another process")
            return os.getpid()
        case "wait for":
            _await(Path(argument).exists, argument)
            time.sleep(0.3)  # in which more would be taken, if more were
        case "announce":
            report(os.getpid())
            time.sleep(0.1)
        case "tell":
            report(argument)
        case "fail":
            raise Strange(1, 2)
        case "die once" if not Path(argument).exists():
            Path(argument).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        case "lack":  # of memory, for so many times
            folder, times = argument
            if len(list(Path(folder).iterdir())) < times:
                Path(folder, str(os.getpid())).touch()
                raise MemoryError
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die for a while":
            folder, times = argument
            if len(list(Path(folder).iterdir())) < times:
                Path(folder, str(os.getpid())).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        case "log":
            level, text = argument
            time.sleep(0.3)  # so that the other process logs, too
            logging.getLogger("semi_instruct.engine").log(level, text)
            time.sleep(0.3)
        case "process":
            time.sleep(0.05)  # so that the other process has its turn
            return os.getpid()
    return item


def _nap_long(folder: str) -> None:
    _leave_mark(folder)
    time.sleep(_LONG)


def _leave_mark(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()


def _await(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + allow_seconds(60)
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.01)
