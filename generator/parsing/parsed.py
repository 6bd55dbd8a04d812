"""What was read from a text, or what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Kinds of bad output."""

    REFUSED = "refused"  # the model would not take the prompt
    EMPTY = "empty"
    TOO_LONG = "too_long"  # to be looked into
    DEGENERATE = "degenerate"  # the same few characters again and again
    CUT_OFF = "cut_off"
    PROMPT_REPEATED = "prompt_repeated"
    NO_CODE = "no_code"
    TWO_BLOCKS = "two_blocks"  # of code, and no telling which is meant
    WRONG_LANGUAGE = "wrong_language"
    NOT_PYTHON = "not_python"  # said to be Python, but does not compile
    COPIED = "copied"  # the natural code as it was
    WRONG_NAMES = "wrong_names"  # functions that were asked for are not defined
    NO_INSTRUCTION = "no_instruction"
    PROSE = "prose"  # where data was wanted
    BROKEN_JSON = "broken_json"
    BEYOND_LIMITS = "beyond_limits"  # it takes too long, too much memory or too deep a stack to be read
    WRONG_SHAPE = "wrong_shape"  # JSON, but not what was asked for


@dataclass(frozen=True, slots=True)
class Parsed[T]:
    """What was read from a text.

    Attributes:
        value: None if nothing could be used.
        fault: what is wrong; beside a value, where only a part could be used.
    """

    value: T | None = None
    fault: Fault | None = None
