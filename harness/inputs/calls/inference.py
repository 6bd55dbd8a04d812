"""Infers the shape of an argument from its known values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from semi_instruct.harness.inputs.calls.ordering import identity
from semi_instruct.harness.inputs.calls.shapes import (
    ANY_CHARACTERS,
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
    one_of,
)

# Limit on the bounds of numbers, so that values computed from them stay finite.
MAX_BOUND = 10**15
# Values nested more deeply than this are not analysed.
_MAX_DEPTH = 4
# A list counts as evidence of order if it is at least this long; this many of them are needed.
_MIN_EVIDENCE_LENGTH = 3
_MIN_EVIDENCE = 2


def fit(hint: Shape | None, values: Sequence[Any], depth: int = 0) -> Shape:
    """The shape of some values. The hint fills in what the values do not show.

    Args:
        hint: the shape of the type hint; None if there is none.
        values: the known values; may be empty.
        depth: number of containers around the values.
    """
    if not values:
        return Anything() if hint is None else hint
    if depth > _MAX_DEPTH:
        return Choice(tuple(values))
    hints = _alternatives(hint)
    kinds = list(dict.fromkeys(map(_kind, values)))
    shapes = [
        _of_one_kind(kind, [value for value in values if _kind(value) is kind], _matching(hints, kind), depth + 1)
        for kind in kinds
    ]
    unseen = [shape for shape in hints if not any(_describes(shape, kind) for kind in kinds)]
    return one_of((*shapes, *unseen))


def _alternatives(hint: Shape | None) -> tuple[Shape, ...]:
    if hint is None or isinstance(hint, Anything):
        return ()
    return hint.shapes if isinstance(hint, OneOf) else (hint,)


def _kind(value: Any) -> type:
    return type(value)


_KINDS: dict[type, type] = {
    Truth: bool,
    Whole: int,
    Real: float,
    Text: str,
    Binary: bytes,
    ListOf: list,
    TupleOf: tuple,
    Tuples: tuple,
    DictOf: dict,
    Record: dict,
}


def _describes(shape: Shape, kind: type) -> bool:
    if isinstance(shape, Choice):
        return any(type(value) is kind for value in shape.values)
    if isinstance(shape, SetOf):
        return kind is (frozenset if shape.frozen else set)
    return _KINDS.get(type(shape)) is kind


def _matching(hints: Iterable[Shape], kind: type) -> Shape | None:
    return next((shape for shape in hints if _describes(shape, kind)), None)


def _of_one_kind(kind: type, values: list[Any], hint: Shape | None, depth: int) -> Shape:
    if isinstance(hint, Choice):
        return hint
    if kind is bool:
        return Truth()
    if kind is int:
        return Whole(_bounded(min(values)), _bounded(max(values)))
    if kind is float:
        return _real(values)
    if kind is str:
        return _text(values)
    if kind is bytes:
        return Binary(min(map(len, values)), max(map(len, values)))
    if kind is list:
        return _list(values, hint, depth)
    if kind is tuple:
        return _tuple(values, hint, depth)
    if kind in (set, frozenset):
        like = _list(
            [sorted(value, key=repr) for value in values], hint.like if isinstance(hint, SetOf) else None, depth
        )
        return SetOf(like, frozen=kind is frozenset)
    if kind is dict:
        return _dict(values, hint, depth)
    return Choice(tuple(values))


def _bounded(number: int) -> int:
    return max(-MAX_BOUND, min(number, MAX_BOUND))


def _real(values: list[float]) -> Shape:
    finite = [value for value in values if abs(value) <= MAX_BOUND]
    if not finite:
        return Choice(tuple(values))
    places = max(len(repr(value).partition(".")[2]) if "e" not in repr(value) else 6 for value in finite)
    return Real(min(finite), max(finite), min(places + 1, 6))


def _text(values: list[str]) -> Shape:
    lengths = list(map(len, values))
    characters = "".join(sorted(set("".join(values)))) or ANY_CHARACTERS
    return Text(characters, min(lengths), max(lengths), tuple(dict.fromkeys(values)))


def _list(values: list[list[Any]], hint: Shape | None, depth: int) -> ListOf:
    lengths = list(map(len, values))
    items = fit(hint.items if isinstance(hint, ListOf) else None, [item for value in values for item in value], depth)
    evidence = [value for value in values if len(value) >= _MIN_EVIDENCE_LENGTH]
    is_enough = len(evidence) >= _MIN_EVIDENCE
    grids = [value for value in values if len(value) > 1 and all(isinstance(item, list | str) for item in value)]
    even = bool(grids) and all(len({len(item) for item in value}) == 1 for value in grids)
    return ListOf(
        items,
        min(lengths),
        max(lengths),
        ascending=is_enough and all(map(_is_ascending, evidence)),
        distinct=is_enough and all(map(_is_distinct, evidence)),
        even=even,
        square=even and all(len(value) == len(value[0]) for value in grids),
    )


def _tuple(values: list[tuple[Any, ...]], hint: Shape | None, depth: int) -> Shape:
    lengths = {len(value) for value in values}
    if len(lengths) > 1 or isinstance(hint, Tuples):
        return Tuples(_list([list(value) for value in values], hint.like if isinstance(hint, Tuples) else None, depth))
    hints = hint.items if isinstance(hint, TupleOf) and len(hint.items) in lengths else (None,) * len(values[0])
    columns = zip(*values, strict=True)
    items = tuple(fit(one, list(column), depth) for one, column in zip(hints, columns, strict=True))
    ascending = len(values) >= _MIN_EVIDENCE and len(items) > 1 and all(map(_is_ascending, values))
    return TupleOf(items, ascending)


def _dict(values: list[dict[Any, Any]], hint: Shape | None, depth: int) -> Shape:
    keys = list(values[0])
    if len(values) >= _MIN_EVIDENCE and keys and all(list(value) == keys for value in values):
        return Record(tuple((key, fit(None, [value[key] for value in values], depth)) for key in keys))
    known = hint if isinstance(hint, DictOf) else DictOf(Anything(), Anything())
    return DictOf(
        fit(known.keys, [key for value in values for key in value], depth),
        fit(known.values, [item for value in values for item in value.values()], depth),
        max(map(len, values)),
    )


def _is_ascending(items: Sequence[Any]) -> bool:
    try:
        return all(bool(first <= second) for first, second in pairwise(items))
    except TypeError:
        return False


def _is_distinct(items: Sequence[Any]) -> bool:
    return len(set(map(identity, items))) == len(items)
