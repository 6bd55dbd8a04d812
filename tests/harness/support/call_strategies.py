"""Shapes as Hypothesis strategies: they draw what the shapes say and shrink towards small and plain values."""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from semi_instruct.harness.inputs.calls.domain import Domain
from semi_instruct.harness.inputs.calls.ordering import in_order, is_hashable
from semi_instruct.harness.inputs.calls.relations import Arguments, restore
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
from semi_instruct.harness.inputs.calls.text_drawing import alphabet, tokens

# How far beyond the greatest length seen.
_LONGER = 4


def calls(domain: Domain) -> SearchStrategy[Arguments]:
    """The arguments of a call, with the relations that hold in the known calls."""
    rows = [st.tuples(*map(strategy, domain.shapes[:arity])) for arity in domain.arities]
    return st.one_of(rows).map(partial(_obeying, domain))


def _obeying(domain: Domain, arguments: Arguments) -> Arguments:
    return restore(domain.relations, arguments, lambda relation: relation.certain)


def strategy(shape: Shape) -> SearchStrategy[Any]:
    """The values of a shape."""
    match shape:
        case Anything():
            return st.one_of(*map(strategy, GUESSES))
        case Choice(values):
            return st.sampled_from(values)
        case Truth():
            return st.booleans()
        case Whole(low, high):
            return st.integers(2 * low if low < 0 else min(low, 1), 2 * high + 10)
        case Real():
            return _reals(shape)
        case Text():
            return _texts(shape)
        case Binary(_, longest):
            return st.binary(max_size=longest + _LONGER)
        case ListOf():
            return _lists(shape)
        case TupleOf(items, ascending):
            row = st.tuples(*map(strategy, items))
            return row.map(lambda items: tuple(in_order(list(items)))) if ascending else row
        case Tuples(like):
            return _lists(like).map(tuple)
        case SetOf(like, frozen):
            members = strategy(like.items).filter(is_hashable)
            return (st.frozensets if frozen else st.sets)(members, max_size=like.longest + _LONGER)
        case DictOf(keys, values, longest):
            names = strategy(keys).filter(is_hashable)
            return st.dictionaries(names, strategy(values), max_size=longest + _LONGER)
        case Record(fields):
            return st.tuples(*(strategy(inner) for _, inner in fields)).map(
                lambda row: {key: value for (key, _), value in zip(fields, row, strict=True)}
            )
        case OneOf(shapes):
            return st.one_of(*map(strategy, shapes))


def _reals(shape: Real) -> SearchStrategy[float]:
    low = 2 * shape.low if shape.low < 0 else min(shape.low, 0.0)
    high = 2 * shape.high + 10
    return st.one_of(
        st.integers(int(low), int(high)).map(float),
        st.integers(int(low), int(high)).map(lambda whole: whole + 0.5),
        st.floats(low, high, allow_nan=False).map(lambda number: round(number, shape.places)),
    )


def _texts(shape: Text) -> SearchStrategy[str]:
    ways = [st.text(alphabet(shape.characters), min_size=min(shape.shortest, 1), max_size=shape.longest + _LONGER)]
    if shape.samples:
        pieces = list(dict.fromkeys(piece for sample in shape.samples for piece in tokens(sample)))
        ways += [st.sampled_from(shape.samples), *(_refilled(sample) for sample in shape.samples)]
        ways += [st.lists(st.sampled_from(pieces), max_size=len(pieces) + _LONGER).map("".join)] if pieces else []
    return st.one_of(ways)


def _refilled(sample: str) -> SearchStrategy[str]:
    """The sample with other numbers and words in the place of its own."""
    return st.tuples(*map(_piece, tokens(sample))).map("".join)


def _piece(piece: str) -> SearchStrategy[str]:
    if piece.isascii() and piece.isdigit():
        return st.text("0123456789", min_size=len(piece), max_size=len(piece))
    if piece.isascii() and piece.isalpha():
        return st.text(alphabet(piece), min_size=1, max_size=len(piece) + 1)
    return st.just(piece)


def _lists(shape: ListOf) -> SearchStrategy[list[Any]]:
    longest = shape.longest + _LONGER
    inner = shape.items
    if shape.even and isinstance(inner, ListOf | Text):
        drawn = _grids(shape, inner, longest)
    else:
        unique_by = repr if shape.distinct else None
        drawn = st.lists(strategy(inner), min_size=min(shape.shortest, 1), max_size=longest, unique_by=unique_by)
    return drawn.map(in_order) if shape.ascending else drawn


def _grids(shape: ListOf, inner: ListOf | Text, longest: int) -> SearchStrategy[list[Any]]:
    def rows(width: int) -> SearchStrategy[list[Any]]:
        row: SearchStrategy[Any]
        if isinstance(inner, ListOf):
            row = st.lists(strategy(inner.items), min_size=width, max_size=width)
        else:
            row = st.text(inner.characters, min_size=width, max_size=width)
        return st.lists(row, min_size=width if shape.square else 1, max_size=width if shape.square else longest)

    return st.integers(min(inner.shortest, 1), inner.longest + _LONGER).flatmap(rows)
