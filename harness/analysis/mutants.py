"""Mutants of a program: copies with one small fault, used to rate a test suite. They are created but not run here.

A mutant is left out if it does not compile, or if it compiles to the same code as the program or an earlier mutant
(trivial compiler equivalence, Papadakis and others 2015), because it would be equivalent or a duplicate.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from random import Random
from types import CodeType

from semi_instruct.harness.analysis.mutation_operators import OPERATORS
from semi_instruct.harness.analysis.source import MAX_SOURCE_CHARACTERS, parse

# Not mutated: hints and documentation have no effect, and a different import is not a small fault.
_LEFT_ALONE = {"annotation", "returns", "decorator_list", "type_comment", "type_params", "names"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A program with one fault.

    Attributes:
        operator: abbreviation of the mutation operator in the literature.
        line, column: position of the change in the source of the program; lines from 1, columns (bytes) from 0.
        before, after: source text before and after the change.
        source: source of the whole mutant, without comments.
    """

    operator: str
    line: int
    column: int
    before: str
    after: str
    source: str


@dataclass(frozen=True, slots=True)
class _Site:
    """A node of a tree, and a function that replaces it."""

    node: ast.AST
    replace_with: Callable[[ast.AST], None]


@dataclass(frozen=True, slots=True)
class _Offer:
    """A possible replacement of a node.

    Attributes:
        number: index among all offers for a program, from 0.
    """

    number: int
    operator: str
    site: _Site
    node: ast.AST


def some_mutants(source: str, limit: int, random: Random) -> list[Mutant]:
    """Up to ``limit`` of the mutants of a program, chosen at random, by position and then by operator.

    There are none if the source is not Python or too long. Each costs a compilation.
    """
    tree = parse(source)
    if tree is None:
        return []
    offers = list(_offers(tree))
    random.shuffle(offers)
    return [mutant for _, mutant in sorted(islice(_made(tree, offers), limit), key=lambda made: made[0])]


def _offers(tree: ast.Module) -> Iterator[_Offer]:
    numbers = count()
    for site in sorted(_sites(tree), key=lambda site: _position(site.node)):
        for operator, offer in OPERATORS:
            for node in offer(site.node):
                yield _Offer(next(numbers), operator, site, node)


def _made(tree: ast.Module, offers: Iterable[_Offer]) -> Iterator[tuple[int, Mutant]]:
    """The distinct mutants made from the offers, each with the number of its offer."""
    seen = {_compiled(ast.unparse(tree))}
    for offer in offers:
        original = offer.site.node
        offer.site.replace_with(offer.node)
        text = ast.unparse(tree)
        offer.site.replace_with(original)
        code = _compiled(text)
        if code is not None and code not in seen:
            seen.add(code)
            before, after = ast.unparse(original).strip(), ast.unparse(offer.node).strip()
            yield offer.number, Mutant(offer.operator, *_position(original), before, after, text)


def _position(node: ast.AST) -> tuple[int, int]:
    if isinstance(node, ast.comprehension):
        return _position(node.target)
    return getattr(node, "lineno", 1), getattr(node, "col_offset", 0)


def _sites(tree: ast.AST) -> Iterator[_Site]:
    """The nodes that may be replaced, each after its parent."""
    for name, value in ast.iter_fields(tree):
        if name in _LEFT_ALONE:
            continue
        if isinstance(value, ast.AST):
            yield _Site(value, _setter(tree, name))
            yield from _sites(value)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.AST) and not _is_documentation(item):
                    yield _Site(item, _item_setter(value, index))
                    yield from _sites(item)


def _setter(holder: ast.AST, name: str) -> Callable[[ast.AST], None]:
    return lambda node: setattr(holder, name, node)


def _item_setter(items: list[ast.AST], index: int) -> Callable[[ast.AST], None]:
    return lambda node: items.__setitem__(index, node)


def _is_documentation(node: ast.AST) -> bool:
    match node:
        case ast.Expr(ast.Constant()):
            return True
    return False


def _compiled(source: str) -> Hashable | None:
    """The compiled code of a source, without file names and line numbers; None if it does not compile."""
    if len(source) > 2 * MAX_SOURCE_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _essence(compile(source, "mutant", "exec", dont_inherit=True, optimize=0))
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError):
        return None


def _essence(code: CodeType) -> Hashable:
    constants = tuple(
        _essence(constant) if isinstance(constant, CodeType) else (type(constant).__name__, repr(constant))
        for constant in code.co_consts
    )
    return (
        code.co_name,
        code.co_code,
        constants,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_exceptiontable,
        code.co_flags,
    )
