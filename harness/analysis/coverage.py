"""Branch coverage of a run, measured by ``sys.monitoring`` inside the sandbox.

The program is run with a prefix that reports its branches. What it reads, prints to stdout and returns does not change.
The report comes from a sandbox and a program can forge it, so only the choice of inputs may depend on it.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace

import msgspec

from semi_instruct.engine import Program
from semi_instruct.harness.inside import report_branches

_MARKER = "semi-instruct branches: "
_MAX_REPORT = 1 << 20


class InvalidReport(ValueError):
    """The last line of stderr is not a report: the program ended itself, was killed, or printed too much."""


@dataclass(frozen=True, slots=True, order=True)
class Branch:
    """One outcome of a branch instruction.

    Attributes:
        code: index of the code object (module, function, ...), from 0.
        offset, destination: offsets, in bytes, of the branch instruction and of its target.
    """

    code: int
    offset: int
    destination: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """The branch coverage of one run.

    Attributes:
        taken: the branches that it took.
        lines: the lines of the branch instructions, by code object and offset; the same for all runs.
    """

    taken: frozenset[Branch]
    lines: dict[tuple[int, int], int]

    @property
    def branches(self) -> int:
        """The number of branches of the program: two for each branch instruction."""
        return 2 * len(self.lines)


class _Report(msgspec.Struct):
    sites: list[tuple[int, int, int]]
    taken: list[tuple[int, int, int]]


def instrumented(program: Program) -> Program:
    """A Python program that behaves as another and reports its branches when it ends.

    It is slower by about a microsecond for each branch that always goes the same way.
    """
    runner = inspect.getsource(report_branches)
    text = (
        f"(lambda own: exec({runner!r}, own) or own['run_and_report'])({{}})"
        f"({program.source_bytes!r}, globals(), {_MARKER!r})\n"
    )
    return replace(program, source=text)


def coverage(stderr: bytes) -> Coverage:
    """Read the report of an instrumented program.

    Raises:
        InvalidReport: there is no valid report.
    """
    line = stderr.rstrip(b"\n").rpartition(b"\n")[2]
    if not line.startswith(_MARKER.encode()) or len(line) > _MAX_REPORT:
        raise InvalidReport("stderr does not end with a report of branches")
    try:
        report = msgspec.json.decode(line[len(_MARKER) :], type=_Report)
    except msgspec.DecodeError as error:
        raise InvalidReport(f"the report of branches is malformed: {error}") from None
    lines = {(code, offset): line for code, offset, line in report.sites}
    taken = frozenset(Branch(*branch) for branch in report.taken if branch[:2] in lines)
    return Coverage(taken, lines)
