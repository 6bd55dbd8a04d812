"""The code of a helper process (``harness.analysis.helper_process``). It serves one call at a time, with limits."""

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
# Deep trees are walked recursively. A Python call takes 500 bytes of memory; the stack is for calls in C.
_STACK_BYTES = 256 << 20
_RECURSION_LIMIT = 50_000
# A helper that uses more memory after a call is replaced, so that all calls have the same amount available.
_MAX_KEPT_BYTES = 400 << 20
_PAGE_BYTES = resource.getpagesize()


def serve(descriptor: int, cpu_s: float, memory: int, max_answer_bytes: int) -> None:
    """Answer requests until the other side hangs up."""
    limit = memory + _STACK_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(_RECURSION_LIMIT)
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(sys.int_info.default_max_str_digits)
    threading.stack_size(_STACK_BYTES)
    channel = socket.socket(fileno=descriptor)
    worker = threading.Thread(target=_answer_all, args=(channel, cpu_s, max_answer_bytes), daemon=True)
    worker.start()
    worker.join()


def _answer_all(channel: socket.socket, cpu_s: float, max_answer_bytes: int) -> None:
    with channel.makefile("rb") as requests:
        while head := requests.read(struct.calcsize(HEAD)):
            [length] = struct.unpack(HEAD, head)
            # SIGPROF ends the process. The timer counts the CPU time of this call alone, and no text can stop it.
            signal.setitimer(signal.ITIMER_PROF, cpu_s)
            answer, is_reusable = _answer(requests.read(length), max_answer_bytes)
            signal.setitimer(signal.ITIMER_PROF, 0)
            is_reusable = is_reusable and _resident_bytes() < _MAX_KEPT_BYTES
            channel.sendall(struct.pack(ANSWER_HEAD, len(answer), is_reusable) + answer)
            if not is_reusable:
                return


def _answer(request: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """The answer to a request, and whether this process can be used again."""
    try:
        function, arguments = pickle.loads(request)  # noqa: S301  from the process that started this one
        answer = json.dumps({"result": function(*arguments)}, separators=(",", ":")).encode("ascii")
    except MemoryError:
        return json.dumps({"failed": "it takes too much memory", "out_of_memory": True}).encode("ascii"), False
    except Exception as error:  # the exception is the answer: a text must not end this process
        # The text of the exception is not used: creating it can take as long as the failed call.
        return json.dumps({"failed": _error_text(error)}).encode("ascii"), True
    if len(answer) > max_bytes:
        return json.dumps({"failed": f"the result takes more than {max_bytes} bytes"}).encode("ascii"), True
    return answer, True


def _error_text(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    texts = [part[:150] for part in error.args if isinstance(part, str)]
    return f"{type(error).__name__}: {texts[0]}" if texts else type(error).__name__


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE_BYTES
