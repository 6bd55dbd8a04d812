"""When an actual answer is the expected one. Pure functions on data that programs nobody trusts have made.

Time and memory stay linear in the size of the answers, whatever bytes they are made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Literal

import msgspec

from harness.same_number import same_literal
from harness.same_value import same_value

TOLERANCE = 1e-6

OutputKind = Literal["exact", "lines", "tokens"]
OUTPUT_KINDS: tuple[OutputKind, ...] = ("exact", "lines", "tokens")
VALUE_KIND: Literal["value"] = "value"

_SPACE = re.compile(rb"\s")
_BLOCK_BYTES = 1 << 16


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the answers of one test case are compared. Stored with the test case.

    Attributes:
        kind: for printed output, ``exact`` (the same bytes), ``lines`` (the same lines, white space at the end of each
            and empty lines at the end of all folded away) or ``tokens`` (the same words between white space, or
            decimals within the tolerance: ``harness.same_number``); for returned values, ``value``
            (``harness.same_value``).
        tolerance: how far apart two numbers that are not both integers may be, absolute or relative.
    """

    kind: Literal["exact", "lines", "tokens", "value"] = "tokens"
    tolerance: float = TOLERANCE

    def agree(self, expected: Any, actual: Any) -> bool:
        """Whether the answers are the same: bytes of stdout for the output kinds, a decoded value for ``value``."""
        match self.kind:
            case "exact":
                return bool(expected == actual)
            case "lines":
                return _same_lines(expected, actual)
            case "tokens":
                return _same_tokens(expected, actual, self.tolerance)
            case "value":
                return same_value(expected, actual, self.tolerance)


def _same_lines(expected: bytes, actual: bytes) -> bool:
    if expected == actual:
        return True
    pairs = zip_longest(expected.rstrip().split(b"\n"), actual.rstrip().split(b"\n"))
    return all(
        first is not None and second is not None and first.rstrip() == second.rstrip() for first, second in pairs
    )


def _same_tokens(expected: bytes, actual: bytes, tolerance: float) -> bool:
    if expected == actual:
        return True
    # A word without a partner is a difference: a beginning of the right answer is not the right answer.
    return all(
        first is not None and second is not None and (first == second or same_literal(first, second, tolerance))
        for first, second in zip_longest(_tokens(expected), _tokens(actual))
    )


def _tokens(data: bytes) -> Iterator[bytes]:
    """The words between white space, a block at a time: a split of megabytes at once would cost memory tenfold."""
    start = 0
    while start < len(data):
        gap = _SPACE.search(data, start + _BLOCK_BYTES)
        end = gap.end() if gap else len(data)
        yield from data[start:end].split()
        start = end
