"""Calls our own functions on untrusted text in a process with limits, so that no text can end or stall this process.

Syntax trees, regular expressions and decoders take more than linear time, memory or stack on some texts, and a few of
them crash the interpreter. What they are given comes from data sets, models and clients. So such a function is called
in a helper process that has 5 CPU seconds for each call, 1 GiB of memory and a stack for deep trees. A call that
exceeds them fails with :class:`AnalysisFailed`; the caller makes that the fault of the row that the text came from.

A request is pickled, because it is made here. The answer is not: the helper handles hostile text, so its answer is
JSON of bounded size, and is decoded as carefully as any other foreign text.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from semi_instruct.harness.analysis import helper

CPU_SECONDS = 5.0
MEMORY_BYTES = 1 << 30
# The backstop behind the CPU time, for a helper that waits. On a busy machine 5 CPU seconds take long.
WALL_SECONDS = 120.0
MAX_ANSWER_BYTES = 256 << 20
# Of the helpers that wait for the next call. There are as many helpers as threads that call at one time.
MAX_IDLE = 2
_ENDED_BY_CPU_TIME = -signal.SIGPROF
_START = (
    "import sys; sys.path[:] = {path!r}; from semi_instruct.harness.analysis import helper; helper.serve({arguments})"
)


class AnalysisFailed(Exception):
    """A text cannot be analysed within the limits, or at all. Its text says why, in one line."""


class HelperDied(Exception):
    """The helper ended before it answered."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What one call may use.

    Attributes:
        cpu_s: CPU seconds, measured by the kernel.
        memory: bytes of address space, beside the stack.
        wall_s: seconds until the helper is killed, whatever it does.
        answer: bytes.
    """

    cpu_s: float = CPU_SECONDS
    memory: int = MEMORY_BYTES
    wall_s: float = WALL_SECONDS
    answer: int = MAX_ANSWER_BYTES


@dataclass(slots=True, eq=False)
class HelperProcess:
    """One helper process. It answers one request at a time and ends when this process does."""

    limits: CallLimits
    _process: subprocess.Popen[bytes] = field(init=False)
    _channel: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        ours, theirs = socket.socketpair()
        arguments = f"{theirs.fileno()}, {self.limits.cpu_s!r}, {self.limits.memory!r}, {self.limits.answer!r}"
        try:
            with theirs:
                # A new interpreter and not a fork: this process may have threads and an engine. It is in a process
                # group of its own, because Ctrl-C must not end it in the middle of a request.
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-c", _START.format(path=sys.path, arguments=arguments)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    # An arena of its own would reserve 64 MiB of address space, whenever chance aligns it.
                    env=os.environ | {"MALLOC_ARENA_MAX": "1"},
                    pass_fds=(theirs.fileno(),),
                    process_group=0,
                )
        except BaseException:  # raised again
            ours.close()
            raise
        self._channel = ours

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, request: bytes) -> tuple[bytes, bool]:
        """The answer to a request, and whether the helper takes another one.

        Raises:
            AnalysisFailed: it took too long.
            HelperDied: it ended, by whatever other cause.
        """
        deadline = time.monotonic() + self.limits.wall_s
        try:
            self._channel.settimeout(self.limits.wall_s)
            self._channel.sendall(struct.pack(helper.HEAD, len(request)) + request)
            length, goes_on = struct.unpack(helper.ANSWER_HEAD, self._receive(helper.ANSWER_HEAD_BYTES, deadline))
            if length > self.limits.answer:
                raise HelperDied("gave an answer that is too long")
            return self._receive(length, deadline), goes_on
        except TimeoutError:
            raise AnalysisFailed(f"it takes longer than {self.limits.wall_s:g} s") from None
        except OSError:
            raise HelperDied(self._how_ended()) from None

    def close(self) -> None:
        """End it."""
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """In a fork: let go of a helper that belongs to the parent."""
        self._channel.close()
        self._process.returncode = 0  # it is no child of this process

    def _receive(self, length: int, deadline: float) -> bytes:
        received = bytearray()
        while len(received) < length:
            self._channel.settimeout(max(0.001, deadline - time.monotonic()))
            part = self._channel.recv(min(length - len(received), 1 << 20))
            if not part:
                raise ConnectionError
            received += part
        return bytes(received)

    def _how_ended(self) -> str:
        """How it ended, after it hung up.

        Raises:
            AnalysisFailed: its CPU time was used up.
        """
        try:
            status = self._process.wait(self.limits.wall_s)
        except subprocess.TimeoutExpired:
            return "hung up"
        if status == _ENDED_BY_CPU_TIME:
            raise AnalysisFailed(f"it takes more than {self.limits.cpu_s:g} CPU seconds")
        if status < 0:
            return f"was ended by signal {-status} ({signal.strsignal(-status)})"
        return f"ended with status {status}"


@dataclass(slots=True)
class HelperPool:
    """Helper processes, started when they are needed. May be used by several threads."""

    limits: CallLimits = field(default_factory=CallLimits)
    _idle: list[HelperProcess] = field(default_factory=list)
    _busy: list[HelperProcess] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function returns, as plain JSON data.

        Args:
            function: of a module of ours; it returns plain JSON data.
            arguments: what ``pickle`` takes.

        Raises:
            AnalysisFailed: the call exceeds its limits, ends its process, or raises.
            MachineFailed: no process for it could be started for long.
        """
        request = pickle.dumps((function, arguments))
        answer = self._answer(request, fresh=False)
        if answer is None:
            answer = self._answer(request, fresh=True)
        assert answer is not None
        if "failed" in answer:
            raise AnalysisFailed(str(answer["failed"])[:200])
        return answer["result"]

    def _answer(self, request: bytes, *, fresh: bool) -> dict[str, Any] | None:
        """The answer to a request; None if it may be due to what the helper did before, so that a fresh one must tell.

        Raises:
            AnalysisFailed: the call exceeds its limits or ends its process.
        """
        taken, is_fresh = self._take(fresh)
        goes_on = False
        try:
            data, goes_on = taken.ask(request)
            answer = _read(data)
        except HelperDied as died:
            # A helper that was killed from outside is no fault of the text; one that dies twice is.
            if not fresh:
                return None
            raise AnalysisFailed(f"the process that looked at it {died}") from None
        finally:
            self._give_back(taken, goes_on)
        return None if "out_of_memory" in answer and not is_fresh else answer

    def close(self) -> None:
        """End all helpers."""
        with self._lock:
            helpers = [*self._idle, *self._busy]
            self._idle.clear()
            self._busy.clear()
        for each in helpers:
            each.close()

    def forget(self) -> None:
        """In a fork: let go of the parent's helpers."""
        self._lock = threading.Lock()
        for each in (*self._idle, *self._busy):
            each.forget()
        self._idle.clear()
        self._busy.clear()

    def _take(self, fresh: bool) -> tuple[HelperProcess, bool]:
        """A helper, and whether it is a new one.

        Raises:
            MachineFailed: none could be started for long.
        """
        with self._lock:
            if self._idle and not fresh:
                taken = self._idle.pop()
                self._busy.append(taken)
                return taken, False
        # Here, as the helper imports this module too, and is not to import the engine with it: that takes long.
        from semi_instruct.harness.parallel.machine_faults import patiently

        # Not with the lock: this may wait, and the others may go on meanwhile.
        taken = patiently(lambda: HelperProcess(self.limits), "start a process that looks at texts")
        with self._lock:
            self._busy.append(taken)
        return taken, True

    def _give_back(self, taken: HelperProcess, goes_on: bool) -> None:
        with self._lock:
            is_kept = goes_on and taken in self._busy and len(self._idle) < MAX_IDLE
            if taken in self._busy:
                self._busy.remove(taken)
            if is_kept:
                self._idle.append(taken)
        if not is_kept:
            taken.close()


def call_limited(function: Callable[..., Any], *arguments: Any) -> Any:
    """:meth:`HelperPool.call` with the helpers of this process.

    Raises:
        AnalysisFailed: see there.
    """
    return _helpers().call(function, *arguments)


@cache
def _helpers() -> HelperPool:
    """The helpers of this process. They end with it, even if it is killed."""
    pool = HelperPool()
    atexit.register(pool.close)
    os.register_at_fork(after_in_child=pool.forget)
    return pool


def _read(answer: bytes) -> dict[str, Any]:
    """An answer as data.

    Raises:
        AnalysisFailed: it is no answer.
    """
    try:
        read = json.loads(answer)
    except (ValueError, RecursionError):
        raise AnalysisFailed("the process that looked at it gave no answer that can be read") from None
    if not isinstance(read, dict) or not {"result", "failed"} & read.keys():
        raise AnalysisFailed("the process that looked at it gave no answer that can be read")
    return read
