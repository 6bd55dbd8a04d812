"""Turns HumanEvalPack tasks into problem rows for ``semi-instruct verify``.

    python examples/humanevalpack.py ../shared/data/humanevalpack.jsonl problems.jsonl [--no-tests]

The oracle is the canonical solution; candidates are that solution again, which should be accepted, and the buggy one,
which should not. Inputs are the arguments of the calls in the task's tests, read from the text and never by running
it: literals and simple arithmetic on them. Where a test asserts that a call equals such an expression, that is the
output that goes with the input. What could not be read is counted and said.

With ``--no-tests``, rows have no examples, but oracles have their docstring: what ``verify`` then finds, it finds with
the signature and with what the docstring shows.
"""

from __future__ import annotations

import ast
import json
import operator
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from semi_instruct.engine.inside.values import encode

FAILURES = ["wrong_answer", "time_limit", "memory_limit", "output_limit", "runtime_error"]

# The largest number and the longest text that folding may make.
LARGEST = 10**6

OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Pow: operator.pow,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}


class NotConstant(ValueError):
    """An expression whose value cannot be told without running the program it is in."""


def constant(node: ast.expr) -> Any:
    """The value of an expression made of literals, arithmetic and ``list(range(...))``.

    Raises:
        NotConstant: anything else, and what would grow beyond ``LARGEST``.
    """
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        pass  # it may be arithmetic on literals
    match node:
        case ast.List(items):
            return [constant(item) for item in items]
        case ast.Tuple(items):
            return tuple(constant(item) for item in items)
        case ast.UnaryOp(ast.USub(), operand):
            return operator.neg(_number(constant(operand)))
        case ast.BinOp(left, operation, right) if type(operation) in OPERATIONS:
            return _fold(operation, constant(left), constant(right))
        case ast.Call(ast.Name("list"), [ast.Call(ast.Name("range"), bounds, [])], []):
            return list(_range(bounds))
    raise NotConstant(ast.unparse(node))


def _fold(operation: ast.operator, left: Any, right: Any) -> Any:
    if any(isinstance(side, int | float) and abs(side) > LARGEST for side in (left, right)):
        raise NotConstant("a number too large to calculate with")
    if isinstance(operation, ast.Pow) and _number(right) > 64:
        raise NotConstant("a power too large")
    if isinstance(operation, ast.Mod) and not isinstance(left, int | float):
        raise NotConstant("text formatting")
    if isinstance(operation, ast.Mult):
        for side, times in ((left, right), (right, left)):
            if isinstance(side, str | list | tuple) and isinstance(times, int) and len(side) * times > LARGEST:
                raise NotConstant("a sequence too long")
    try:
        return OPERATIONS[type(operation)](left, right)
    except (TypeError, ArithmeticError) as error:
        raise NotConstant(str(error)) from None


def _range(bounds: list[ast.expr]) -> range:
    try:
        numbers = range(*(constant(bound) for bound in bounds))
    except (TypeError, ValueError) as error:
        raise NotConstant(str(error)) from None
    if len(numbers) > LARGEST:
        raise NotConstant("a range too long")
    return numbers


def _number(value: Any) -> int | float:
    if not isinstance(value, int | float):
        raise NotConstant("not a number")
    return value


def examples(test: str, entry: str, counts: Counter[str]) -> list[dict[str, Any]]:
    """The calls of a function in the text of a test, as examples, each input once, in order.

    Args:
        counts: where calls ``taken``, ``repeated`` and ``not taken`` are counted.
    """
    tree = ast.parse(test)
    outputs = dict(_asserted(tree))
    found: dict[str, dict[str, Any]] = {}
    for call in _calls(tree, entry):
        try:
            if call.keywords:
                raise NotConstant("keyword arguments")
            example = {"input": [encode(constant(argument)) for argument in call.args]}
        except NotConstant:
            counts["not taken"] += 1
            continue
        if call in outputs:
            example["output"] = encode(outputs[call])
        key = json.dumps(example["input"])
        counts["repeated" if key in found else "taken"] += 1
        found.setdefault(key, example)
    return list(found.values())


def _calls(tree: ast.Module, entry: str) -> Iterator[ast.Call]:
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in (entry, "candidate")
    ]
    return iter(sorted(calls, key=lambda call: (call.lineno, call.col_offset)))


def _asserted(tree: ast.Module) -> Iterator[tuple[ast.Call, Any]]:
    """The calls of which a test asserts that they equal a constant, and that constant."""
    for node in ast.walk(tree):
        match node:
            case ast.Assert(ast.Compare(ast.Call() as call, [ast.Eq()], [right])):
                try:
                    yield call, constant(right)
                except NotConstant:  # the input is taken without its output
                    continue


def problem_without_tests(task: dict[str, Any]) -> dict[str, Any]:
    """One task as a problem row that has nothing from its tests, and the docstring in the oracle."""
    row = problem(task | {"test": "", "example_test": ""}, Counter())
    expected = {"canonical": "accepted", "buggy": FAILURES}
    return row | {
        "oracles": [task["prompt"] + task["canonical_solution"]],
        "candidates": [candidate | {"expect": expected[candidate["id"]]} for candidate in row["candidates"]],
    }


def problem(task: dict[str, Any], counts: Counter[str]) -> dict[str, Any]:
    """One task as a problem row."""
    entry = task["entry_point"]
    canonical = task["declaration"] + task["canonical_solution"]
    # A few tests make their inputs at random; their docstring's examples are constants.
    found = examples(task["test"], entry, counts) or examples(task["example_test"], entry, counts)
    counts["tasks without input"] += not found
    candidates = [
        {"id": "canonical", "source": canonical, "expect": "accepted" if found else "no_oracle"},
        {
            "id": "buggy",
            "source": task["declaration"] + task["buggy_solution"],
            "expect": FAILURES if found else "no_oracle",
        },
    ]
    return {
        "id": task["task_id"],
        "kind": "function",
        "language": "python",
        "title": entry,
        "note": task["bug_type"],
        "entry": entry,
        "oracles": [canonical],
        "examples": found,
        "candidates": candidates,
    }


def main(source: str, target: str, *, tests: bool) -> None:
    """Convert a file."""
    counts: Counter[str] = Counter()
    with Path(source).open(encoding="utf-8") as tasks, Path(target).open("w", encoding="utf-8") as problems:
        for line in tasks:
            task = json.loads(line)
            row = problem(task, counts) if tests else problem_without_tests(task)
            problems.write(json.dumps(row) + "\n")
    if tests:
        print("calls in the tests: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--no-tests"]
    if len(arguments) != 2:
        sys.exit("usage: python examples/humanevalpack.py IN.jsonl OUT.jsonl [--no-tests]")
    main(*arguments, tests="--no-tests" not in sys.argv)
