"""Examples of a function from the assertions of its tests, read from their text: nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from semi_instruct.harness.analysis.source import NotLiteral, parse
from semi_instruct.harness.dataset.corpora.fields import literal_value, value_tree, within_bounds
from semi_instruct.harness.problems.schema import Example


def asserted_examples(tests: str, function: str) -> tuple[Example, ...]:
    """Examples from ``assert function(1, 2) == 3`` and similar assertions that consist of literals.

    Args:
        tests: source of the tests.
        function: name of the tested function.
    """
    tree = parse(tests)
    return within_bounds(_examples(tree, function)) if tree is not None else ()


def asserted_names(tests: str) -> list[str]:
    """The functions that the assertions call, in order of appearance."""
    tree = parse(tests)
    names = [] if tree is None else [call.func.id for _, call in _calls(tree) if isinstance(call.func, ast.Name)]
    return list(dict.fromkeys(names))


def _examples(tree: ast.Module, function: str) -> Iterator[Example]:
    for test, call in _calls(tree):
        if not isinstance(call.func, ast.Name) or call.func.id != function or call.keywords:
            continue
        try:
            arguments = [value_tree(literal_value(argument)) for argument in call.args]
            answer = literal_value(test.comparators[0]) if isinstance(test, ast.Compare) else True
            yield Example(arguments, value_tree(answer))
        except (NotLiteral, ValueError):  # not a literal: its value is known only by running it
            continue


def _calls(tree: ast.Module) -> Iterator[tuple[ast.expr, ast.Call]]:
    """Each assertion that a call is true, or equal to something, with the call."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assert):
            continue
        test = node.test
        if isinstance(test, ast.Call):
            yield test, test
        elif (
            isinstance(test, ast.Compare)
            and isinstance(test.left, ast.Call)
            and len(test.ops) == 1
            and isinstance(test.ops[0], ast.Eq | ast.Is)
        ):
            yield test, test.left
