"""Edge cases of a shape: minimal, empty, equal, sorted, tied and large values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from semi_instruct.harness.inputs.calls.ordering import distinct, hashable, in_order
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
from semi_instruct.harness.inputs.calls.text_drawing import tokens

_LONG = 200
_MAX_ALTERNATIVES = 12
_MAX_SAMPLES = 3


def edges(shape: Shape) -> list[Any]:
    """The distinct edge cases of a shape, small ones first."""
    return distinct(list(_edges(shape)))


def large(shape: Shape) -> list[Any]:
    """Values much larger than any known: two large numbers, or long lists and texts."""
    match shape:
        case Whole(_, high):
            return [10 * high + 1, 100 * high]
        case Text(characters, samples=samples):
            return [characters * (_LONG // len(characters) + 1), *(_long(sample) for sample in samples[-1:])]
        case ListOf():
            cycle = _small(shape.items)
            values = (cycle * (_LONG // max(len(cycle), 1) + 1))[:_LONG]
            return [] if shape.even else [_with_properties(shape, values), _with_properties(shape, values[::-1])]
        case Tuples(like):
            return [tuple(value) for value in large(like)]
        case OneOf(shapes):
            return [value for one in shapes for value in large(one)]
    return []


def _long(sample: str) -> str:
    return sample * (_LONG // max(len(sample), 1) + 1)


def _edges(shape: Shape) -> Iterable[Any]:
    match shape:
        case Anything():
            return (value for guess in GUESSES for value in edges(guess)[:4])
        case Choice(values):
            return values
        case Truth():
            return (False, True)
        case Whole():
            return _wholes(shape)
        case Real():
            return _reals(shape)
        case Text():
            return _texts(shape)
        case Binary():
            return (b"", b"\0", b"a", b"\xff\x80", b"ab" * 8)
        case ListOf():
            return _lists(shape)
        case TupleOf():
            return _tuples(shape)
        case Tuples(like):
            return (tuple(value) for value in _lists(like))
        case SetOf(like, frozen):
            return (frozenset(value) if frozen else set(value) for value in map(hashable, _lists(like)))
        case DictOf():
            return _dicts(shape)
        case Record(fields):
            return ({key: value for (key, _), value in zip(fields, row, strict=True)} for row in _corners(fields))
        case OneOf(shapes):
            return (value for one in shapes for value in edges(one))


def _wholes(shape: Whole) -> Iterator[int]:
    yield from (0, 1, 2, 3)
    if shape.low < 0:
        yield from (-1, -2, -10)
    yield from (shape.low, shape.high, shape.high - 1, shape.high + 1)
    yield from (
        number for number in (4, 7, 8, 9, 10, 11, 12, 16, 25, 99, 100, 101, 128, 255, 1000) if number <= 2 * shape.high
    )


def _reals(shape: Real) -> Iterator[float]:
    yield from (0.0, 1.0, 0.5, 1.5, 2.5, 0.1 + 0.2, 1e-7, shape.low, shape.high)
    yield from (-number for number in (0.5, 1.5, 2.5, 1e-7) if shape.low < 0)
    yield from (shape.high + 0.5, shape.high / 3)


def _texts(shape: Text) -> Iterator[str]:
    yield ""
    yield from shape.characters[:1] + shape.characters[-1:]
    first = shape.characters[0]
    yield from (first * 2, first * 5, shape.characters, shape.characters[::-1])
    for sample in shape.samples[:_MAX_SAMPLES]:
        yield from (sample.upper(), sample.lower(), sample.title(), sample.swapcase(), sample[::-1])
        yield from (sample[:-1], sample[1:], sample + sample, sample + sample[:1], f" {sample}", f"{sample} ")
        yield from ("  ".join(sample.split(" ")), sample.replace(" ", ""))
        pieces = tokens(sample)
        yield from ("".join(pieces[:index] + pieces[index + 1 :]) for index in range(min(len(pieces), 6)))
    if any(character.isalpha() for character in shape.characters):
        yield from ("ÄöÜß", "a\tb\nc", "A1 b2", "Zz")
    yield " "


def _lists(shape: ListOf) -> Iterator[list[Any]]:
    # Fewer for nested containers, because each list holds several of them.
    values = _small(shape.items)[: 4 if isinstance(shape.items, ListOf | Tuples | DictOf | SetOf) else None]
    made = _grids(shape, values) if shape.even else _rows(values)
    yield from (_with_properties(shape, value) for value in made)


def _rows(values: list[Any]) -> Iterator[list[Any]]:
    yield []
    yield from ([value] for value in values)
    for value in values[:4]:
        yield from ([value] * 2, [value] * 3, [value] * 4)
    yield from (list(pair) for pair in product(values[:4], repeat=2))
    ordered = in_order(values)
    yield from (ordered, ordered[::-1], ordered + ordered, values[:2] * 4, [*ordered[1:], *ordered[:1]])


def _grids(shape: ListOf, values: list[Any]) -> Iterator[list[Any]]:
    for value in values:
        if isinstance(value, list | str) and value:
            yield [value] * (len(value) if shape.square else 2)


def _with_properties(shape: ListOf, values: list[Any]) -> list[Any]:
    kept = distinct(values) if shape.distinct else values
    return in_order(kept) if shape.ascending else kept


def _small(shape: Shape) -> list[Any]:
    return edges(shape)[:_MAX_ALTERNATIVES]


def _tuples(shape: TupleOf) -> Iterator[tuple[Any, ...]]:
    for row in _corners(tuple((index, item) for index, item in enumerate(shape.items))):
        yield tuple(in_order(list(row)) if shape.ascending else row)


def _corners(fields: tuple[tuple[Any, Shape], ...]) -> Iterator[tuple[Any, ...]]:
    """Rows of edge cases, one for each shape; all pairs if there are two shapes."""
    columns = [_small(shape) for _, shape in fields]
    if len(columns) == 2:
        yield from product(columns[0][:5], columns[1][:5])
        return
    for index in range(max(map(len, columns), default=0)):
        yield tuple(column[index % len(column)] for column in columns)


def _dicts(shape: DictOf) -> Iterator[dict[Any, Any]]:
    yield {}
    keys = hashable(_small(shape.keys))
    values = _small(shape.values)
    if not keys or not values:
        return
    yield from ({key: values[index % len(values)]} for index, key in enumerate(keys))
    yield {key: values[index % len(values)] for index, key in enumerate(keys)}
    yield dict.fromkeys(keys, values[0])
