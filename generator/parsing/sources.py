"""Python source that a model wrote: parsed, never run."""

from __future__ import annotations

import ast
import warnings

# What a parser raises on text that was not made to be parsed.
_UNPARSABLE = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)


def tree_of(source: str) -> ast.Module | None:
    """The syntax tree, or None if it has none or would not compile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "candidate", "exec", dont_inherit=True, optimize=0)
            return ast.parse(source)
    except _UNPARSABLE:
        return None


def same_code(one: str, other: str) -> bool:
    """Whether two sources differ in comments, white space and documentation at most."""
    essence = _essence(one)
    return essence is not None and essence == _essence(other)


def defined(tree: ast.Module) -> set[str]:
    """The names of the functions that a module defines."""
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def is_documented(source: str) -> bool:
    """Whether the module or one of its functions has a docstring."""
    tree = tree_of(source)
    if tree is None:
        return False
    return any(ast.get_docstring(node) for node in [tree, *tree.body] if isinstance(node, ast.Module | ast.FunctionDef))


def _essence(source: str) -> str | None:
    tree = tree_of(source)
    if tree is None:
        return None
    try:
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.FunctionDef):
                node.body = [statement for statement in node.body if not _is_text(statement)] or [ast.Pass()]
        return ast.dump(tree)
    except RecursionError:
        return None


def _is_text(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(ast.Constant(str())):
            return True
    return False
