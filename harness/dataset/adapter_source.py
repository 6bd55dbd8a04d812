"""Checks the source of an adapter's ``parse`` or ``show``: it may read and write text, and share nothing.

The two parts of an adapter must not pass the answer to each other around the function. So they may not use modules that
hold other modules or mutable state, nor names that lead to one.
"""

from __future__ import annotations

import ast

from semi_instruct.harness.analysis.source import parse

# Allowed modules. From those that hold other modules or mutable state, only these names; None allows all of a module.
_NAMES: dict[str, frozenset[str] | None] = {
    "collections": frozenset({"Counter", "OrderedDict", "defaultdict", "deque"}),
    "itertools": None,
    "math": None,
    "re": frozenset({"compile", "findall", "finditer", "fullmatch", "match", "search", "split", "sub"}),
}
_REACHING = frozenset(
    {"builtins", "delattr", "dir", "eval", "exec", "exit", "format", "format_map", "getattr", "globals", "input"}
    | {"locals", "object", "open", "print", "quit", "setattr", "super", "sys", "type", "vars"}
)
_STORING = (ast.Global, ast.Nonlocal, ast.Delete, ast.ClassDef, ast.AsyncFunctionDef, ast.With, ast.Await)


def reaches_for(source: str) -> str | None:
    """The first thing in a part of an adapter that reaches other data or stores something; None if there is none."""
    tree = parse(source)
    if tree is None:
        return "what is no Python"
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                modules |= {name.asname or name.name: name.name for name in names}
            case ast.ImportFrom(module, names):
                allowed = _NAMES.get(module or "", frozenset())
                if any(_is_hidden(name.name) or (allowed is not None and name.name not in allowed) for name in names):
                    return "these imports"
    if not _NAMES.keys() >= set(modules.values()):
        return "these imports"
    inside = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(ast.Name(name), attribute) if name in modules:
                allowed = _NAMES[modules[name]]
                if allowed is not None and attribute not in allowed:
                    return f"{modules[name]}.{attribute}"
            case ast.Name(name) if name in modules and id(node) not in inside:
                return "a module as a value"
        match node:
            case ast.Name(name) | ast.Attribute(attr=name) if _is_hidden(name) or name in _REACHING:
                return name
            case ast.Attribute(ctx=ast.Store()):
                return "objects to store in"
        if isinstance(node, _STORING):
            return type(node).__name__.lower()
    return None


def _is_hidden(name: str) -> bool:
    return (name.startswith("_") and name != "_") or name == "*"
