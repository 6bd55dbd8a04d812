"""JSON that means one thing only: what Python's reader takes beyond the standard (RFC 8259) is refused."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def loads(text: str) -> Any:
    """The data in a text.

    Raises:
        ValueError: it is not JSON, an object has a key twice, or a number is NaN or infinite.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError("an object has the same key twice")
    return data


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f'{name} is no JSON number (a value may say {{"$float": "nan"}})')
