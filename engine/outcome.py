"""What happened in a run."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from semi_instruct.engine.inside.values import encode


class Status(StrEnum):
    """How a run ended, from what the kernel says: kill flags of ours, cgroup events, wait status, our clock."""

    OK = "ok"
    NONZERO_EXIT = "nonzero_exit"
    SIGNALED = "signaled"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    PROCESS_LIMIT = "process_limit"
    FORBIDDEN_SYSCALL = "forbidden_syscall"
    COMPILE_ERROR = "compile_error"
    SANDBOX_ERROR = "sandbox_error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one run.

    Attributes:
        status: see :class:`Status`.
        exit_code: what the program's first process exited with, or None when a signal ended it.
        signal: the number of that signal, or None.
        stdout, stderr: the exact bytes written, up to ``Limits.output`` each.
        stdout_truncated, stderr_truncated: whether more was written than was kept.
        returned: whether the entry function came back with a value that crossed. False for stdin programs. A function
            that calls ``sys.exit(0)`` ends with status ok and ``returned`` False: never take status alone for a value.
        value: that value, rebuilt from plain data (``engine.inside.values``), else None.
        cpu_time_s: user plus system time of the whole tree, seconds.
        wall_time_s: from the hand-over of the program to the end of its last process, seconds.
        peak_memory_bytes: highest memory use of the whole tree, the interpreter included; at most the limit.
        detail: in words, which limit or which system call.
        isolation: the walls that stood around this run.
        wall_extension_s: seconds by which the wall limit was extended, as the run was ready to run and got no core in
            so many; 0 unless the run passed its wall limit.
    """

    status: Status
    exit_code: int | None = None
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    returned: bool = False
    value: Any = field(default=None, repr=False)  # a program may choose one that has no repr
    cpu_time_s: float = 0.0
    wall_time_s: float = 0.0
    peak_memory_bytes: int = 0
    detail: str = ""
    isolation: tuple[str, ...] = ()
    wall_extension_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain JSON data, in the shape INTERFACE promises.

        Bytes that are not UTF-8 appear as ``stdout_base64`` (and ``stdout`` is null), likewise stderr.
        """
        return {
            "status": str(self.status),
            "exit_code": self.exit_code,
            "signal": self.signal,
            **_stream("stdout", self.stdout),
            **_stream("stderr", self.stderr),
            "stdout_truncated": self.stdout_truncated,
            "stderr_truncated": self.stderr_truncated,
            "returned": self.returned,
            "value": encode(self.value),
            "cpu_time_s": round(self.cpu_time_s, 6),
            "wall_time_s": round(self.wall_time_s, 6),
            "wall_extension_s": round(self.wall_extension_s, 6),
            "peak_memory_bytes": self.peak_memory_bytes,
            "detail": self.detail,
            "isolation": list(self.isolation),
        }


def _stream(name: str, data: bytes) -> dict[str, str | None]:
    try:
        return {name: data.decode("utf-8")}
    except UnicodeDecodeError:
        return {name: None, f"{name}_base64": base64.b64encode(data).decode("ascii")}
