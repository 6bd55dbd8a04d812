"""JSON schemas for what models are to write as data.

No lengths of texts: some makers of grammars then refuse every escape, ``\\n`` among them. So do some where there is a
pattern; a backend leaves it out where its server may be one of these (:func:`without_patterns`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def input_list(count: int, calls: Sequence[Sequence[Any]] | None, pattern: str | None = None) -> dict[str, Any]:
    """``{"inputs": [...]}`` with so many items.

    Args:
        calls: known arguments of a function, whose types the new ones have; None for texts of stdin.
        pattern: what these texts match; None for any.
    """
    text = {"type": "string"} | ({} if pattern is None else {"pattern": pattern})
    item = text if calls is None else _arguments(calls)
    inputs = {"type": "array", "items": item, "minItems": count, "maxItems": count}
    return {"type": "object", "properties": {"inputs": inputs}, "required": ["inputs"], "additionalProperties": False}


def test_list(count: int, entry: str | None) -> dict[str, Any]:
    """``{"tests": [{"input": ..., "output": ...}]}`` with so many items.

    Args:
        entry: the function that is called, with lists of arguments; None for texts of stdin and stdout.
    """
    given, answer = ({"type": "string"}, {"type": "string"}) if entry is None else ({"type": "array"}, {})
    test = {"type": "object", "properties": {"input": given, "output": answer}, "required": ["input", "output"]}
    tests = {"type": "array", "items": test | {"additionalProperties": False}, "minItems": count, "maxItems": count}
    return {"type": "object", "properties": {"tests": tests}, "required": ["tests"], "additionalProperties": False}


def without_patterns(schema: Any) -> Any:
    """The schema with texts of any kind where it had a pattern."""
    if isinstance(schema, list):
        return [without_patterns(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    is_text = schema.get("type") == "string"
    return {name: without_patterns(item) for name, item in schema.items() if not (is_text and name == "pattern")}


def _arguments(calls: Sequence[Sequence[Any]]) -> dict[str, Any]:
    arities = {len(call) for call in calls}
    if len(arities) != 1:
        return {"type": "array"}
    shapes = [_like(list(column)) for column in zip(*calls, strict=True)]
    return {"type": "array", "prefixItems": shapes, "minItems": len(shapes), "maxItems": len(shapes)}


def _like(values: list[Any]) -> dict[str, Any]:
    """The schema of values like these; of anything, where they are of several kinds."""
    if all(isinstance(value, bool) for value in values):
        return {"type": "boolean"}
    if any(isinstance(value, bool) for value in values):
        return {}
    if all(isinstance(value, int) for value in values):
        return {"type": "integer"}
    if all(isinstance(value, int | float) for value in values):
        return {"type": "number"}
    if all(isinstance(value, str) for value in values):
        return {"type": "string"}
    if all(isinstance(value, list) for value in values):
        inner = [item for value in values for item in value]
        return {"type": "array", "items": _like(inner)} if inner else {"type": "array"}
    return {}
