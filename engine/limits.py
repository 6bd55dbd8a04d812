"""The resource limits of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from semi_instruct.engine.errors import InvalidRequest

MIB = 1 << 20
# The minimum and maximum of each limit, in its unit.
RANGES: dict[str, tuple[float, float]] = {
    "cpu_time": (0.001, 86_400),
    "wall_time": (0.001, 86_400),
    "deadline": (0.001, 5 * 86_400),
    "memory": (16 * MIB, 1 << 46),
    "output": (0, 1 << 34),
    "file_size": (0, 1 << 46),
    "processes": (1, 100_000),
    "open_files": (8, 1_000_000),
}
MAX_EXTENSION = 5.0  # on a busy machine, a wall limit is extended to at most this multiple of itself


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one run. They apply to the whole process tree of the run.

    Attributes:
        cpu_time: seconds of user and system time of all processes and threads together.
        wall_time: seconds from the start of the program to the end of its last process. None means twice ``cpu_time``
            plus one second, which is enough for a computation on a busy machine. Time in which the whole run was ready
            to run and got no core does not count, if the kernel reports it.
        memory: bytes of memory, including the interpreter and files in the run's tmpfs.
        output: maximum bytes of stdout, and separately of stderr and of the returned value. A program that writes more
            ends with ``output_limit``.
        file_size: maximum bytes of a file that the program writes.
        processes: maximum number of simultaneous processes and threads, including the program's first one.
        open_files: one more than the highest file descriptor number.
        deadline: seconds from the start of the program after which it is ended in any case; None means five times the
            wall time. Set it to the time that the caller is willing to wait.

    Raises:
        InvalidRequest: a limit that is not a number, or out of range.
    """

    cpu_time: float = 10.0
    wall_time: float | None = None
    memory: int = 512 * MIB
    output: int = 8 * MIB
    file_size: int = 32 * MIB
    processes: int = 64
    open_files: int = 256
    deadline: float | None = None

    def __post_init__(self) -> None:
        _check("cpu_time", self.cpu_time)
        if self.wall_time is not None:
            _check("wall_time", self.wall_time)
        if self.deadline is not None:
            _check("deadline", self.deadline)
        _check_whole("memory", self.memory)
        _check_whole("output", self.output)
        _check_whole("file_size", self.file_size)
        _check_whole("processes", self.processes)
        _check_whole("open_files", self.open_files)

    @property
    def wall_seconds(self) -> float:
        """The effective wall-time limit."""
        return 2 * self.cpu_time + 1 if self.wall_time is None else self.wall_time

    @property
    def deadline_seconds(self) -> float:
        """The effective deadline, which is never before the wall limit."""
        most = MAX_EXTENSION * self.wall_seconds
        return most if self.deadline is None else min(max(self.deadline, self.wall_seconds), most)


def _check(name: str, value: object) -> None:
    low, high = RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidRequest(f"limit {name} must be a finite number, not {value!r}")
    if not low <= value <= high:
        raise InvalidRequest(f"limit {name} must lie between {low} and {high}, not {value!r}")


def _check_whole(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRequest(f"limit {name} must be a whole number, not {value!r}")
    _check(name, value)
