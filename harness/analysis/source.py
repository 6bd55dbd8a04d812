"""Parses untrusted source text. It is never run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Any

# Longer sources are not parsed, because the size of the syntax tree grows with the source.
MAX_SOURCE_CHARACTERS = 1 << 18
# Exceptions of the parser on malformed text: null characters, too many digits, too deep nesting.
_UNPARSABLE = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)


class NotLiteral(ValueError):
    """An expression is not a literal."""


def parse(source: str) -> ast.Module | None:
    """The syntax tree of a program; None if it is invalid or longer than ``MAX_SOURCE_CHARACTERS`` characters."""
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
        NotLiteral: the expression is anything else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(expression)
        if holds_only_data(value):
            return value
    except _UNPARSABLE:
        pass  # raised below, as for values that are not plain data
    raise NotLiteral("not a literal")


def holds_only_data(value: Any) -> bool:
    """Whether the value of a literal can be an argument. An ellipsis cannot."""
    if isinstance(value, dict):
        return all(map(holds_only_data, value)) and all(map(holds_only_data, value.values()))
    if isinstance(value, list | tuple | set):
        return all(map(holds_only_data, value))
    return value is not ...


def definition(tree: ast.Module, entry: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The last definition of the function that an entry such as ``f`` or ``Solution.f`` names."""
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
    """The statements of a scope, including those under ``if`` and ``try``."""
    for node in body:
        yield node
        for block in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _statements(getattr(node, block, []))
