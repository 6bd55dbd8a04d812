"""The format of an input: lines of named items, some repeated, with bounds that may name earlier items.

A part that the examples suggest but do not prove is *guessed*. Inputs obey it at first; ``relaxing`` tries without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod

Names = Mapping[str, int]  # the integers read or drawn so far, and the lengths of words


@dataclass(frozen=True, slots=True)
class Amount:
    """``times`` x the product of the named numbers + ``plus``; just ``plus`` if there are no names."""

    plus: int = 0
    names: tuple[str, ...] = ()
    times: int = 1

    def value(self, known: Names) -> int:
        """The value of the expression.

        Raises:
            KeyError: a name is not in ``known``.
        """
        if not self.names:
            return self.plus
        return self.times * prod(known[name] for name in self.names) + self.plus


@dataclass(frozen=True, slots=True)
class Bound:
    """An end of a range."""

    amount: Amount
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """The integers from the greatest ``low`` to the least ``high``."""

    low: tuple[Bound, ...]
    high: tuple[Bound, ...]

    def ends(self, known: Names) -> tuple[int, int]:
        """The least and the greatest integer; the range is empty if the first is greater."""
        return max(bound.amount.value(known) for bound in self.low), min(
            bound.amount.value(known) for bound in self.high
        )

    def names(self) -> set[str]:
        """The names that the bounds depend on."""
        return {name for bound in (*self.low, *self.high) for name in bound.amount.names}


def exactly(amount: Amount) -> Range:
    """The range of one number."""
    return Range((Bound(amount),), (Bound(amount),))


@dataclass(frozen=True, slots=True)
class Number:
    """An integer, or a decimal.

    Attributes:
        range: range of the integer, or of the decimal in units of its last decimal place.
        places: number of decimal places, 0 for an integer.
    """

    range: Range
    places: int = 0


@dataclass(frozen=True, slots=True)
class Word:
    """Letters without a space.

    Attributes:
        length: range of the length, without the prefix.
        prefix: fixed prefix of the word.
        always: letters that occur in it exactly as often as in this string; for a column, counted over all its words.
        around: name of an earlier word that is a subsequence of this one; empty for none.
        just: whether no proper prefix of this word contains the word it is around.
        within: name of an earlier word of which this one is a subsequence; empty for none.
    """

    alphabet: str
    length: Range
    prefix: str = ""
    always: str = ""
    around: str = ""
    within: str = ""
    just: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]


Kind = Number | Word | Choice


class Trait(StrEnum):
    """A property of a list or column as a whole (the first five), or of the rows of a repetition."""

    DISTINCT = "distinct"
    INCREASING = "increasing"
    SORTED = "sorted"
    DESCENDING = "descending"
    NONZERO = "nonzero"
    SIMPLE = "simple"  # rows are the edges of a simple graph: no loops and no repeated edges in either direction
    CONNECTED = "connected"  # rows are the edges of a connected graph on the nodes from 1 to the greatest


@dataclass(frozen=True, slots=True)
class Holds:
    """A trait that holds, certainly or as a guess."""

    trait: Trait
    guessed: bool = False


Traits = tuple[Holds, ...]


def has(traits: Traits, trait: Trait) -> bool:
    """Whether ``traits`` contains the trait."""
    return any(held.trait is trait for held in traits)


@dataclass(frozen=True, slots=True)
class Item:
    """A token, or ``count`` tokens in a row.

    Attributes:
        name: name, unique in its format. Later bounds and counts use it for the value of a single integer or the
            length of a single word.
        traits: traits of the list or, for a single token in a repetition, of its column.
    """

    name: str
    kind: Kind
    count: Amount | None = None
    traits: Traits = ()


class Differ(StrEnum):
    """How the single integers of a line differ from each other.

    It is never guessed, because running programs does not show whether it holds: they also agree about inputs that
    the task excludes, such as a rectangle without a width.
    """

    VARIED = "varied"  # they are not all equal
    APART = "apart"  # taken in pairs they are points, all distinct


@dataclass(frozen=True, slots=True)
class Line:
    """One line of tokens with a space between them."""

    items: tuple[Item, ...]
    differ: tuple[Differ, ...] = ()


def are_different(numbers: Sequence[int], differ: Differ) -> bool:
    """Whether the integers of a line differ as ``differ`` requires."""
    if differ is Differ.VARIED:
        return len(set(numbers)) > 1
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    return len(set(points)) == len(points)


def single_integers(line: Line) -> tuple[Item, ...]:
    """The items of a line that are single integers."""
    return tuple(
        item for item in line.items if item.count is None and isinstance(item.kind, Number) and not item.kind.places
    )


@dataclass(frozen=True, slots=True)
class Either:
    """A line of one of several shapes, distinguished by the first token, which is a :class:`Choice` in each."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """``count`` repetitions of the body. Names defined in the body are known until its next repetition.

    Attributes:
        but_not: points that do not occur as rows, each given by the names of two earlier integers; for example, the
            start of a maze is not a wall. Never guessed, for the reason given in :class:`Differ`.
    """

    count: Amount
    body: tuple[Block, ...]
    traits: Traits = ()
    but_not: tuple[tuple[str, str], ...] = ()


Block = Line | Either | Repeat


@dataclass(frozen=True, slots=True)
class Format:
    """A whole input."""

    blocks: tuple[Block, ...]


def blocks_in(blocks: tuple[Block, ...]) -> Iterator[Block]:
    """All blocks, each followed by the blocks inside it."""
    for block in blocks:
        yield block
        if isinstance(block, Repeat):
            yield from blocks_in(block.body)
        elif isinstance(block, Either):
            yield from block.lines


def items_in(blocks: tuple[Block, ...]) -> Iterator[Item]:
    """All items, in reading order."""
    for block in blocks_in(blocks):
        if isinstance(block, Line):
            yield from block.items


def counting_names(format_: Format) -> set[str]:
    """Names used as counts of repetitions, tokens or letters."""
    names: set[str] = set()
    for block in blocks_in(format_.blocks):
        if isinstance(block, Repeat):
            names.update(block.count.names)
    for item in items_in(format_.blocks):
        if item.count is not None:
            names.update(item.count.names)
        if isinstance(item.kind, Word):
            names |= item.kind.length.names()
    return names


def edge_ends(repeat: Repeat) -> tuple[Item, Item] | None:
    """The two columns that may be the ends of edges: the first two integers with the same upper bounds."""
    if len(repeat.body) != 1 or not isinstance(repeat.body[0], Line):
        return None
    by_limit: dict[frozenset[Amount], list[Item]] = {}
    for item in repeat.body[0].items:
        if isinstance(item.kind, Number) and item.count is None and not item.kind.places:
            limit = frozenset(bound.amount for bound in item.kind.range.high)
            by_limit.setdefault(limit, []).append(item)
    ends = [items for items in by_limit.values() if len(items) >= 2]
    return (ends[0][0], ends[0][1]) if ends else None
