"""Source text of programs nobody trusts: parsed, never run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Any

# Longer sources are not looked into: what their syntax tree would take grows with them.
MAX_SOURCE_CHARACTERS = 1 << 18
# What a parser raises on text that was not made to be parsed: null characters, endless digits, endless nesting.
_UNPARSABLE = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)


class NotLiteral(ValueError):
    """An expression whose value is not written in it."""


def parse(source: str) -> ast.Module | None:
    """The syntax tree of a program; None if it has none or is longer than ``MAX_SOURCE_CHARACTERS`` characters."""
    if len(source) > MAX_SOURCE_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except _UNPARSABLE:
        return None


def literal(expression: ast.expr | str) -> Any:
    """The value of a literal: numbers, text, bytes, None, booleans and containers of them.

    Raises:
        NotLiteral: anything else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(expression)
        if holds_only_data(value):
            return value
    except _UNPARSABLE:
        pass  # said below, as for what is no plain data
    raise NotLiteral("not a literal")


def holds_only_data(value: Any) -> bool:
    """Whether a value of literals can be an argument: an ellipsis cannot."""
    if isinstance(value, dict):
        return all(map(holds_only_data, value)) and all(map(holds_only_data, value.values()))
    if isinstance(value, list | tuple | set):
        return all(map(holds_only_data, value))
    return value is not ...


def definition(tree: ast.Module, entry: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function that an entry such as ``f`` or ``Solution.f`` names, the last one if it is defined again."""
    scope: list[ast.stmt] = tree.body
    *classes, name = entry.split(".")
    for outer in classes:
        inner = [node for node in _statements(scope) if isinstance(node, ast.ClassDef) and node.name == outer]
        if not inner:
            return None
        scope = inner[-1].body
    found = [
        node
        for node in _statements(scope)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]
    return found[-1] if found else None


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a scope, those under ``if`` and ``try`` too."""
    for node in body:
        yield node
        for block in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _statements(getattr(node, block, []))
