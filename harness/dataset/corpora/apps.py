"""APPS (Hendrycks and others 2021): texts that hold JSON; also the frame of TACO."""

from __future__ import annotations

from typing import Any

from semi_instruct.harness.dataset.corpora.fields import (
    Row,
    Unusable,
    name,
    numbered,
    optional_text,
    parsed,
    printed_examples,
    sources,
    value_tree,
    within_bounds,
)
from semi_instruct.harness.dataset.tasks import NaturalCode, Task
from semi_instruct.harness.problems.schema import Example

LICENCE = "MIT"


def recognises(row: Row) -> bool:
    """Whether a row has the fields of this layout."""
    return {"problem_id", "question", "solutions", "input_output"} <= row.keys()


def task(row: Row) -> Task:
    """A row as a task.

    Raises:
        Unusable: it cannot be a task.
    """
    return framed(row, f"apps-{name(row, 'problem_id')}", LICENCE)


def framed(row: Row, task_id: str, licence: str, time_limit_s: float = 2.0) -> Task:
    """A row in the frame that APPS and TACO share.

    Raises:
        Unusable: it cannot be a task.
    """
    found = sources("solutions", parsed(row, "solutions"))
    tests = parsed(row, "input_output")
    if not isinstance(tests, dict):
        raise Unusable("input_output", "expected an object")
    function = tests.get("fn_name")
    inputs, outputs = tests.get("inputs"), tests.get("outputs")
    url = optional_text(row, "url")
    common: dict[str, Any] = {
        "id": task_id,
        "statement": optional_text(row, "question"),
        "difficulty": optional_text(row, "difficulty"),
        "licence": licence,
        "time_limit_s": time_limit_s,
    }
    if isinstance(function, str) and function:
        codes = tuple(NaturalCode(str(number), called(one, function), url) for number, one in enumerate(found))
        return Task(kind="function", entry=function, codes=codes, examples=_calls(inputs, outputs), **common)
    examples = printed_examples("input_output", inputs, outputs)
    return Task(kind="stdin", codes=numbered(found, url), examples=examples, **common)


def called(source: str, function: str) -> str:
    """A solution whose function is a method of ``class Solution``, with a function of that name beside it."""
    if "class Solution" not in source:
        return source
    return f"{source.rstrip()}\n\n\ndef {function}(*arguments):\n    return Solution().{function}(*arguments)\n"


def _calls(inputs: Any, outputs: Any) -> tuple[Example, ...]:
    if not isinstance(inputs, list) or not isinstance(outputs, list):
        raise Unusable("input_output", "expected a list of inputs and a list of outputs")
    answers = [*outputs, *[None] * len(inputs)]
    return within_bounds(_call(given, answer) for given, answer in zip(inputs, answers, strict=False))


def _call(given: Any, answer: Any) -> Example:
    arguments = [value_tree(one) for one in (given if isinstance(given, list) else [given])]
    # Some rows wrap an answer in a list and some do not: a list may be either, so the oracles decide.
    if answer is None or isinstance(answer, list):
        return Example(arguments)
    return Example(arguments, value_tree(answer))
