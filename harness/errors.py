"""What the harness refuses, in one line each that says what is wrong and where."""

from __future__ import annotations

from semi_instruct.harness.text import one_line


class HarnessError(Exception):
    """Base of everything the harness raises on purpose. Its text is one line."""

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text, longest=1_000))


class BadRequest(HarnessError, ValueError):
    """An option, or a file that an option names, cannot be used."""


class MissingExtra(BadRequest, ImportError):
    """An optional part of the package is not installed; the text says how to install it."""


class BadFile(HarnessError, ValueError):
    """A file as a whole cannot be read: missing, a directory, not UTF-8."""


class BadRow(HarnessError, ValueError):
    """A line of a file that cannot be used.

    Attributes:
        file: as the user named it.
        line: counted from 1.
        field: where in the row, as in ``candidates[0].source``; ``row`` for the row as a whole.
        reason: what was expected there.
    """

    def __init__(self, file: str, line: int, field: str, reason: str) -> None:
        super().__init__(f"{file}:{line}: {field}: {reason}")
        self.file = file
        self.line = line
        self.field = field
        self.reason = reason


class OutputUnusable(HarnessError, ValueError):
    """An output file cannot be written where it was asked for."""


class MachineFailed(HarnessError):
    """The machine failed, and neither the input nor the sandbox: a full disk, no memory; the text says which file."""


class Interrupted(HarnessError):
    """Somebody pressed Ctrl-C; the text says what is left of the work."""


class RunFailed(HarnessError):
    """The sandbox did not make a run, so no verdict is possible. Repeating the command may help.

    Attributes:
        why: in words.
    """

    def __init__(self, problem: str, why: str) -> None:
        self.why = why
        super().__init__(f"{problem}: {why}")


class CandidateRunFailed(RunFailed):
    """It was a run for one candidate, so no verdict is possible for this candidate."""
