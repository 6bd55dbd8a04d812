"""Reads the signature of a function from its source: names, type hints, defaults and documentation."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from semi_instruct.harness.analysis.source import NotLiteral, definition, literal, parse
from semi_instruct.harness.inputs.calls.hints import shape_of_hint
from semi_instruct.harness.inputs.calls.shapes import Shape

# Longer documentation is truncated.
MAX_DOCUMENTATION = 20_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """A positional parameter.

    Attributes:
        hint: the shape of its annotation, or None.
        default: a tuple of its default value; empty if it has no literal default.
        required: whether a call must pass it.
    """

    name: str
    hint: Shape | None = None
    default: tuple[Any, ...] = ()
    required: bool = True


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a function and the text that describes it."""

    parameters: tuple[Parameter, ...] = ()
    documentation: str = ""

    @property
    def required(self) -> int:
        """The number of arguments that a call must pass."""
        return sum(parameter.required for parameter in self.parameters)

    @property
    def says_something(self) -> bool:
        """Whether there is a type hint or documentation."""
        return bool(self.documentation) or any(parameter.hint is not None for parameter in self.parameters)


def signature_of(sources: tuple[str, ...], entry: str) -> Signature | None:
    """The first signature with hints or documentation in the sources, else the first one found, else None."""
    found = [signature for source in sources if (signature := _signature(source, entry)) is not None]
    return next((one for one in found if one.says_something), found[0] if found else None)


def _signature(source: str, entry: str) -> Signature | None:
    tree = parse(source)
    function = definition(tree, entry) if tree is not None else None
    if tree is None or function is None:
        return None
    aliases = dict(_aliases(tree))
    named = [*function.args.posonlyargs, *function.args.args]
    if any(isinstance(decorator, ast.Name) and decorator.id == "classmethod" for decorator in function.decorator_list):
        named = named[1:]
    without = len(named) - len(function.args.defaults)
    parameters = tuple(
        Parameter(
            argument.arg,
            None if argument.annotation is None else shape_of_hint(argument.annotation, aliases),
            () if index < without else _default(function.args.defaults[index - without]),
            required=index < without,
        )
        for index, argument in enumerate(named)
    )
    return Signature(parameters, "\n".join(_texts(function.body))[:MAX_DOCUMENTATION])


def _texts(body: list[ast.stmt]) -> Iterator[str]:
    """The docstring, and any string that would be the docstring if it came before the imports."""
    for statement in body:
        match statement:
            case ast.Expr(ast.Constant(str(text))):
                yield text


def _default(node: ast.expr) -> tuple[Any, ...]:
    try:
        return (literal(node),)
    except NotLiteral:  # a computed default
        return ()


def _aliases(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The type aliases of a module."""
    for statement in tree.body:
        match statement:
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), value=ast.expr() as value):
                yield name, value
            case ast.TypeAlias(ast.Name(name), value=value):
                yield name, value
