"""Functions for tests of ``harness.analysis.helper_process``: what a text may do to the process that looks at it."""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from semi_instruct.harness.analysis.helper_process import call_limited


def pid() -> int:
    """The process that is asked."""
    return os.getpid()


def echo(value: Any) -> Any:
    """The value."""
    return value


def spin() -> None:
    """Use CPU time in C, where no other thread runs."""
    pow(7, 10**8)


def sleep() -> None:
    """Use none."""
    time.sleep(600)


def swallow(size: int) -> int:
    """Use memory."""
    return len(bytearray(size))


def keep(size: int) -> int:
    """Use memory and never give it back. The number of the process."""
    kept = sys.modules.setdefault("kept_by_tests", bytearray(size))  # type: ignore[arg-type]
    del kept
    return os.getpid()


def end(how: str) -> None:
    """End the process, or raise what is not caught as an exception."""
    match how:
        case "abort":
            os.abort()
        case "segfault":
            ctypes.string_at(0)
        case "status":
            os._exit(3)
        case "exit":
            sys.exit(0)


def deep(levels: int) -> int:
    """Recurse."""
    return deep(levels - 1) + 1 if levels else 0


def raise_it() -> None:
    """Raise what ``str`` cannot show quickly."""
    raise ValueError(10**5000)


def answer_garbage(data: bytes) -> None:
    """Write to the channel, as hostile text that took the process over would."""
    for descriptor in range(3, 64):
        with suppress(OSError):  # no such descriptor
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, data)
    os._exit(0)


def once_killed(mark: str) -> str:
    """Die by SIGKILL at the first call, as by the hand of the kernel, and answer at the second."""
    if not Path(mark).exists():
        Path(mark).write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
    return "alive"


def call_and_say(channel: Any) -> None:
    """In a process of ``multiprocess``: call, and send which helper answered."""
    channel.send(call_limited(pid))
    channel.close()
