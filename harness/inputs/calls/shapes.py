"""Shapes: what the values of one argument look like. Plain data, from hints or examples, for drawing more of them.

Bounds are what was seen, not what is allowed: drawing goes beyond them, but not below zero where nothing seen was.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Any

# Text of which nothing is known is made of these.
ANY_CHARACTERS = string.ascii_letters + string.digits + " .,!?-_'()"


@dataclass(frozen=True, slots=True)
class Anything:
    """Nothing is known."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values, or of values that no other shape describes."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """True or False."""


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer.

    Attributes:
        low, high: the least and the greatest seen.
    """

    low: int = 0
    high: int = 20


@dataclass(frozen=True, slots=True)
class Real:
    """A finite float.

    Attributes:
        low, high: the least and the greatest seen.
        places: most digits after the point.
    """

    low: float = -10.0
    high: float = 10.0
    places: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A string.

    Attributes:
        characters: what it is made of, each once.
        shortest, longest: lengths seen.
        samples: strings seen; their structure is kept.
    """

    characters: str = ANY_CHARACTERS
    shortest: int = 0
    longest: int = 10
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """Bytes, of a length between the least and the greatest seen."""

    shortest: int = 0
    longest: int = 10


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of any length.

    Attributes:
        shortest, longest: lengths seen.
        ascending, distinct: whether every list seen was so, and enough were seen for that to mean something.
        even: whether the items of each list seen were of one length (a grid), likewise.
        square: whether there were also as many items as that length, likewise.
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
        ascending: whether every one seen was, as with intervals.
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
        longest: most keys seen.
    """

    keys: Shape
    values: Shape
    longest: int = 4


@dataclass(frozen=True, slots=True)
class Record:
    """A dict whose keys are always the same."""

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

# What an argument is taken for of which nothing is known. Inputs that do not fit make the oracles crash: dropped.
GUESSES: tuple[Shape, ...] = (Whole(), ListOf(Whole(-10, 20)), Text(), ListOf(Text(longest=6)), Real())


def one_of(shapes: tuple[Shape, ...]) -> Shape:
    """A value of one of several shapes, each named once."""
    flat: list[Shape] = []
    for shape in shapes:
        for part in shape.shapes if isinstance(shape, OneOf) else (shape,):
            if part not in flat:
                flat.append(part)
    return flat[0] if len(flat) == 1 else OneOf(tuple(flat))
