"""Draws random values of a shape. The same random state gives the same values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from semi_instruct.harness.inputs.calls.ordering import distinct, hashable, in_order, is_hashable
from semi_instruct.harness.inputs.calls.shapes import (
    GUESSES,
    Anything,
    Binary,
    Choice,
    DictOf,
    ListOf,
    OneOf,
    Real,
    Record,
    SetOf,
    Shape,
    Text,
    Truth,
    TupleOf,
    Tuples,
    Whole,
)
from semi_instruct.harness.inputs.calls.text_drawing import draw_text

_DEEPEST_GUESS = 2
_SMALL = 12
# Total number of items in all lists of one call, so that nested lists stay small.
_MAX_ITEMS = 1_000


@dataclass(slots=True)
class Drawing:
    """Draws the arguments of one call.

    Earlier values are sometimes reused, so that arguments are related: duplicates, sums, members, parts.

    Attributes:
        size: scale of the values, from 0 (smallest) to 1 (slightly beyond the known values).
        strict: whether to keep the sign and the properties common to all known lists; otherwise each is kept with
            probability 1/2.
        unsigned: whether negative numbers are excluded.
        numbers, words: numbers and words from the documentation, used occasionally.
    """

    random: Random
    size: float
    strict: bool = True
    unsigned: bool = False
    numbers: Sequence[int | float] = ()
    words: Sequence[str] = ()
    _drawn_numbers: list[int | float] = field(default_factory=list)
    _drawn_texts: list[str] = field(default_factory=list)
    _chosen: type | None = None
    _depth: int = 0
    _items_left: int = _MAX_ITEMS

    def draw(self, shape: Shape) -> Any:
        """Draw a value of the shape."""
        match shape:
            case Anything():
                return self._guess()
            case Choice(values):
                return self.random.choice(values)
            case Truth():
                return self.random.random() < 0.5
            case Whole():
                return self._whole(shape)
            case Real():
                return self._real(shape)
            case Text():
                return self._text(shape)
            case Binary():
                return self.random.randbytes(self._length(shape.shortest, shape.longest))
            case ListOf():
                return self._list(shape)
            case TupleOf(items, ascending):
                parts = [self.draw(item) for item in items]
                return tuple(in_order(parts) if ascending and self._keeps() else parts)
            case Tuples(like):
                return tuple(self.draw(like))
            case SetOf(like, frozen):
                members = hashable(self.draw(like))
                return frozenset(members) if frozen else set(members)
            case DictOf(keys, values, longest):
                pairs = [(self.draw(keys), self.draw(values)) for _ in range(self._length(0, longest))]
                return {key: value for key, value in pairs if is_hashable(key)}
            case Record(fields):
                return {key: self.draw(inner) for key, inner in fields}
            case OneOf(shapes):
                return self.draw(self._alternative(shapes))

    def _keeps(self) -> bool:
        return self.strict or self.random.random() < 0.5

    def _alternative(self, shapes: Sequence[Shape]) -> Shape:
        """Choose one of several shapes, usually the kind chosen before, so that the arguments of a call match."""
        same = [shape for shape in shapes if type(shape) is self._chosen]
        chosen = same[0] if same and self.random.random() < 0.6 else self.random.choice(shapes)
        self._chosen = type(chosen)
        return chosen

    def _guess(self) -> Any:
        if self._depth >= _DEEPEST_GUESS:
            return self.draw(Whole())
        self._depth += 1
        guess = self.draw(self.random.choice((*GUESSES, Truth(), Choice((None,)), ListOf(Anything(), longest=3))))
        self._depth -= 1
        return guess

    def _whole(self, shape: Whole) -> int:
        floor = self._floor(shape.low)
        value = self._any_whole(int(floor), shape)
        if value < floor:
            value = abs(value)
        if abs(value) > 4 * max(abs(shape.low), abs(shape.high), _SMALL):
            value = shape.high
        self._drawn_numbers.append(value)
        return value

    def _any_whole(self, floor: int, shape: Whole) -> int:
        way = self.random.random()
        known = [number for number in self.numbers if isinstance(number, int) and number <= 3 * abs(shape.high) + 9]
        if way < 0.25 and self._drawn_numbers:
            return int(self._related())
        if way < 0.35 and known:
            return self.random.choice(known) + self.random.choice((0, 0, -1, 1))
        if way < 0.6:
            return self.random.randint(max(floor, -5), max(floor, min(_SMALL, 2 * shape.high)))
        if way < 0.85:
            return self.random.randint(shape.low, shape.high)
        return self.random.randint(floor, shape.high + int((shape.high - floor) * self.size) + 2)

    def _real(self, shape: Real) -> float:
        floor = self._floor(shape.low)
        way = self.random.random()
        if way < 0.3 and self._drawn_numbers:
            value = float(self._related())
        elif way < 0.4 and self.numbers:
            value = float(self.random.choice(self.numbers))
        elif way < 0.55:  # halves, which are ties in rounding
            value = self.random.randint(int(floor), int(shape.high) + 2) + 0.5
        elif way < 0.65:
            value = float(self.random.randint(int(floor), int(shape.high) + 2))
        else:
            value = self.random.uniform(floor, shape.high + (shape.high - floor) * self.size)
        if self.random.random() < 0.9:
            value = round(value, shape.places)
        if value < floor:
            value = abs(value)
        if abs(value) > 4 * max(abs(shape.low), abs(shape.high), _SMALL):
            value = shape.high
        self._drawn_numbers.append(value)
        return value

    def _floor(self, low: float) -> float:
        """The lower limit for drawing: negative if negative values were seen, else 0, or 1 if zero was not seen."""
        if low < 0:
            return 2 * low
        if self.strict or self.unsigned:
            return min(low, 1)
        return self.random.choice((0, 0, -10))

    def _related(self) -> int | float:
        """An earlier number, its neighbour or negative, or a sum or difference of earlier numbers."""
        first = self.random.choice(self._drawn_numbers)
        second = self.random.choice([number for number in self._drawn_numbers if number != first] or [first])
        return self.random.choice((first, first, first + 1, first - 1, first + second, first - second, -first))

    def _text(self, shape: Text) -> str:
        if self._drawn_texts and self.random.random() < 0.35:
            text = self._part()
        elif self.words and self.random.random() < 0.1:
            text = self.random.choice(self.words)
        else:
            longest = max(1, int((0.3 + 1.2 * self.size) * max(shape.longest, 4)))
            text = draw_text(self.random, shape, longest, self.words)
        self._drawn_texts.append(text)
        return text

    def _part(self) -> str:
        """An earlier text, a part of it, or a variant with its characters moved or in another case."""
        text = self.random.choice(self._drawn_texts)
        start, end = sorted((self.random.randint(0, len(text)), self.random.randint(0, len(text))))
        shuffled = "".join(self.random.sample(text, len(text)))
        return self.random.choice(
            (text, text[start:end], text[:end], text[start:], text[end:] + text[:end], shuffled, text.swapcase())
        )

    def _list(self, shape: ListOf) -> list[Any]:
        length = self._length(shape.shortest, shape.longest)
        if shape.even and self._keeps():
            return self._grid(shape, length)
        items = [self.draw(shape.items) for _ in range(length)]
        if items and self.random.random() < 0.3:
            items = [self.random.choice(items) if self.random.random() < 0.4 else item for item in items]
        if self.random.random() < 0.3:
            items = self._arranged(items)
        if shape.distinct and self._keeps():
            items = distinct(items)
        return in_order(items) if shape.ascending and self._keeps() else items

    def _arranged(self, items: list[Any]) -> list[Any]:
        """The items sorted, reversed, as a palindrome, sorted and rotated, or sorted with two of them swapped."""
        ordered = in_order(items)
        turn = self.random.randint(0, len(items))
        swapped = list(ordered)
        if len(swapped) > 1:
            first, second = self.random.sample(range(len(swapped)), 2)
            swapped[first], swapped[second] = swapped[second], swapped[first]
        return self.random.choice(
            (
                ordered,
                ordered[::-1],
                items + items[::-1],
                items + items[-2::-1],
                ordered[turn:] + ordered[:turn],
                swapped,
            )
        )

    def _grid(self, shape: ListOf, length: int) -> list[Any]:
        inner = shape.items
        if not isinstance(inner, ListOf | Text):
            return [self.draw(inner) for _ in range(length)]
        width = length if shape.square else self._length(inner.shortest, inner.longest)
        rows = [self.draw(inner) for _ in range(length)]
        if isinstance(inner, ListOf):
            return [(row + [self.draw(inner.items) for _ in range(width)])[:width] for row in rows]
        return [(row + "".join(self.random.choices(inner.characters, k=width)))[:width] for row in rows]

    def _length(self, shortest: int, longest: int) -> int:
        floor = shortest if self.strict and shortest < 2 else 0
        most = 3 if self.random.random() < 0.5 else max(3, int(longest * (0.5 + self.size)) + 1)
        length = min(self.random.randint(floor, max(floor, most)), self._items_left)
        self._items_left -= length
        return length
