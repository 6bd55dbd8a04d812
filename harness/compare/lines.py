"""When printed text is the same, whatever the order of its lines.

Lines are put in an order of their own and compared one by one. Which of several nearly equal lines belong together is
not searched for: lines are ordered by their text, then by their numbers from left to right. So where lines differ
first by less than the tolerance and then by more, right answers may be taken for wrong ones, never the reverse.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator

from semi_instruct.harness.compare.numbers import measure

_LINE = re.compile(rb"\S[^\n]*")
_ANY_NUMBER = b"0"


def same_in_any_order(expected: bytes, actual: bytes, same_text: Callable[[bytes, bytes], bool]) -> bool:
    """Whether two texts are the same as they stand, or their lines are, empty ones aside, in some order.

    Args:
        same_text: whether two texts, or two lines, are the same as they stand.
    """
    if same_text(expected, actual):
        return True
    count = sum(1 for _ in _lines(expected))
    if count == 1 or count != sum(1 for _ in _lines(actual)):
        return False
    if sorted(_lines(expected)) == sorted(_lines(actual)):
        return True
    pairs = zip(sorted(_lines(expected), key=_place), sorted(_lines(actual), key=_place), strict=True)
    return all(same_text(first, second) for first, second in pairs)


def _lines(data: bytes) -> Iterator[bytes]:
    """The lines that are not empty, one at a time, without white space around them."""
    return (match[0].rstrip() for match in _LINE.finditer(data))


def _place(line: bytes) -> tuple[bytes, array[float], bytes]:
    """Where a line comes: by its words that are no numbers and how many numbers it has, then by the numbers."""
    text: list[bytes] = []
    numbers = array("d")
    for word in line.split():
        number = measure(word)
        text.append(word if number is None else _ANY_NUMBER)
        if number is not None:
            numbers.append(number)
    return b" ".join(text), numbers, line
