"""Compares returned values.

Values come decoded from the sandbox (``engine.inside.values``), so they consist of exact plain types and are nested at
most ``MAX_DEPTH`` deep. No method of a program is ever called here.

* None, bool, str, bytes and bytearray equal the same value of the same type. ``True`` is not 1.
* Numbers: see ``harness.compare.numbers.same_number``. ``2`` equals ``2.0``; NaN equals NaN.
* Lists and tuples equal each other item by item, because JSON examples have no tuples.
* Sets and dicts are compared regardless of order. Their elements and keys must be exactly equal (``1`` and ``1.0``
  are), because approximate equality does not define which elements correspond. Values of dicts may be approximately
  equal. A set is not a frozenset.
* Values of unsupported types (``Opaque``) equal nothing, not even themselves.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from collections.abc import Set as AbstractSet
from typing import Any

from semi_instruct.engine import Opaque
from semi_instruct.harness.compare.numbers import Tolerance, same_number


def same_value(expected: Any, actual: Any, tolerance: Tolerance) -> bool:
    """Whether two decoded values are equal answers."""
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
    """A key for a set element or a dict key. Two keys are equal if and only if the items are equal answers."""
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
    """Whether hashable items contain an ``Opaque`` at any depth."""
    return any(type(item) is Opaque or (type(item) in (tuple, frozenset) and _holds_opaque(item)) for item in items)
