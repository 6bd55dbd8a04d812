"""Arguments of a function as a list of choices (integers), which Hypothesis can simplify.

The shape of a value (types, characters, ranges of numbers) is taken from the known arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

from semi_instruct.harness.inputs.calls.inference import fit
from semi_instruct.harness.inputs.calls.ordering import identity, is_hashable
from semi_instruct.harness.inputs.calls.relations import Arguments
from semi_instruct.harness.inputs.calls.shapes import (
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
from semi_instruct.harness.search.hypothesis_shrinking import CannotBuild, Choose

_Range = tuple[int, int, int]  # low, high, and the number that was chosen


class _CannotWrite(Exception):
    """The choices of a shape cannot make the value."""


def shapes_of_arguments(arguments: Arguments) -> TupleOf:
    """The shapes of known arguments. A value without a shape is a constant."""
    shapes: list[Shape] = []
    for argument in arguments:
        shape = fit(None, [argument])
        try:
            list(_written(shape, argument))
        except _CannotWrite:
            shape = Choice((argument,))
        shapes.append(shape)
    return TupleOf(tuple(shapes))


def choices_of(shape: Shape, value: Any) -> list[int]:
    """The choices that make the value, without those from a range of one number."""
    return [chosen for low, high, chosen in _written(shape, value) if low < high]


def value_of_choices(shape: Shape, choose: Choose) -> Any:
    """The value that the choices make.

    Raises:
        CannotBuild: the choices make no value.
    """
    match shape:
        case Choice(values):
            return values[choose(0, len(values) - 1)]
        case Truth():
            return bool(choose(0, 1))
        case Whole():
            return choose(*_reach(shape))
        case Real():
            return _real(shape, choose)
        case Text():
            return "".join(_letters(shape)[position] for position in _positions(len(shape.characters), choose))
        case Binary():
            return bytes(_positions(256, choose))
        case ListOf(items):
            return _counted_parts(choose, partial(value_of_choices, items))
        case TupleOf(items):
            return tuple(value_of_choices(item, choose) for item in items)
        case Tuples(like):
            return tuple(value_of_choices(like, choose))
        case SetOf(like, frozen):
            return (frozenset if frozen else set)(_all_hashable(value_of_choices(like, choose)))
        case DictOf(keys, values):
            pairs = _counted_parts(
                choose, lambda inner: (value_of_choices(keys, inner), value_of_choices(values, inner))
            )
            _all_hashable([key for key, _ in pairs])
            return dict(pairs)
        case Record(fields):
            return {key: value_of_choices(inner, choose) for key, inner in fields}
        case OneOf(shapes):
            return value_of_choices(shapes[choose(0, len(shapes) - 1)], choose)
        case _:
            raise CannotBuild


def _written(shape: Shape, value: Any) -> Iterator[_Range]:
    """The choices that :func:`value_of_choices` needs for a value.

    Raises:
        _CannotWrite: there are none.
    """
    match shape:
        case Choice(values):
            positions = [position for position, known in enumerate(values) if identity(known) == identity(value)]
            yield 0, len(values) - 1, _first(positions)
        case Truth() if type(value) is bool:
            yield 0, 1, int(value)
        case Whole() if type(value) is int:
            low, high = _reach(shape)
            if not low <= value <= high:
                raise _CannotWrite
            yield low, high, value
        case Real() if type(value) is float:
            yield from _written_real(shape, value)
        case Text() if type(value) is str:
            letters = _letters(shape)
            yield from _counted([(0, len(letters) - 1, letters.index(letter))] for letter in value)
        case Binary() if type(value) is bytes:
            yield from _counted([(0, 255, byte)] for byte in value)
        case ListOf(items) if type(value) is list:
            yield from _counted(_written(items, item) for item in value)
        case TupleOf(items) if type(value) is tuple and len(value) == len(items):
            yield from chain.from_iterable(_written(inner, item) for inner, item in zip(items, value, strict=True))
        case Tuples(like) if type(value) is tuple:
            yield from _written(like, list(value))
        case SetOf(like, frozen) if type(value) is (frozenset if frozen else set):
            yield from _written(like, sorted(value, key=identity))
        case DictOf(keys, values) if type(value) is dict:
            yield from _counted(chain(_written(keys, key), _written(values, item)) for key, item in value.items())
        case Record(fields) if type(value) is dict:
            for key, inner in fields:
                yield from _written(inner, value[key])
        case OneOf(shapes):
            yield from _written_one_of(shapes, value)
        case _:
            raise _CannotWrite


def _written_one_of(shapes: Sequence[Shape], value: Any) -> Iterator[_Range]:
    for position, shape in enumerate(shapes):
        try:
            inner = list(_written(shape, value))
        except _CannotWrite:
            continue  # another of the shapes may fit
        yield 0, len(shapes) - 1, position
        yield from inner
        return
    raise _CannotWrite


def _first(positions: Sequence[int]) -> int:
    if not positions:
        raise _CannotWrite
    return positions[0]


def _counted(parts: Iterable[Iterable[_Range]]) -> Iterator[_Range]:
    for part in parts:
        yield 0, 1, 1
        yield from part
    yield 0, 1, 0


def _counted_parts[Part](choose: Choose, build: Callable[[Choose], Part]) -> list[Part]:
    """Parts, as many as the choices say."""

    def next_part(inner: Choose) -> list[Part]:
        return [build(inner)] if inner(0, 1) else []

    parts: list[Part] = []
    while part := choose.part(next_part):
        parts += part
    return parts


def _positions(count: int, choose: Choose) -> list[int]:
    return _counted_parts(choose, lambda inner: inner(0, count - 1))


def _letters(shape: Text) -> str:
    """The characters, the simplest first."""
    return "".join(sorted(shape.characters, key=lambda letter: (not letter.isalnum(), letter)))


def _reach(shape: Whole) -> tuple[int, int]:
    """The range from zero to the largest number, or from its negative if there are negative numbers."""
    return min(0, shape.low), max(0, shape.high, -shape.low)


def _real(shape: Real, choose: Choose) -> float:
    sign = "-" if choose(0, 1) else ""
    whole = choose(0, int(max(-shape.low, shape.high, 0)))
    return float(f"{sign}{whole}.{''.join(str(choose(0, 9)) for _ in range(shape.places))}")


def _written_real(shape: Real, value: float) -> Iterator[_Range]:
    if not math.isfinite(value):
        raise _CannotWrite
    whole, _, digits = f"{abs(value):.{shape.places}f}".partition(".")
    if float(f"{whole}.{digits or 0}") != abs(value):
        raise _CannotWrite
    most = int(max(-shape.low, shape.high, 0))
    if int(whole) > most:
        raise _CannotWrite
    yield 0, 1, int(math.copysign(1, value) < 0)
    yield 0, most, int(whole)
    yield from ((0, 9, int(digit)) for digit in digits)


def _all_hashable(items: list[Any]) -> list[Any]:
    if not all(map(is_hashable, items)):
        raise CannotBuild
    return items
