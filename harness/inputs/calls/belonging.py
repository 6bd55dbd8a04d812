"""Checks whether arguments resemble the known calls: no smaller in size and no different in sign."""

from __future__ import annotations

from typing import Any

from semi_instruct.harness.inputs.calls.domain import Domain
from semi_instruct.harness.inputs.calls.ordering import distinct, identity, in_order
from semi_instruct.harness.inputs.calls.relations import Arguments, restore
from semi_instruct.harness.inputs.calls.shapes import (
    DictOf,
    ListOf,
    OneOf,
    Real,
    Record,
    SetOf,
    Shape,
    Text,
    TupleOf,
    Tuples,
    Whole,
)
from semi_instruct.harness.inputs.calls.text_drawing import tokens


def belongs(domain: Domain, arguments: Arguments) -> bool:
    """Whether the arguments share the properties of all known calls.

    The number of arguments must be known. A value may be empty, zero or negative only where a known value is. Lists
    must be sorted or free of duplicates where all known lists are, texts must use the same words where all known texts
    do, and certain relations must hold. Values may be greater than the known ones and contain other characters.
    """
    if len(arguments) not in domain.arities:
        return False
    if not all(map(_is_of, domain.shapes, arguments)):
        return False
    obeying = restore(domain.relations, arguments, lambda relation: relation.certain)
    return identity(obeying) == identity(arguments)


def _is_of(shape: Shape, value: Any) -> bool:
    match shape:
        case Whole(low) if type(value) is int:
            return low < 0 or value >= min(low, 1)
        case Real(low) if type(value) is float:
            return low < 0 or value >= 0
        case Text(_, shortest, _, samples) if type(value) is str:
            patterns = set(map(_pattern, samples))
            has_pattern = len(samples) > 1 and len(patterns) == 1 and any(map(str.isalpha, *patterns))
            return (bool(value) or not shortest) and (not has_pattern or _pattern(value) in patterns)
        case ListOf() if type(value) is list:
            return _is_list_of(shape, value)
        case TupleOf(items, ascending) if type(value) is tuple and len(value) == len(items):
            return all(map(_is_of, items, value)) and (not ascending or in_order(list(value)) == list(value))
        case Tuples(like) if type(value) is tuple:
            return _is_list_of(like, list(value))
        case SetOf(like) if isinstance(value, set | frozenset):
            return _is_list_of(like, sorted(value, key=identity))
        case DictOf(keys, values) if type(value) is dict:
            return all(_is_of(keys, key) for key in value) and all(_is_of(values, item) for item in value.values())
        case Record(fields) if type(value) is dict:
            return all(key in value and _is_of(inner, value[key]) for key, inner in fields)
        case OneOf(shapes):
            return any(_is_of(inner, value) for inner in shapes)
        case Whole() | Real() | Text() | ListOf() | TupleOf() | Tuples() | SetOf() | DictOf() | Record():
            return False
        case _:
            return True


def _is_list_of(shape: ListOf, value: list[Any]) -> bool:
    widths = {len(item) for item in value if isinstance(item, list | str)}
    return (
        (bool(value) or not shape.shortest)
        and all(_is_of(shape.items, item) for item in value)
        and (not shape.ascending or in_order(value) == value)
        and (not shape.distinct or len(distinct(value)) == len(value))
        and (not shape.even or len(widths) <= 1)
        and (not shape.square or not widths or widths == {len(value)})
    )


def _pattern(text: str) -> tuple[str, ...]:
    """The tokens of a text, with every number replaced by ``0``."""
    return tuple("0" if token.isdecimal() else token for token in tokens(text))
