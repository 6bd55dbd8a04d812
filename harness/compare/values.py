"""When two returned values are the same answer.

Values have crossed the wall of the sandbox (``engine.inside.values``), so they are built of exact plain types and
nested at most ``MAX_DEPTH`` deep; no method a program wrote is ever called here.

* None, bool, str, bytes and bytearray equal the same thing of the same type. ``True`` is not 1.
* Numbers: see ``harness.compare.numbers.same_number``. ``2`` equals ``2.0``; NaN equals NaN.
* Lists and tuples equal each other item by item, because examples written in JSON cannot say tuple.
* Sets and dicts equal regardless of order. Their elements and keys must be equal exactly (``1`` and ``1.0`` are), since
  "nearly equal" says not which element belongs to which; values of dicts may be nearly equal. A set is not a frozenset.
* What could not cross (``Opaque``) equals nothing, itself included.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from collections.abc import Set as AbstractSet
from typing import Any

from semi_instruct.engine import Opaque
from semi_instruct.harness.compare.numbers import Tolerance, same_number


def same_value(expected: Any, actual: Any, tolerance: Tolerance) -> bool:
    """Whether two decoded values are the same answer."""
    kind, other = type(expected), type(actual)
    if kind in (int, float) and other in (int, float):
        return same_number(expected, actual, tolerance)
    if kind in (list, tuple) and other in (list, tuple):
        return len(expected) == len(actual) and all(
            same_value(first, second, tolerance) for first, second in zip(expected, actual, strict=True)
        )
    if kind is not other or kind is Opaque:
        return False
    if kind is dict:
        return _same_dict(expected, actual, tolerance)
    if kind in (set, frozenset):
        return _same_set(expected, actual)
    if kind is complex:
        return same_number(expected.real, actual.real, tolerance) and same_number(expected.imag, actual.imag, tolerance)
    return bool(expected == actual)


def _same_set(expected: AbstractSet[Any], actual: AbstractSet[Any]) -> bool:
    if len(expected) != len(actual) or _holds_opaque(expected):
        return False
    return {_key(item) for item in expected} == {_key(item) for item in actual}


def _same_dict(expected: dict[Any, Any], actual: dict[Any, Any], tolerance: Tolerance) -> bool:
    if len(expected) != len(actual) or _holds_opaque(expected):
        return False
    others = {_key(key): value for key, value in actual.items()}
    if len(others) != len(actual):
        return False
    absent = object()
    return all(same_value(value, others.get(_key(key), absent), tolerance) for key, value in expected.items())


def _key(item: Any) -> Hashable:
    """A stand-in for a set element or a dict key that is equal exactly where the items are the same answer."""
    kind = type(item)
    if kind is tuple:
        return ("sequence", tuple(_key(part) for part in item))
    if kind is frozenset:
        return ("frozenset", frozenset(_key(part) for part in item))
    if kind is float and math.isnan(item):
        return ("nan",)
    if kind in (int, float):
        return ("number", item)
    return (kind.__name__, item)


def _holds_opaque(items: Any) -> bool:
    """Whether there is an ``Opaque`` among hashable items, however deep."""
    return any(type(item) is Opaque or (type(item) in (tuple, frozenset) and _holds_opaque(item)) for item in items)
