"""Pairs of instruction and code from data sets for tuning: without oracles, mostly without examples."""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Iterator
from typing import Any

from semi_instruct.harness.analysis.source import definition, parse
from semi_instruct.harness.dataset.corpora.asserted import asserted_examples
from semi_instruct.harness.dataset.corpora.fields import Row, Unusable, numbered, text, within_bounds
from semi_instruct.harness.dataset.similarity import digest
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.problems.schema import Example

_ANSWERS = ("output", "response", "completion", "code")
_BLOCK = re.compile(r"```(?:python3?|py)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
# Statements in the body of a module that has no effect of its own.
_AT_REST = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
    ast.Assign,
    ast.AnnAssign,
    ast.Assert,
)


def recognises(row: Row) -> bool:
    """Whether a row has the fields of this layout."""
    return "messages" in row or ("instruction" in row and any(name in row for name in _ANSWERS))


def task(row: Row) -> Task:
    """A row as a task with one code, which may be wrong.

    It is a function where the row says ``entry``, or where the code defines functions and does nothing else: then the
    one that the instruction names, or the last. Examples are those of its docstring and its own assertions.

    Raises:
        Unusable: none can be made of it.
    """
    instruction, answer = _from_messages(row) if "messages" in row else _from_columns(row)
    code = _code_in(answer)
    entry = text(row, "entry") if row.get("entry") else _entry_of(code, instruction)
    return Task(
        id=_id_of(row, instruction, code),
        kind="function" if entry else "stdin",
        entry=entry,
        codes=numbered([code]),
        statement=instruction,
        # A program that reads nothing still runs on an empty input.
        examples=_examples(code, entry) if entry else (Example(""),),
        licence=row["licence"] if isinstance(row.get("licence"), str) else None,
    )


def _from_columns(row: Row) -> tuple[str, str]:
    instruction = text(row, "instruction")
    more = row.get("input")
    whole = f"{instruction}\n\n{more}" if isinstance(more, str) and more.strip() else instruction
    return whole, text(row, next((name for name in _ANSWERS if name in row), _ANSWERS[0]))


def _from_messages(row: Row) -> tuple[str, str]:
    """The last message of the user and the answer to it."""
    match row["messages"]:
        case [*_, {"role": "user", "content": str(asked)}, {"role": "assistant", "content": str(answer)}]:
            if asked.strip() and answer.strip():
                return asked, answer
    raise Unusable("messages", "expected a user's and an assistant's at the end")


def _code_in(answer: str) -> str:
    blocks = _BLOCK.findall(answer)
    return max(blocks, key=len) if blocks else answer


def _id_of(row: Row, instruction: str, code: str) -> str:
    named = row.get("id")
    if isinstance(named, str | int) and not isinstance(named, bool) and str(named).strip():
        return str(named)
    return f"pair-{digest([instruction, code]).hex()[:12]}"


def _entry_of(code: str, instruction: str) -> str | None:
    tree = parse(code)
    if tree is None or not all(_is_at_rest(statement) for statement in tree.body):
        return None
    names = [one.name for one in tree.body if isinstance(one, ast.FunctionDef)]
    named = [name for name in names if re.search(rf"\b{re.escape(name)}\b", instruction)]
    return (named or names)[-1] if names else None


def _is_at_rest(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(ast.Constant()) | ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
    return isinstance(statement, _AT_REST)


def _examples(code: str, entry: str) -> tuple[Example, ...]:
    return within_bounds([*_documented(code, entry), *asserted_examples(code, entry)])


def _documented(code: str, entry: str) -> Iterator[Example]:
    tree = parse(code)
    found: Any = definition(tree, entry) if tree is not None else None
    documentation = ast.get_docstring(found) if found is not None else None
    try:
        examples = doctest.DocTestParser().get_examples(documentation or "")
    except ValueError:  # malformed doctests have no examples
        return
    for one in examples:
        yield from asserted_examples(f"assert {one.source.strip()} == {one.want.strip()}", entry)
