"""Simpler variants of a text: fewer lines, fewer tokens, smaller numbers, shorter words.

Where lines or tokens are removed, each number that may be their count is reduced by as much.
"""

from __future__ import annotations

from collections.abc import Iterator

from semi_instruct.harness.inputs.stdin.matching import INTEGER, rows_of

_Rows = list[list[str]]

# Numbers that may be counts. Few are, and most of those are in the first lines.
_MAX_COUNTS = 6


def simpler(text: str) -> Iterator[str]:
    """All texts that are simpler in one respect, valid or not, the simplest first."""
    rows = [list(row) for row in rows_of(text)]
    for left in (*_fewer_lines(rows), *_fewer_tokens(rows), *_simpler_tokens(rows)):
        yield "".join(" ".join(row) + "\n" for row in left)


def _fewer_lines(rows: _Rows) -> Iterator[_Rows]:
    for length, start in _parts(len(rows)):
        left = rows[:start] + rows[start + length :]
        yield from _counted_down(left, start, length)


def _fewer_tokens(rows: _Rows) -> Iterator[_Rows]:
    for position, row in enumerate(rows):
        for length, start in _parts(len(row)):
            left = [*rows[:position], row[:start] + row[start + length :], *rows[position + 1 :]]
            yield from _counted_down(left, position + 1, length)


def _simpler_tokens(rows: _Rows) -> Iterator[_Rows]:
    for line, row in enumerate(rows):
        for position, token in enumerate(row):
            for other, lost in _simpler_token(token):
                left = [*rows[:line], [*row[:position], other, *row[position + 1 :]], *rows[line + 1 :]]
                if lost:
                    yield from _counted_down(left, line, lost)
                else:
                    yield left


def _simpler_token(token: str) -> Iterator[tuple[str, int]]:
    """Simpler tokens, each with the number of characters it is shorter by, 0 for numbers."""
    if INTEGER.match(token):
        value = int(token)
        toward_zero = value - 1 if value > 0 else value + 1
        for number in (0, value // 2, toward_zero, -value):
            if (abs(number), number < 0) < (abs(value), value < 0):
                yield str(number), 0
        return
    for length, start in _parts(len(token)):
        if length < len(token):
            yield token[:start] + token[start + length :], length
    plain = min(token)
    yield from (
        (token[:position] + plain + token[position + 1 :], 0)
        for position in range(len(token))
        if token[position] != plain
    )


def _parts(size: int) -> Iterator[tuple[int, int]]:
    """Parts to remove, as length and start: the whole, the halves, and so on to single ones; later parts first."""
    length = size
    while length:
        yield from ((length, start) for start in range(size - length, -1, -length))
        length //= 2


def _counted_down(rows: _Rows, lines: int, lost: int) -> Iterator[_Rows]:
    """The rows, with no number or one of the numbers in the first lines reduced by what was removed."""
    yield rows
    counts = [
        (line, position)
        for line, row in enumerate(rows[:lines])
        for position, token in enumerate(row)
        if INTEGER.match(token) and int(token) >= lost
    ]
    for line, position in counts[:_MAX_COUNTS]:
        row = rows[line]
        less = [*row[:position], str(int(row[position]) - lost), *row[position + 1 :]]
        yield [*rows[:line], less, *rows[line + 1 :]]
