"""Comparing, sorting and hashing values of mixed types without exceptions."""

from __future__ import annotations

import json
from typing import Any

from semi_instruct.engine.inside.values import ValueRefused
from semi_instruct.harness.text import plain_value


def identity(value: Any) -> str:
    """A text that is equal for equal values of equal types. The order of a set does not matter."""
    try:
        return json.dumps(plain_value(value))
    except ValueRefused:  # nested too deeply to be passed as an argument
        return repr(value)


def in_order(values: list[Any]) -> list[Any]:
    """The values sorted, or unchanged if they cannot be compared."""
    try:
        return sorted(values)
    except TypeError:
        return values


def distinct(values: list[Any]) -> list[Any]:
    """The values without duplicates."""
    return list({identity(value): value for value in values}.values())


def hashable(values: list[Any]) -> list[Any]:
    """The values that are hashable."""
    return [value for value in values if is_hashable(value)]


def is_hashable(value: Any) -> bool:
    """Whether a value can be a dictionary key. A tuple that contains a list cannot."""
    try:
        hash(value)
    except TypeError:
        return False
    return True
