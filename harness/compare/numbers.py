"""When two numbers are the same answer, and which printed words are numbers.

A number is written as people and printf write one: an optional sign, digits without superfluous leading zeros, perhaps
a fraction, perhaps an exponent, in ASCII. What else Python's ``float()`` takes (``1_000``, ``infinity``, ``nan``,
digits of other scripts) is text here, and so is ``0001``: a task that asks for four digits means four characters.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

_INTEGER = re.compile(rb"[+-]?(?:0|[1-9][0-9]*+)")
_DECIMAL = re.compile(rb"[+-]?(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
# Beyond this a word is compared as text: nobody prints a measured quantity so long, and reading one takes time.
_MAX_DECIMAL = 1_000
# A float of at least this size is whole.
_WHOLE_FLOATS_FROM = 1 << 52


class Tolerance(NamedTuple):
    """How far apart two numbers may be that are not both integers: as much as either allows. Both at least 0.

    Attributes:
        absolute: of their difference.
        relative: of their difference, as a share of the larger.
    """

    absolute: float
    relative: float


def is_decimal(word: bytes) -> bool:
    """Whether a word is a printed number that is no integer."""
    return bool(_DECIMAL.fullmatch(word)) and not _INTEGER.fullmatch(word)


def same_literal(expected: bytes, actual: bytes, tolerance: Tolerance, *, decimals: bool = False) -> bool:
    """Whether two words are numbers that are the same answer. Linear in their length.

    An expected integer wants an integer: who prints ``3.0`` for ``3`` has divided where he should not have, and is
    wrong as soon as the numbers are large. Where a decimal is expected, an integer near enough will do.

    Args:
        decimals: whether the task is known to ask for decimals, so that an expected integer is one by chance.
    """
    if _INTEGER.fullmatch(expected) and (not decimals or _INTEGER.fullmatch(actual)):
        return bool(_INTEGER.fullmatch(actual)) and _canonical(expected) == _canonical(actual)
    if max(len(expected), len(actual)) > _MAX_DECIMAL:
        return False
    if not (_DECIMAL.fullmatch(expected) and _DECIMAL.fullmatch(actual)):
        return False
    whole = bool(_INTEGER.fullmatch(actual))
    return same_number(float(expected), int(actual) if whole else float(actual), tolerance, infinite_is_number=False)


def measure(word: bytes) -> float | None:
    """A printed number as a float, for putting words in an order; None for text and for what is too long to measure."""
    if len(word) > _MAX_DECIMAL or not _DECIMAL.fullmatch(word):
        return None
    return float(word)


def same_number(
    first: int | float, second: int | float, tolerance: Tolerance, *, infinite_is_number: bool = True
) -> bool:
    """Whether two numbers are the same answer.

    Two integers must be equal. Two floats may differ by the tolerance. An integer and a float may differ by its
    absolute part and no more, computed without rounding: an exact result is not to be met by an approximate one just
    because both are big.

    Args:
        infinite_is_number: whether inf equals inf. Not so for printed words that merely overflow.

    NaN equals NaN here: an oracle that answers NaN means it.
    """
    if isinstance(first, int) and isinstance(second, int):
        return first == second
    if isinstance(first, int) and isinstance(second, float):
        return _near_integer(second, first, tolerance.absolute)
    if isinstance(first, float) and isinstance(second, int):
        return _near_integer(first, second, tolerance.absolute)
    if math.isinf(first) or math.isinf(second):
        return infinite_is_number and first == second
    if math.isnan(first) or math.isnan(second):
        return math.isnan(first) and math.isnan(second)
    return math.isclose(first, second, rel_tol=tolerance.relative, abs_tol=tolerance.absolute)


def _near_integer(real: float, whole: int, absolute: float) -> bool:
    if not math.isfinite(real):
        return False
    if real.is_integer():
        return abs(int(real) - whole) <= absolute
    return abs(whole) <= _WHOLE_FLOATS_FROM and abs(real - whole) <= absolute


def _canonical(integer: bytes) -> bytes:
    digits = integer.removeprefix(b"+")
    return b"0" if digits == b"-0" else digits
