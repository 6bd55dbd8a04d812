"""What the source of a function says about its arguments: names, hints, defaults, documentation."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from semi_instruct.harness.analysis.source import NotLiteral, definition, literal, parse
from semi_instruct.harness.inputs.calls.hints import shape_of_hint
from semi_instruct.harness.inputs.calls.shapes import Shape

# Longer documentation is cut before it is searched.
MAX_DOCUMENTATION = 20_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """A positional parameter.

    Attributes:
        hint: the shape that its annotation names, or None.
        default: its default as a tuple of one value; empty if it has none that is a literal.
        required: whether a call must give it.
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
        """How many arguments a call must give."""
        return sum(parameter.required for parameter in self.parameters)

    @property
    def says_something(self) -> bool:
        """Whether there is a hint or a documentation."""
        return bool(self.documentation) or any(parameter.hint is not None for parameter in self.parameters)


def signature_of(sources: tuple[str, ...], entry: str) -> Signature | None:
    """The signature in the first source that hints or documents, else the first found, else None."""
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
    """The docstring; and text that would be one if no import stood before it."""
    for statement in body:
        match statement:
            case ast.Expr(ast.Constant(str(text))):
                yield text


def _default(node: ast.expr) -> tuple[Any, ...]:
    try:
        return (literal(node),)
    except NotLiteral:  # a default that is computed shows no value
        return ()


def _aliases(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The names that a module gives to types."""
    for statement in tree.body:
        match statement:
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), value=ast.expr() as value):
                yield name, value
            case ast.TypeAlias(ast.Name(name), value=value):
                yield name, value
