"""Reads a text by the lines, items and counts of a format. Of an item's kind, only number or not matters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from semi_instruct.harness.inputs.stdin.model import (
    Amount,
    Block,
    Choice,
    Either,
    Item,
    Line,
    Number,
    Repeat,
    Word,
    items_in,
)

# Longer numbers are treated as words: they exceed the range of a float, and Python limits the digits it converts.
_MAX_DIGITS = 300
INTEGER = re.compile(rf"-?(?:0|[1-9]\d{{0,{_MAX_DIGITS - 1}}})\Z", re.ASCII)
DECIMAL = re.compile(rf"-?(?:0|[1-9]\d{{0,{_MAX_DIGITS - 1}}})\.\d{{1,{_MAX_DIGITS}}}\Z", re.ASCII)

Row = tuple[str, ...]  # the tokens of a line


@dataclass(frozen=True, slots=True)
class Seen:
    """One reading of an item.

    Attributes:
        tokens: a single token, or the tokens of a list.
        known: the integers read before it, and the lengths of words, by item name.
        group: number that is equal for readings of the same column of the same repetition.
    """

    tokens: Row
    known: dict[str, int]
    group: int


@dataclass(slots=True)
class Reading:
    """The result of reading texts by a format.

    Attributes:
        seen: the readings of each item, by name.
        in_order: all items that were read, with their tokens.
    """

    seen: dict[str, list[Seen]] = field(default_factory=dict)
    in_order: list[tuple[Item, Row]] = field(default_factory=list)


def rows_of(text: str) -> list[Row]:
    """The lines of a text as tokens, without empty lines at the end."""
    return [tuple(line.split()) for line in text.rstrip().split("\n")]


def read(blocks: tuple[Block, ...], texts: Sequence[Sequence[Row]]) -> Reading | None:
    """Read texts, each given as rows; None if one of them does not have this shape."""
    reader = _Reader()
    return reader.reading if all(reader.reads_all(blocks, rows) for rows in texts) else None


@dataclass(slots=True)
class _Reader:
    reading: Reading = field(default_factory=Reading)
    group: int = 0

    def reads_all(self, blocks: tuple[Block, ...], rows: Sequence[Row]) -> bool:
        self.group += 1
        end = self._blocks(blocks, rows, 0, {}, self.group)
        # An empty list at the end is an empty line, which ``rows_of`` removes.
        return end is not None and end >= len(rows)

    def _blocks(
        self, blocks: tuple[Block, ...], rows: Sequence[Row], position: int, known: dict[str, int], group: int
    ) -> int | None:
        at: int | None = position
        for block in blocks:
            if at is None:
                return None
            if isinstance(block, Repeat):
                at = self._repeat(block, rows, at, known)
                continue
            row = rows[at] if at < len(rows) else ()
            line = block if isinstance(block, Line) else _shape_of(block, row)
            at = at + 1 if line is not None and self._line(line, row, known, group) else None
        return at

    def _repeat(self, repeat: Repeat, rows: Sequence[Row], position: int, known: dict[str, int]) -> int | None:
        count = _value(repeat.count, known)
        if count is None or not 0 <= count <= len(rows) - position:
            return None
        self.group += 1
        group = self.group
        for _ in range(count):
            end = self._blocks(repeat.body, rows, position, dict(known), group)
            if end is None:
                return None
            position = end
        return position

    def _line(self, line: Line, row: Row, known: dict[str, int], group: int) -> bool:
        position = 0
        for item in line.items:
            count = 1 if item.count is None else _value(item.count, known)
            if count is None or count < 0 or position + count > len(row):
                return False
            tokens = row[position : position + count]
            if not all(_is_of_kind(item, token) for token in tokens):
                return False
            self.reading.seen.setdefault(item.name, []).append(Seen(tokens, dict(known), group))
            self.reading.in_order.append((item, tokens))
            if item.count is None and isinstance(item.kind, Number) and INTEGER.match(tokens[0]):
                known[item.name] = int(tokens[0])
            elif item.count is None and isinstance(item.kind, Word):
                known[item.name] = len(tokens[0])
            position += count
        return position == len(row)


def point_in_rows(point: tuple[str, str], repeat: Repeat, reading: Reading) -> bool:
    """Whether the point, given by the names of two earlier integers, occurs as a row of a repetition."""
    columns = [reading.seen.get(item.name, []) for item in items_in(repeat.body)]
    return any(
        tuple(int(seen.tokens[0]) for seen in row) == tuple(row[0].known[name] for name in point)
        for row in zip(*columns, strict=True)
    )


def is_within(inner: str, outer: str) -> bool:
    """Whether ``inner`` is a subsequence of ``outer``."""
    rest = iter(outer)
    return all(letter in rest for letter in inner)


def is_just_around(inner: str, outer: str) -> bool:
    """Whether ``inner`` is a subsequence of ``outer`` but of no proper prefix of it."""
    return is_within(inner, outer) and not is_within(inner, outer[:-1])


def _shape_of(either: Either, row: Row) -> Line | None:
    for line in either.lines:
        first = line.items[0].kind
        if row and isinstance(first, Choice) and row[0] in first.words:
            return line
    return None


def _is_of_kind(item: Item, token: str) -> bool:
    if not isinstance(item.kind, Number):
        return True
    return bool((DECIMAL if item.kind.places else INTEGER).match(token))


def _value(amount: Amount, known: dict[str, int]) -> int | None:
    try:
        return amount.value(known)
    except KeyError:
        return None
