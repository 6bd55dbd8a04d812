"""A function that a model made of a whole program, with what reads its arguments and shows what it returns."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from semi_instruct.generator.model import Text
from semi_instruct.generator.parsing.code import Wanted, code_in
from semi_instruct.generator.parsing.parsed import Fault, Parsed
from semi_instruct.generator.parsing.sources import DEFINING, tree_of

PARSE, SHOW = "parse", "show"
_NOT_THE_FUNCTION = frozenset({PARSE, SHOW, "main"})
# As the parser of Python counts them; str.splitlines() knows more ends of lines.
_END_OF_LINE = re.compile(r"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Adapted:
    """A function in the place of a whole program.

    Attributes:
        entry: the function's name.
        function: source that defines it.
        parse: source that defines ``parse(text)``: the list of the function's arguments, from all that is read.
        show: source that defines ``show(value)``: the text that is printed of what the function returns.
    """

    entry: str
    function: str
    parse: str
    show: str


def adapted_in(text: Text, wanted: Wanted) -> Parsed[Adapted]:
    """The three functions in the one block of Python of a text. The last one of another name is the function.

    What the block imports is there for each of them, and what else it defines belongs to the function. Lines that
    define nothing, such as calls that show how to use them, are left out.
    """
    code = code_in(text, replace(wanted, functions=frozenset({PARSE, SHOW})))
    tree = tree_of(code.value) if code.value is not None else None
    if code.value is None or tree is None:
        return Parsed(fault=code.fault)
    defining = [node for node in tree.body if isinstance(node, DEFINING)]
    names = [node.name for node in defining if isinstance(node, ast.FunctionDef) and node.name not in _NOT_THE_FUNCTION]
    if not names:
        return Parsed(fault=Fault.WRONG_NAMES)
    lines = _END_OF_LINE.split(code.value)
    imports = [node for node in defining if isinstance(node, ast.Import | ast.ImportFrom)]

    def one(name: str) -> str:
        return _source(lines, [*imports, *(node for node in defining if _name(node) == name)])

    own = [node for node in defining if _name(node) not in _NOT_THE_FUNCTION]
    return Parsed(Adapted(names[-1], _source(lines, own), one(PARSE), one(SHOW)))


def _name(node: ast.stmt) -> str | None:
    return node.name if isinstance(node, ast.FunctionDef) else None


def _source(lines: Sequence[str], nodes: Sequence[ast.stmt]) -> str:
    """These statements, functions and classes set off by two blank lines."""
    source = ""
    was_block = False
    done = 0
    for node in nodes:
        is_block = isinstance(node, ast.FunctionDef | ast.ClassDef)
        gap = "\n\n" if source and (is_block or was_block) else ""
        # Several statements may share a line.
        first, done = max(_first(node) - 1, done), node.end_lineno or done
        source += gap + "".join(f"{line}\n" for line in lines[first:done])
        was_block = is_block
    return source


def _first(node: ast.stmt) -> int:
    """The first line of a statement, from 1, its decorators included."""
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
