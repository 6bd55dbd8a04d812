"""The outcome of a run."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from semi_instruct.engine.errors import ProgramFailed
from semi_instruct.engine.inside.values import encode

_MAX_SHOWN = 200  # bytes of a stream in a repr
_MAX_SHOWN_IN_HTML = 10_000


class Status(StrEnum):
    """How a run ended, based on facts: the reason of a kill, cgroup events, the wait status, the clocks."""

    OK = "ok"
    NONZERO_EXIT = "nonzero_exit"
    SIGNALED = "signaled"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    PROCESS_LIMIT = "process_limit"
    FORBIDDEN_SYSCALL = "forbidden_syscall"
    COMPILE_ERROR = "compile_error"
    CANCELLED = "cancelled"
    SANDBOX_ERROR = "sandbox_error"


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """The result of one run.

    Attributes:
        status: see :class:`Status`.
        exit_code: exit code of the program's first process, or None if a signal ended it.
        signal: the number of that signal, or None.
        stdout, stderr: the exact bytes written, up to ``Limits.output`` each.
        stdout_truncated, stderr_truncated: whether more was written than is kept.
        returned: whether the entry function returned a value that could be encoded. False for stdin programs. A
            function that calls ``sys.exit(0)`` ends with status ok and ``returned`` False, so check ``returned`` before
            using ``value``.
        value: that value, rebuilt from plain data (``engine.inside.values``), else None.
        cpu_time_s: user plus system time of the whole tree, seconds.
        wall_time_s: from the hand-over of the program to the end of its last process, seconds.
        peak_memory_bytes: peak memory use of the whole tree, including the interpreter; at most the limit.
        detail: which limit or which system call, in words.
        isolation: the isolation layers that were active.
        wall_extension_s: seconds by which the wall limit was extended because the run was ready to run and got no core;
            0 unless the run passed its wall limit.
    """

    status: Status
    exit_code: int | None = None
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    returned: bool = False
    value: Any = None
    cpu_time_s: float = 0.0
    wall_time_s: float = 0.0
    peak_memory_bytes: int = 0
    detail: str = ""
    isolation: tuple[str, ...] = ()
    wall_extension_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the status is ``ok``. For a function, check ``returned`` too."""
        return self.status is Status.OK

    @property
    def text(self) -> str:
        """``stdout`` as text. Bytes that are not UTF-8 become U+FFFD."""
        return self.stdout.decode("utf-8", "replace")

    def raise_for_status(self) -> Self:
        """Return this outcome if its status is ``ok``.

        Raises:
            ProgramFailed: the status is not ``ok``. The exception has the outcome.
        """
        if not self.ok:
            raise ProgramFailed(self)
        return self

    def __repr__(self) -> str:
        """The main fields, shortened. The value is left out, because it may not have a repr."""
        parts = [str(self.status)]
        parts += [f"exit_code={self.exit_code}"] * bool(self.exit_code) + [f"signal={self.signal}"] * bool(self.signal)
        for name, data in (("stdout", self.stdout), ("stderr", self.stderr)):
            if data:
                parts.append(f"{name}={data[:_MAX_SHOWN]!r}" + f"... {len(data)} bytes" * (len(data) > _MAX_SHOWN))
        parts += ["returned"] * self.returned + [f"detail={self.detail!r}"] * bool(self.detail)
        parts.append(f"{self.cpu_time_s * 1000:.1f} ms CPU, {self.peak_memory_bytes / (1 << 20):.1f} MiB")
        return f"<Outcome {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        """An HTML table for notebooks. The program's output is escaped."""
        rows = {
            "status": str(self.status),
            "exit code": self.exit_code,
            "signal": self.signal,
            "detail": self.detail,
            "stdout": _shown(self.stdout),
            "stderr": _shown(self.stderr),
            "CPU time": f"{self.cpu_time_s * 1000:.1f} ms",
            "wall time": f"{self.wall_time_s * 1000:.1f} ms",
            "memory": f"{self.peak_memory_bytes / (1 << 20):.1f} MiB",
        }
        cells = (
            f"<tr><th>{name}</th><td><pre>{html.escape(str(value))}</pre></td></tr>"
            for name, value in rows.items()
            if value not in (None, "")
        )
        return f"<table>{''.join(cells)}</table>"

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain JSON data, as printed by ``semi-instruct run --json``.

        Bytes that are not UTF-8 appear as ``stdout_base64`` (and ``stdout`` is null); the same applies to stderr.
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


def _shown(data: bytes) -> str:
    text = data[:_MAX_SHOWN_IN_HTML].decode("utf-8", "replace")
    return text if len(data) <= _MAX_SHOWN_IN_HTML else f"{text}\n... {len(data)} bytes in all"


def _stream(name: str, data: bytes) -> dict[str, str | None]:
    try:
        return {name: data.decode("utf-8")}
    except UnicodeDecodeError:
        return {name: None, f"{name}_base64": base64.b64encode(data).decode("ascii")}
