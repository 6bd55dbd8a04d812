"""Compares printed text with lines in any order.

Lines are sorted by their text, then by their numbers from left to right, and compared one by one. There is no search
for the best pairing of nearly equal lines. If lines differ first by less than the tolerance and then by more, a correct
answer may be rejected, but a wrong one is never accepted.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator

from semi_instruct.harness.compare.numbers import measure

_LINE = re.compile(rb"\S[^\n]*")
_ANY_NUMBER = b"0"


def same_in_any_order(expected: bytes, actual: bytes, same_text: Callable[[bytes, bytes], bool]) -> bool:
    """Whether two texts are equal, or their nonempty lines are equal in some order.

    Args:
        same_text: compares two texts, or two lines, in their given order.
    """
    if same_text(expected, actual):
        return True
    count = sum(1 for _ in _lines(expected))
    if count == 1 or count != sum(1 for _ in _lines(actual)):
        return False
    if sorted(_lines(expected)) == sorted(_lines(actual)):
        return True
    pairs = zip(sorted(_lines(expected), key=_sort_key), sorted(_lines(actual), key=_sort_key), strict=True)
    return all(same_text(first, second) for first, second in pairs)


def _lines(data: bytes) -> Iterator[bytes]:
    """Yield the nonempty lines, without surrounding white space."""
    return (match[0].rstrip() for match in _LINE.finditer(data))


def _sort_key(line: bytes) -> tuple[bytes, array[float], bytes]:
    """The sort key of a line: its words that are not numbers, the count of its numbers, then the numbers."""
    text: list[bytes] = []
    numbers = array("d")
    for word in line.split():
        number = measure(word)
        text.append(word if number is None else _ANY_NUMBER)
        if number is not None:
            numbers.append(number)
    return b" ".join(text), numbers, line
