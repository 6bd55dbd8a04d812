"""Converts domains and shapes to plain JSON data, to pass them between processes."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from semi_instruct.engine.inside.values import ValueRefused, decode, encode
from semi_instruct.harness.inputs.calls import shapes
from semi_instruct.harness.inputs.calls.domain import Domain
from semi_instruct.harness.inputs.calls.relations import AtMostLength, LengthDifference, NotMore

_TAG = "$object"
_CLASSES: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Domain,
        LengthDifference,
        AtMostLength,
        NotMore,
        shapes.Anything,
        shapes.Choice,
        shapes.Truth,
        shapes.Whole,
        shapes.Real,
        shapes.Text,
        shapes.Binary,
        shapes.ListOf,
        shapes.TupleOf,
        shapes.Tuples,
        shapes.SetOf,
        shapes.DictOf,
        shapes.Record,
        shapes.OneOf,
    )
}


def to_plain(value: Any) -> Any:
    """JSON data for a domain, a shape, or tuples of them and of values.

    Raises:
        ValueRefused: a value that cannot be encoded.
    """
    if is_dataclass(value):
        return {_TAG: [type(value).__name__, {one.name: to_plain(getattr(value, one.name)) for one in fields(value)}]}
    if type(value) is tuple:
        return {"$tuple": [to_plain(item) for item in value]}
    return encode(value)


def from_plain(tree: Any) -> Any:
    """The inverse of :func:`to_plain`.

    Raises:
        ValueRefused: data that :func:`to_plain` does not produce.
    """
    match tree:
        case {"$object": [str(name), dict(content)]} if len(tree) == 1:
            try:
                return _CLASSES[name](**{field: from_plain(part) for field, part in content.items()})
            except (KeyError, TypeError):
                raise ValueRefused(f"not a valid {name}") from None
        case {"$tuple": [*items]} if len(tree) == 1:
            return tuple(map(from_plain, items))
    return decode(tree)
