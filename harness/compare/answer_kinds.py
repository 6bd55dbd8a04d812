"""Classifies the words that programs print. An agreed answer of an unknown kind suggests that the input is invalid.

If a task asks for a number and the oracles agree on ``None``, or if it asks for letters and they print unusual
characters, the input is probably not one that the task allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

_NUMBER = re.compile(rb"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?")


class AnswerKind(StrEnum):
    """A kind of word in a printed answer."""

    NOTHING = "nothing"
    NUMBER = "number"
    WORD = "word"
    FOREIGN = "foreign"  # bytes that are not printable ASCII


def kinds_of(answers: Iterable[bytes]) -> frozenset[AnswerKind]:
    """The kinds of all words of the answers, and ``nothing`` if an answer has no word."""
    return frozenset(kind for answer in answers for kind in set(map(_kind, answer.split())) or {AnswerKind.NOTHING})


def _kind(word: bytes) -> AnswerKind:
    if _NUMBER.fullmatch(word):
        return AnswerKind.NUMBER
    return AnswerKind.WORD if all(0x20 < byte < 0x7F for byte in word) else AnswerKind.FOREIGN
