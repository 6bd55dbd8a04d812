"""Calls shown in documentation. They are parsed as literals and never run.

Three notations are understood. The first one that is found, in this order, is used:

* ``f(1, [2])`` as in doctests, followed by any text; failing that, a call of another name whose arguments fit, because
  documentation is often copied;
* ``a = 1, b = [2]`` or ``a: 1``, with parameter names;
* ``Input: [2]`` for a function of one parameter.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from semi_instruct.harness.analysis.source import NotLiteral, literal
from semi_instruct.harness.inputs.calls.inference import MAX_BOUND
from semi_instruct.harness.inputs.calls.signature import Signature

Call = tuple[object, ...]

_MAX_EXPRESSION = 2_000
# Number of closing brackets tried as the end of one expression.
_ENDS_TRIED = 30
# Limit on the calls, values, numbers and words that are read, in case documentation is crafted to contain very many.
_MAX_FOUND = 200
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\.?\w)")
_QUOTED = re.compile(r"""(["'`])([^"'`\n]{1,30})\1""")
_CAPITALISED = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+\b")
_SCALAR = re.compile(r"""-?\d+(?:\.\d+)?(?:[eE]-?\d+)?|"[^"\n]*"|'[^'\n]*'|True\b|False\b|None\b""")
_CLOSING = {"[": "]", "(": ")", "{": "}"}


@dataclass(frozen=True, slots=True)
class Documented:
    """Calls and values found in documentation.

    Attributes:
        calls: arguments of complete calls.
        partly: pairs of parameter index and value, from calls that could not be read completely.
        numbers, words: distinct numbers and quoted or capitalised words of the text, in order.
    """

    calls: tuple[Call, ...]
    partly: tuple[tuple[int, object], ...]
    numbers: tuple[int | float, ...]
    words: tuple[str, ...]


def documented(signature: Signature, entry: str) -> Documented:
    """Read the documentation of a function."""
    text = signature.documentation
    name = entry.rpartition(".")[2]
    named = list(_assignments(text, signature))
    calls = (
        list(_calls(text, rf"\b{re.escape(name)}", signature))
        or list(_calls(text, r"(?m)^[ \t]*(?:>>>|assert\b|[*-])?[ \t]*\w+", signature))
        or list(_grouped(named, signature))
        or list(_inputs(text, signature))
    )
    return Documented(
        tuple(calls),
        tuple((index, value) for index, _, value in named),
        tuple(dict.fromkeys(_numbers(text))),
        tuple(dict.fromkeys(_words(text))),
    )


def _calls(text: str, callee: str, signature: Signature) -> Iterator[Call]:
    most = len(signature.parameters)
    for match in _first(callee + r"[ \t]*(?=\()", text):
        call = _call(text, match.end(), [parameter.name for parameter in signature.parameters])
        if call is not None and signature.required <= len(call) <= most:
            yield call


def _call(text: str, start: int, names: list[str]) -> Call | None:
    """The arguments between the bracket at ``start`` and its closing bracket; None if they are not literals."""
    expression = _expression(text, start, "f")
    if not isinstance(expression, ast.Call) or any(keyword.arg not in names for keyword in expression.keywords):
        return None
    given = dict(zip(names, expression.args, strict=False)) if len(expression.args) <= len(names) else {}
    given |= {str(keyword.arg): keyword.value for keyword in expression.keywords}
    ordered = [given[name] for name in names if name in given]
    if list(given) != names[: len(given)] and set(given) != set(names[: len(given)]):
        return None
    try:
        return tuple(_argument(node, names) for node in ordered)
    except NotLiteral:  # the arguments are names or expressions
        return None


def _argument(node: ast.expr, names: list[str]) -> object:
    if isinstance(node, ast.Name) and node.id not in names and node.id not in ("x", "y", "n"):
        return node.id  # a word without its quotes
    return literal(node)


def _expression(text: str, start: int, before: str = "") -> ast.expr | None:
    """The shortest complete expression that begins with the bracket at ``start``."""
    closing = _CLOSING[text[start]]
    end = start
    for _ in range(_ENDS_TRIED):
        end = text.find(closing, end + 1, start + _MAX_EXPRESSION)
        if end < 0:
            return None
        # In a docstring that is not raw, an escaped line break inside quotes is a real line break.
        for written in (text[start : end + 1], text[start : end + 1].replace("\n", "\\n")):
            try:
                return ast.parse(before + written, mode="eval").body
            except (SyntaxError, ValueError, MemoryError, RecursionError):
                continue  # not valid Python up to this bracket
    return None


def _value(text: str, start: int) -> object:
    """The literal that begins at ``start``.

    Raises:
        NotLiteral: there is no literal at ``start``.
    """
    if text[start : start + 1] in _CLOSING:
        expression = _expression(text, start)
        if expression is None:
            raise NotLiteral("never closed")
        return literal(expression)
    scalar = _SCALAR.match(text, start)
    if scalar is None:
        raise NotLiteral("not a literal")
    return literal(scalar.group())


def _assignments(text: str, signature: Signature) -> Iterator[tuple[int, int, object]]:
    """Triples of parameter index, position in the text, and the value assigned there."""
    found = []
    for index, parameter in enumerate(signature.parameters):
        # A longer name that ends with the parameter's name refers to it: ``bucket_capacity`` for ``capacity``.
        for match in _first(rf"(?<!\w)(?:\w+_)?{re.escape(parameter.name)}\s*(?:[=:]\s*|(?=\[))", text):
            try:
                found.append((index, match.start(), _value(text, match.end())))
            except NotLiteral:
                continue  # prose, not a value
    yield from sorted(found, key=lambda one: one[1])


def _grouped(named: list[tuple[int, int, object]], signature: Signature) -> Iterator[Call]:
    """Calls assembled from consecutive named arguments."""
    given: dict[int, object] = {}
    for index, _, value in named:
        if index in given:
            given = {}
        given[index] = value
        if len(given) == len(signature.parameters):
            yield tuple(given[index] for index in range(len(given)))
            given = {}


def _inputs(text: str, signature: Signature) -> Iterator[Call]:
    if len(signature.parameters) != 1:
        return
    for match in _first(r"\b[Ii]nput\s*:\s*", text):
        try:
            yield (_value(text, match.end()),)
        except NotLiteral:  # prose, not a value
            continue


def _numbers(text: str) -> Iterator[int | float]:
    for match in _first(_NUMBER, text):
        try:
            value = literal(match.group())
        except NotLiteral:  # digits that are part of something else
            continue
        if abs(value) <= MAX_BOUND:
            yield value


def _words(text: str) -> Iterator[str]:
    yield from (match.group(2) for match in _first(_QUOTED, text))
    yield from (match.group() for match in _first(_CAPITALISED, text))


def _first(pattern: str | re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    return islice(re.finditer(pattern, text), _MAX_FOUND)
