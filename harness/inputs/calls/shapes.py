"""Shapes describe the values of one argument. They are plain data, inferred from hints or examples.

Bounds record the known values, not the allowed ones. Drawing goes beyond them, but not below zero unless a known value
is negative.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Any

# The characters of a text of which nothing is known.
ANY_CHARACTERS = string.ascii_letters + string.digits + " .,!?-_'()"


@dataclass(frozen=True, slots=True)
class Anything:
    """Nothing is known."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a fixed set of values, also used for values that no other shape describes."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """True or False."""


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer.

    Attributes:
        low, high: the least and the greatest known value.
    """

    low: int = 0
    high: int = 20


@dataclass(frozen=True, slots=True)
class Real:
    """A finite float.

    Attributes:
        low, high: the least and the greatest known value.
        places: maximum number of digits after the decimal point.
    """

    low: float = -10.0
    high: float = 10.0
    places: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A string.

    Attributes:
        characters: the distinct characters it consists of.
        shortest, longest: least and greatest known length.
        samples: known strings, whose structure is kept.
    """

    characters: str = ANY_CHARACTERS
    shortest: int = 0
    longest: int = 10
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """Bytes of a length between the least and the greatest known one."""

    shortest: int = 0
    longest: int = 10


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of any length.

    Attributes:
        shortest, longest: least and greatest known length.
        ascending, distinct: whether every known list has this property and there are enough lists to rule out chance.
        even: whether the items of each known list all have the same length, as in a grid.
        square: whether, in addition, the number of items equals that length.
    """

    items: Shape
    shortest: int = 0
    longest: int = 6
    ascending: bool = False
    distinct: bool = False
    even: bool = False
    square: bool = False


@dataclass(frozen=True, slots=True)
class TupleOf:
    """A tuple of fixed length.

    Attributes:
        ascending: whether every known tuple is ascending, as intervals are.
    """

    items: tuple[Shape, ...]
    ascending: bool = False


@dataclass(frozen=True, slots=True)
class Tuples:
    """A tuple of any length, drawn as a list."""

    like: ListOf


@dataclass(frozen=True, slots=True)
class SetOf:
    """A set, drawn from a list."""

    like: ListOf
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class DictOf:
    """A dict of any keys.

    Attributes:
        longest: greatest known number of keys.
    """

    keys: Shape
    values: Shape
    longest: int = 4


@dataclass(frozen=True, slots=True)
class Record:
    """A dict with fixed keys."""

    fields: tuple[tuple[Any, Shape], ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value of one of several shapes."""

    shapes: tuple[Shape, ...]


Shape = (
    Anything
    | Choice
    | Truth
    | Whole
    | Real
    | Text
    | Binary
    | ListOf
    | TupleOf
    | Tuples
    | SetOf
    | DictOf
    | Record
    | OneOf
)

# Shapes tried for an argument of which nothing is known. Inputs that do not fit crash the oracles and are dropped.
GUESSES: tuple[Shape, ...] = (Whole(), ListOf(Whole(-10, 20)), Text(), ListOf(Text(longest=6)), Real())


def one_of(shapes: tuple[Shape, ...]) -> Shape:
    """The union of several shapes, without duplicates."""
    flat: list[Shape] = []
    for shape in shapes:
        for part in shape.shapes if isinstance(shape, OneOf) else (shape,):
            if part not in flat:
                flat.append(part)
    return flat[0] if len(flat) == 1 else OneOf(tuple(flat))
