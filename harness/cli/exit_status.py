"""The exit statuses of the command line, as promised."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """What a command's end means to a shell."""

    DONE = 0
    FAILED = 1
    """The program or candidate failed."""
    BAD_INPUT = 2
    """Wrong usage or bad input; one line on stderr says what."""
    UNTRUSTED = 3
    """The sandbox cannot be trusted here, or processes of ours died; stderr says which wall or what, and why."""
    MACHINE_FAILED = 4
    """The machine failed: a full disk, no memory; stderr says which file, or what could not be had."""
    INTERRUPTED = 130
    BROKEN_PIPE = 141
