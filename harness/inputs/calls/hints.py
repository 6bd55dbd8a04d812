"""Converts type hints to shapes. Annotations are parsed and never evaluated."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from semi_instruct.harness.analysis.source import NotLiteral, literal
from semi_instruct.harness.inputs.calls.shapes import (
    Anything,
    Binary,
    Choice,
    DictOf,
    ListOf,
    Real,
    SetOf,
    Shape,
    Text,
    Truth,
    TupleOf,
    Tuples,
    Whole,
    one_of,
)

_PLAIN: dict[str, Shape] = {
    "int": Whole(),
    "float": Real(),
    "str": Text(),
    "bool": Truth(),
    "bytes": Binary(),
    "None": Choice((None,)),
    "complex": Choice((0j, 1 + 0j, 1j, -1.5 + 2j)),
}
_LISTS = {"list", "List", "Sequence", "MutableSequence", "Iterable", "Collection", "Iterator", "Reversible"}
_SETS = {"set", "Set", "AbstractSet", "MutableSet", "frozenset", "FrozenSet"}
_DICTS = {"dict", "Dict", "Mapping", "MutableMapping", "DefaultDict", "defaultdict", "OrderedDict"}
_WRAPPERS = {"Annotated", "Final", "Required", "NotRequired", "ClassVar"}
# Maximum nesting of aliases and subscripts.
_MAX_DEPTH = 6

_Inner = Callable[[ast.expr], Shape]


def shape_of_hint(node: ast.expr, aliases: Mapping[str, ast.expr], depth: int = 0) -> Shape:
    """The shape of an annotation; ``Anything`` for unknown types.

    Args:
        aliases: type aliases of the module.
    """
    if depth > _MAX_DEPTH:
        return Anything()

    def inner(part: ast.expr) -> Shape:
        return shape_of_hint(part, aliases, depth + 1)

    match node:
        case ast.Constant(None):
            return _PLAIN["None"]
        case ast.Constant(str(text)):
            return inner(_parsed(text))
        case ast.BinOp(left, ast.BitOr(), right):
            return one_of((inner(left), inner(right)))
        case ast.Subscript(outer, content):
            return _generic(_last_name(outer), content, inner)
        case ast.Name(name) if name in aliases:
            return inner(aliases[name])
        case ast.Name() | ast.Attribute():
            return _named(_last_name(node))
    return Anything()


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return ast.Name("Any")


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
    return ""


def _named(name: str) -> Shape:
    if name in _LISTS:
        return ListOf(Anything())
    if name in _SETS:
        return SetOf(ListOf(Anything()), frozen=name.lower() == "frozenset")
    if name in _DICTS:
        return DictOf(Text(longest=4), Anything())
    if name in ("tuple", "Tuple"):
        return Tuples(ListOf(Anything()))
    return _PLAIN.get(name, Anything())


def _generic(name: str, content: ast.expr, inner: _Inner) -> Shape:
    parts = content.elts if isinstance(content, ast.Tuple) else [content]
    if name == "Optional":
        return one_of((inner(content), _PLAIN["None"]))
    if name == "Union":
        return one_of(tuple(map(inner, parts)))
    if name == "Literal":
        return _literals(parts)
    if name in _WRAPPERS:
        return inner(parts[0])
    if name in ("tuple", "Tuple"):
        return _tuple(parts, inner)
    if name in _LISTS:
        return ListOf(inner(content))
    if name in _SETS:
        return SetOf(ListOf(inner(content)), frozen=name.lower() == "frozenset")
    if name in _DICTS and len(parts) == 2:
        return DictOf(inner(parts[0]), inner(parts[1]))
    if name == "Counter":
        return DictOf(inner(content), Whole(1, 9))
    return Anything()


def _tuple(parts: list[ast.expr], inner: _Inner) -> Shape:
    match parts:
        case [item, ast.Constant(value)] if value is ...:
            return Tuples(ListOf(inner(item)))
        case [ast.Tuple([])]:
            return TupleOf(())
    return TupleOf(tuple(map(inner, parts)))


def _literals(parts: list[ast.expr]) -> Shape:
    try:
        return Choice(tuple(map(literal, parts)))
    except NotLiteral:  # for example a member of an enumeration
        return Anything()
