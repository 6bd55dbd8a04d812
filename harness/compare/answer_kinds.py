"""What kinds of words programs print: an agreed answer unlike every known one suggests that the input is none.

Where a task wants a number and programs that agree print ``None``, or where it wants letters and they print some that
are on no keyboard, they were asked what the task never asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

_NUMBER = re.compile(rb"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?")


class AnswerKind(StrEnum):
    """What a printed answer is made of."""

    NOTHING = "nothing"
    NUMBER = "number"
    WORD = "word"
    FOREIGN = "foreign"  # bytes that are no printable ASCII


def kinds_of(answers: Iterable[bytes]) -> frozenset[AnswerKind]:
    """The kinds of all words of these answers, and ``nothing`` if one of them has no word."""
    return frozenset(kind for answer in answers for kind in set(map(_kind, answer.split())) or {AnswerKind.NOTHING})


def _kind(word: bytes) -> AnswerKind:
    if _NUMBER.fullmatch(word):
        return AnswerKind.NUMBER
    return AnswerKind.WORD if all(0x20 < byte < 0x7F for byte in word) else AnswerKind.FOREIGN
