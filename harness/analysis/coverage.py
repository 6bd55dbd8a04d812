"""Which branches of a program a run took, by ``sys.monitoring`` inside the sandbox.

The program that runs is another one, with ours in front; what it prints to stdout, returns and reads is the same. The
report comes from a sandbox, so nothing but the choice of inputs may depend on it: a program can forge its own.
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
    """The last line of stderr is no report: the program ended itself, was killed, or printed too much."""


@dataclass(frozen=True, slots=True, order=True)
class Branch:
    """One way out of an instruction that branches.

    Attributes:
        code: number of the code object (module, function, ...), from 0.
        offset, destination: of the instructions in it, in bytes.
    """

    code: int
    offset: int
    destination: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one run covered.

    Attributes:
        taken: the branches it took.
        lines: the lines of the instructions that branch, by code object and offset; the same for all runs.
    """

    taken: frozenset[Branch]
    lines: dict[tuple[int, int], int]

    @property
    def branches(self) -> int:
        """How many branches the program has: each instruction has two."""
        return 2 * len(self.lines)


class _Report(msgspec.Struct):
    sites: list[tuple[int, int, int]]
    taken: list[tuple[int, int, int]]


def instrumented(program: Program) -> Program:
    """A Python program that does what another does, and reports the branches when it ends.

    It takes longer: about a microsecond for each branch that always goes the same way.
    """
    runner = inspect.getsource(report_branches)
    text = (
        f"(lambda own: exec({runner!r}, own) or own['run_and_report'])({{}})"
        f"({program.source_bytes!r}, globals(), {_MARKER!r})\n"
    )
    return replace(program, source=text)


def coverage(stderr: bytes) -> Coverage:
    """The report of an instrumented program.

    Raises:
        InvalidReport: there is none.
    """
    line = stderr.rstrip(b"\n").rpartition(b"\n")[2]
    if not line.startswith(_MARKER.encode()) or len(line) > _MAX_REPORT:
        raise InvalidReport("stderr does not end with a report of branches")
    try:
        report = msgspec.json.decode(line[len(_MARKER) :], type=_Report)
    except msgspec.DecodeError as error:
        raise InvalidReport(f"the report of branches is malformed: {error}") from None
    lines = {(code, offset): line for code, offset, line in report.sites}
    taken = frozenset(Branch(*place) for place in report.taken if place[:2] in lines)
    return Coverage(taken, lines)
