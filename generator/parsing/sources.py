"""Python source that a model wrote: parsed, never run."""

from __future__ import annotations

import ast
import warnings

# What a parser raises on text that was not made to be parsed.
_UNPARSABLE = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)


# What runs nothing of a program but its definitions.
DEFINING = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)


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


def adds_documentation(source: str, other: str) -> bool:
    """Whether more functions have a docstring than in another source."""
    return _documented_functions(source) > _documented_functions(other)


def with_main_called(source: str) -> str:
    """The source, with the call that a program lacks which does nothing but define ``main`` and more."""
    tree = tree_of(source)
    if tree is None or not all(isinstance(node, DEFINING) or _is_text(node) for node in tree.body):
        return source
    if any(isinstance(node, ast.Name) and node.id == "main" for node in ast.walk(tree)):
        return source
    mains = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main"]
    is_plain = any(
        not main.decorator_list + main.args.posonlyargs + main.args.args + main.args.kwonlyargs for main in mains[-1:]
    )
    return f"{source.rstrip()}\n\n\nmain()\n" if is_plain else source


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


def _documented_functions(source: str) -> int:
    tree = tree_of(source)
    if tree is None:
        return 0
    return sum(bool(ast.get_docstring(node)) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _is_text(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(ast.Constant(str())):
            return True
    return False
