"""Compares numbers, and defines which printed words are numbers.

A number has the format of printf: an optional sign, digits without superfluous leading zeros, an optional fraction and
an optional exponent, in ASCII. Other strings that Python's ``float()`` accepts (``1_000``, ``infinity``, ``nan``,
digits of other scripts) are text here, and so is ``0001``: a task that asks for four digits means four characters.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

_INTEGER = re.compile(rb"[+-]?(?:0|[1-9][0-9]*+)")
_DECIMAL = re.compile(rb"[+-]?(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
# Longer words are compared as text: measured quantities are never this long, and converting them takes time.
_MAX_DECIMAL = 1_000
# Floats of at least this size are whole numbers.
_WHOLE_FLOATS_FROM = 1 << 52


class Tolerance(NamedTuple):
    """The maximum difference of two numbers that are not both integers: the greater of the two tolerances.

    Attributes:
        absolute: the absolute tolerance, at least 0.
        relative: the relative tolerance, as a share of the larger number, at least 0.
    """

    absolute: float
    relative: float


def is_decimal(word: bytes) -> bool:
    """Whether a word is a printed number that is not an integer."""
    return bool(_DECIMAL.fullmatch(word)) and not _INTEGER.fullmatch(word)


def same_literal(expected: bytes, actual: bytes, tolerance: Tolerance, *, decimals: bool = False) -> bool:
    """Whether two words are equal numbers. Linear in their length.

    If an integer is expected, a decimal is wrong: a program that prints ``3.0`` for ``3`` uses floating-point division
    and fails for large numbers. If a decimal is expected, an integer within the absolute tolerance is accepted.

    Args:
        decimals: whether the task asks for decimals, so that an expected integer is one by chance.
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
    """A printed number as a float, for sorting words; None for text and for words that are too long."""
    if len(word) > _MAX_DECIMAL or not _DECIMAL.fullmatch(word):
        return None
    return float(word)


def same_number(
    first: int | float, second: int | float, tolerance: Tolerance, *, infinite_is_number: bool = True
) -> bool:
    """Whether two numbers are equal answers.

    Two integers must be equal. Two floats may differ by the tolerance. An integer and a float may differ only by the
    absolute tolerance, computed without rounding, so that a large approximate result does not equal an exact one. NaN
    equals NaN, because an oracle that answers NaN intends it.

    Args:
        infinite_is_number: whether inf equals inf; False for printed words, which may just overflow.
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
