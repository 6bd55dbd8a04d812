"""Compares actual with expected answers. Pure functions on untrusted data.

Time and memory are linear in the size of the answers, for all contents (lines in any order are sorted).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Literal

import msgspec

from semi_instruct.harness.compare.lines import same_in_any_order
from semi_instruct.harness.compare.numbers import Tolerance, is_decimal, same_literal
from semi_instruct.harness.compare.values import same_value

TOLERANCE = 1e-6

ComparisonKind = Literal["exact", "lines", "tokens", "unordered_lines", "checker", "value"]
OUTPUT_KINDS: tuple[ComparisonKind, ...] = ("exact", "lines", "tokens", "unordered_lines", "checker")
VALUE_KINDS: tuple[ComparisonKind, ...] = ("value", "checker")
MEASURING_KINDS: tuple[ComparisonKind, ...] = ("tokens", "unordered_lines", "value")
WORD_KINDS: tuple[ComparisonKind, ...] = ("tokens", "unordered_lines")

_SPACE = re.compile(rb"\s")
_BLOCK_BYTES = 1 << 16


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the answers of one test case are compared. Stored with the test case.

    Attributes:
        kind: for printed output, ``exact`` (the same bytes), ``lines`` (the same lines, white space at the end of each
            and empty lines at the end ignored), ``tokens`` (the same words between white space, or decimals within the
            tolerance: ``compare.numbers``) or ``unordered_lines`` (the same tokens, or lines of the same tokens in any
            order); for returned values, ``value`` (``compare.values``); for both, ``checker``: a program decides, and
            :meth:`agree` cannot be used (``harness.judge.checker``).
        absolute_tolerance, relative_tolerance: maximum difference of two numbers that are not both integers
            (``harness.compare.numbers.Tolerance``); for the ``MEASURING_KINDS``.
        decimals: whether numbers expected as integers may also be printed as decimals, like other answers of the task;
            for the ``WORD_KINDS``.
        ignore_case: whether ASCII letters of either case are the same; for the ``WORD_KINDS``.
        checker: source of the checker program.
    """

    kind: ComparisonKind
    absolute_tolerance: float = TOLERANCE
    relative_tolerance: float = TOLERANCE
    decimals: bool = False
    ignore_case: bool = False
    checker: str | None = None

    @property
    def tolerance(self) -> Tolerance:
        """Both tolerances."""
        return Tolerance(self.absolute_tolerance, self.relative_tolerance)

    def agree(self, expected: Any, actual: Any) -> bool:
        """Whether the answers are equal: bytes of stdout for the output kinds, a decoded value for ``value``.

        Raises:
            ValueError: the kind is ``checker``.
        """
        match self.kind:
            case "exact":
                return bool(expected == actual)
            case "lines":
                return _same_lines(expected, actual)
            case "tokens":
                return self._same_words(*self._folded(expected, actual))
            case "unordered_lines":
                return same_in_any_order(*self._folded(expected, actual), self._same_words)
            case "value":
                return same_value(expected, actual, self.tolerance)
            case "checker":
                raise ValueError("a comparison by a checker requires running it")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data: the kind, and the fields that differ from the default."""
        usual = Comparison(self.kind)
        stated = {name: getattr(self, name) for name in self.__struct_fields__}
        return {"kind": self.kind} | {name: value for name, value in stated.items() if value != getattr(usual, name)}

    def __str__(self) -> str:
        """A short description of the comparison."""
        words = [self.kind.replace("_", " ")]
        if self.ignore_case:
            words.append("in either case")
        if self.kind in MEASURING_KINDS and self.tolerance != (TOLERANCE, TOLERANCE):
            words.append(f"within {self.absolute_tolerance:g} absolute or {self.relative_tolerance:g} relative")
        return " ".join(words)

    def _folded(self, expected: bytes, actual: bytes) -> tuple[bytes, bytes]:
        return (expected.lower(), actual.lower()) if self.ignore_case else (expected, actual)

    def _same_words(self, expected: bytes, actual: bytes) -> bool:
        return _same_tokens(expected, actual, self.tolerance, self.decimals)


def shows_decimals(output: bytes) -> bool:
    """Whether an answer contains a number that is not an integer."""
    return any(map(is_decimal, _tokens(output)))


def _same_lines(expected: bytes, actual: bytes) -> bool:
    if expected == actual:
        return True
    pairs = zip_longest(expected.rstrip().split(b"\n"), actual.rstrip().split(b"\n"))
    return all(
        first is not None and second is not None and first.rstrip() == second.rstrip() for first, second in pairs
    )


def _same_tokens(expected: bytes, actual: bytes, tolerance: Tolerance, decimals: bool) -> bool:
    if expected == actual:
        return True
    # A word without a counterpart is a difference: a prefix of the correct answer is not correct.
    return all(
        first is not None
        and second is not None
        and (first == second or same_literal(first, second, tolerance, decimals=decimals))
        for first, second in zip_longest(_tokens(expected), _tokens(actual))
    )


def _tokens(data: bytes) -> Iterator[bytes]:
    """The words between white space, split by block because splitting all at once takes ten times the memory."""
    start = 0
    while start < len(data):
        gap = _SPACE.search(data, start + _BLOCK_BYTES)
        end = gap.end() if gap else len(data)
        yield from data[start:end].split()
        start = end
