"""Runs in a helper process (``harness.analysis.helper_process``): one call after the other, each within limits."""

from __future__ import annotations

import json
import pickle
import resource
import signal
import socket
import struct
import sys
import threading

HEAD = "!Q"
ANSWER_HEAD = "!Q?"
ANSWER_HEAD_BYTES = struct.calcsize(ANSWER_HEAD)
# Deep trees are walked by recursion. Python's own calls take 500 bytes of memory each; the stack is for those of C.
_STACK_BYTES = 256 << 20
_RECURSION_LIMIT = 50_000
# A helper that holds more after a call is replaced, so that a call has the same memory whatever came before it.
_MAX_KEPT_BYTES = 400 << 20
_PAGE_BYTES = resource.getpagesize()


def serve(descriptor: int, cpu_s: float, memory: int, longest_answer: int) -> None:
    """The life of a helper: answer requests until the other side hangs up."""
    limit = memory + _STACK_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(_RECURSION_LIMIT)
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(sys.int_info.default_max_str_digits)
    threading.stack_size(_STACK_BYTES)
    channel = socket.socket(fileno=descriptor)
    worker = threading.Thread(target=_answer_all, args=(channel, cpu_s, longest_answer), daemon=True)
    worker.start()
    worker.join()


def _answer_all(channel: socket.socket, cpu_s: float, longest_answer: int) -> None:
    with channel.makefile("rb") as requests:
        while head := requests.read(struct.calcsize(HEAD)):
            [length] = struct.unpack(HEAD, head)
            # SIGPROF ends the process. The timer counts the CPU time of this call alone, and no text can stop it.
            signal.setitimer(signal.ITIMER_PROF, cpu_s)
            answer, goes_on = _answer(requests.read(length), longest_answer)
            signal.setitimer(signal.ITIMER_PROF, 0)
            goes_on = goes_on and _resident_bytes() < _MAX_KEPT_BYTES
            channel.sendall(struct.pack(ANSWER_HEAD, len(answer), goes_on) + answer)
            if not goes_on:
                return


def _answer(request: bytes, longest: int) -> tuple[bytes, bool]:
    """The answer to a request, and whether this process is as good as new after it."""
    try:
        function, arguments = pickle.loads(request)  # noqa: S301  from the process that started this one
        answer = json.dumps({"result": function(*arguments)}, separators=(",", ":")).encode("ascii")
    except MemoryError:
        return json.dumps({"failed": "it takes too much memory", "out_of_memory": True}).encode("ascii"), False
    except Exception as error:  # what it raises is the answer: nothing that a text does may end this process
        # No text of the exception: to make it can take as long as what has failed.
        return json.dumps({"failed": _said_of(error)}).encode("ascii"), True
    if len(answer) > longest:
        return json.dumps({"failed": f"what comes of it takes more than {longest} bytes"}).encode("ascii"), True
    return answer, True


def _said_of(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    said = [part[:150] for part in error.args if isinstance(part, str)]
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE_BYTES
