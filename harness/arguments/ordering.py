"""What can be done with values of mixed types without an exception."""

from __future__ import annotations

from typing import Any


def in_order(values: list[Any]) -> list[Any]:
    """The values sorted, or as they are if they cannot be."""
    try:
        return sorted(values)
    except TypeError:
        return values


def distinct(values: list[Any]) -> list[Any]:
    """The values, each once."""
    return list({repr(value): value for value in values}.values())


def hashable(values: list[Any]) -> list[Any]:
    """Those that may be keys."""
    return [value for value in values if is_hashable(value)]


def is_hashable(value: Any) -> bool:
    """Whether a value may be a key: a tuple that holds a list may not."""
    try:
        hash(value)
    except TypeError:
        return False
    return True
