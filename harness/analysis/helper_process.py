"""Calls trusted functions on untrusted text in a process with limits, so that no text can end or stall this process.

Syntax trees, regular expressions and decoders take more than linear time, memory or stack on some texts, and a few
texts crash the interpreter. The texts come from data sets, models and clients. So such functions are called in a helper
process that has 5 CPU seconds for each call, 1 GiB of memory and a stack for deep trees. A call that exceeds these
limits fails with :class:`AnalysisFailed`, which the caller reports as a fault of the row that the text comes from.

Requests are pickled, because they are made here. Answers are not: the helper handles untrusted text, so its answer is
JSON of bounded size and is decoded as untrusted text.
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
# A backstop to the CPU time, for a helper that sleeps. On a busy machine, 5 CPU seconds take long.
WALL_SECONDS = 120.0
MAX_ANSWER_BYTES = 256 << 20
# Maximum number of idle helpers. There are as many helpers as threads with a simultaneous call.
MAX_IDLE = 2
_ENDED_BY_CPU_TIME = -signal.SIGPROF
_START = (
    "import sys; sys.path[:] = {path!r}; from semi_instruct.harness.analysis import helper; helper.serve({arguments})"
)


class AnalysisFailed(Exception):
    """A text cannot be analysed, at all or within the limits. The message is one line."""


class HelperDied(Exception):
    """The helper ended before it answered."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """The limits of one call.

    Attributes:
        cpu_s: CPU seconds, measured by the kernel.
        memory: bytes of address space, without the stack.
        wall_s: seconds until the helper is killed.
        answer: bytes of the answer.
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
                # A new interpreter instead of a fork, because this process may have threads and an engine. It is in a
                # separate process group, because Ctrl-C must not end it in the middle of a request.
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
        """Send a request. Returns the answer and whether the helper can take another request.

        Raises:
            AnalysisFailed: it took too long.
            HelperDied: the helper ended for any other reason.
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
        """In a fork, release a helper that belongs to the parent."""
        self._channel.close()
        self._process.returncode = 0  # it is not a child of this process

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
        """The cause of its end, after it hung up.

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
    """Helper processes, started on demand. Thread-safe."""

    limits: CallLimits = field(default_factory=CallLimits)
    _idle: list[HelperProcess] = field(default_factory=list)
    _busy: list[HelperProcess] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in a helper and return its result as plain JSON data.

        Args:
            function: a trusted module-level function that returns plain JSON data.
            arguments: arguments that can be pickled.

        Raises:
            AnalysisFailed: the call exceeds its limits, ends its process, or raises.
            MachineFailed: no helper could be started for too long.
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
        """The answer to a request; None if an earlier call may have affected it, so that a fresh helper must decide.

        Raises:
            AnalysisFailed: the call exceeds its limits or ends its process.
        """
        taken, is_fresh = self._take(fresh)
        goes_on = False
        try:
            data, goes_on = taken.ask(request)
            answer = _read(data)
        except HelperDied as died:
            # If a helper is killed from outside, the text is not at fault. If it dies twice, the text is.
            if not fresh:
                return None
            raise AnalysisFailed(f"the helper process {died}") from None
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
        """In a fork, release the parent's helpers."""
        self._lock = threading.Lock()
        for each in (*self._idle, *self._busy):
            each.forget()
        self._idle.clear()
        self._busy.clear()

    def _take(self, fresh: bool) -> tuple[HelperProcess, bool]:
        """A helper, and whether it is a new one.

        Raises:
            MachineFailed: none could be started for too long.
        """
        with self._lock:
            if self._idle and not fresh:
                taken = self._idle.pop()
                self._busy.append(taken)
                return taken, False
        # Imported here because the helper imports this module, too, and importing the engine takes long.
        from semi_instruct.harness.parallel.machine_faults import patiently

        # Without the lock, because this may wait while other threads continue.
        taken = patiently(lambda: HelperProcess(self.limits), "start a helper process")
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
        AnalysisFailed, MachineFailed: as for :meth:`HelperPool.call`.
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
    """Decode an answer.

    Raises:
        AnalysisFailed: the answer is invalid.
    """
    try:
        read = json.loads(answer)
    except (ValueError, RecursionError):
        raise AnalysisFailed("the helper process gave an invalid answer") from None
    if not isinstance(read, dict) or not {"result", "failed"} & read.keys():
        raise AnalysisFailed("the helper process gave an invalid answer")
    return read
