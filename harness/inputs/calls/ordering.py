"""What can be done with values of mixed types without an exception."""

from __future__ import annotations

import json
from typing import Any

from semi_instruct.engine.inside.values import ValueRefused
from semi_instruct.harness.text import plain_value


def identity(value: Any) -> str:
    """A text that values have in common if they are the same, types included; whatever order sets are in."""
    try:
        return json.dumps(plain_value(value))
    except ValueRefused:  # nested too deeply to be an argument at all
        return repr(value)


def in_order(values: list[Any]) -> list[Any]:
    """The values sorted, or as they are if they cannot be."""
    try:
        return sorted(values)
    except TypeError:
        return values


def distinct(values: list[Any]) -> list[Any]:
    """The values, each once."""
    return list({identity(value): value for value in values}.values())


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
