"""What a format is: lines of named items, some repeated, with bounds that may name earlier items.

A part that the examples suggest but do not prove is *guessed*: it is kept to at first, and ``relaxing`` tries without.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod

Names = Mapping[str, int]  # the integers read or drawn so far, and the lengths of words


@dataclass(frozen=True, slots=True)
class Amount:
    """``times`` x the product of the named numbers + ``plus``; without names it is ``plus``."""

    plus: int = 0
    names: tuple[str, ...] = ()
    times: int = 1

    def value(self, known: Names) -> int:
        """The number it stands for.

        Raises:
            KeyError: a name that is not known.
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
    """Integers that are no less than every ``low`` and no more than every ``high``."""

    low: tuple[Bound, ...]
    high: tuple[Bound, ...]

    def ends(self, known: Names) -> tuple[int, int]:
        """Least and greatest integer; the range is empty if they are the wrong way round."""
        return max(bound.amount.value(known) for bound in self.low), min(
            bound.amount.value(known) for bound in self.high
        )

    def names(self) -> set[str]:
        """Names the bounds depend on."""
        return {name for bound in (*self.low, *self.high) for name in bound.amount.names}


def exactly(amount: Amount) -> Range:
    """The range of one number."""
    return Range((Bound(amount),), (Bound(amount),))


@dataclass(frozen=True, slots=True)
class Number:
    """An integer, or a decimal.

    Attributes:
        range: of the integer; of the decimal in units of its last place.
        places: digits after the decimal point, 0 for an integer.
    """

    range: Range
    places: int = 0


@dataclass(frozen=True, slots=True)
class Word:
    """Letters without a space.

    Attributes:
        length: without the prefix.
        prefix: what it always begins with.
        always: letters that are in it exactly as often as here; in a column of words, in all of them together.
        around: name of an earlier word of which all letters are in this one, in their order; empty for none.
        just: whether it ends where it first has all letters of the word it is around, as what is typed does.
        within: name of an earlier word that has all letters of this one, in their order; empty for none.
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
    """What holds for a list or column as a whole (the first five), or for the rows of a repetition."""

    DISTINCT = "distinct"
    INCREASING = "increasing"
    SORTED = "sorted"
    DESCENDING = "descending"
    NONZERO = "nonzero"
    SIMPLE = "simple"  # rows are edges: no edge from a node to itself, no edge twice, whatever its direction
    CONNECTED = "connected"  # rows are edges, and every node from 1 to the greatest can be reached


@dataclass(frozen=True, slots=True)
class Holds:
    """A trait that holds."""

    trait: Trait
    guessed: bool = False


Traits = tuple[Holds, ...]


def has(traits: Traits, trait: Trait) -> bool:
    """Whether the trait is among them."""
    return any(held.trait is trait for held in traits)


@dataclass(frozen=True, slots=True)
class Item:
    """A token, or ``count`` tokens in a row.

    Attributes:
        name: unique in its format. From there on it stands for the value of a single integer, or for the length of a
            single word.
        traits: of the list, or, of a single token in a repetition, of its column.
    """

    name: str
    kind: Kind
    count: Amount | None = None
    traits: Traits = ()


class Differ(StrEnum):
    """How the single integers of a line differ from each other.

    The examples suggest it and trying does not tell: programs agree about a rectangle without a width, or two players
    of whom one is the other, though the task has no such thing. So it is never a guess.
    """

    VARIED = "varied"  # they are not all equal
    APART = "apart"  # taken two by two they are points, and no two of these are equal


@dataclass(frozen=True, slots=True)
class Line:
    """One line of tokens with a space between them."""

    items: tuple[Item, ...]
    differ: tuple[Differ, ...] = ()


def are_different(numbers: Sequence[int], differ: Differ) -> bool:
    """Whether the integers of a line differ as they are said to."""
    if differ is Differ.VARIED:
        return len(set(numbers)) > 1
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    return len(set(points)) == len(points)


def single_integers(line: Line) -> tuple[Item, ...]:
    """The items of a line that are one integer each."""
    return tuple(
        item for item in line.items if item.count is None and isinstance(item.kind, Number) and not item.kind.places
    )


@dataclass(frozen=True, slots=True)
class Either:
    """A line of one of several shapes, told apart by their first token, a :class:`Choice` of its own."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """``count`` times the body. Names given in the body are known until its next round.

    Attributes:
        but_not: points, each the names of two earlier integers, that are none of the rows, as no wall stands where
            somebody starts. As with :class:`Differ`, trying does not tell.
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
    """All blocks, those inside others after them."""
    for block in blocks:
        yield block
        if isinstance(block, Repeat):
            yield from blocks_in(block.body)
        elif isinstance(block, Either):
            yield from block.lines


def items_in(blocks: tuple[Block, ...]) -> Iterator[Item]:
    """All items, in the order they are read."""
    for block in blocks_in(blocks):
        if isinstance(block, Line):
            yield from block.items


def counting_names(format_: Format) -> set[str]:
    """Names that say how many of something there are: rounds, tokens or letters."""
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
    """The two columns that would be the ends of edges: the first two integers that go up to the same."""
    if len(repeat.body) != 1 or not isinstance(repeat.body[0], Line):
        return None
    by_limit: dict[frozenset[Amount], list[Item]] = {}
    for item in repeat.body[0].items:
        if isinstance(item.kind, Number) and item.count is None and not item.kind.places:
            limit = frozenset(bound.amount for bound in item.kind.range.high)
            by_limit.setdefault(limit, []).append(item)
    ends = [items for items in by_limit.values() if len(items) >= 2]
    return (ends[0][0], ends[0][1]) if ends else None
