"""Text of programs nobody trusts is parsed or refused; it neither runs nor ends this process."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from semi_instruct.harness.analysis.source import MAX_SOURCE_CHARACTERS, NotLiteral, definition, literal, parse

HOSTILE = ["\0", "(" * 1_000, "-" * 100_000 + "1", "+".join(["1"] * 60_000), "a" + ".b" * 60_000, "\ud800", "9" * 9_999]


@pytest.mark.parametrize("source", [*HOSTILE, "def f(:", "# " + "x" * MAX_SOURCE_CHARACTERS])
def test_what_cannot_be_parsed_is_none(source: str) -> None:
    assert parse(source) is None


@pytest.mark.parametrize(
    "text", [*HOSTILE, "f()", "[x]", "1 + 1", "'a' * 9", "[...]", "{1: [...]}", "", "__import__('os')"]
)
def test_what_is_no_literal_is_refused(text: str) -> None:
    with pytest.raises(NotLiteral):
        literal(text)


@pytest.mark.parametrize("value", [1, -1.5, "a", b"b", None, True, [1, (2, {3})], {"a": [None]}, 1 + 2j])
def test_literals(value: Any) -> None:
    assert literal(repr(value)) == value


@pytest.mark.parametrize(
    ("source", "entry", "line"),
    [
        ("def f(): pass", "f", 1),
        ("def f(): pass\ndef f(): pass", "f", 2),
        ("if 1:\n  def f(): pass", "f", 2),
        ("try:\n  pass\nexcept E:\n  pass\nelse:\n  async def f(): pass", "f", 6),
        ("class S:\n  class T:\n    def f(self): pass", "S.T.f", 3),
    ],
)
def test_the_definition_of_an_entry(source: str, entry: str, line: int) -> None:
    found = definition(ast.parse(source), entry)
    assert found is not None
    assert found.lineno == line


@pytest.mark.parametrize(("source", "entry"), [("f = len", "f"), ("def g(): pass", "f"), ("def f(): pass", "S.f")])
def test_no_definition(source: str, entry: str) -> None:
    assert definition(ast.parse(source), entry) is None
