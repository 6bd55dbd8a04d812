"""Tests that a model wrote from an instruction alone, as JSON."""

from __future__ import annotations

import json
from typing import Any

from semi_instruct.generator.model import Text
from semi_instruct.generator.parsing.inputs import with_line_breaks
from semi_instruct.generator.parsing.lists import items_in
from semi_instruct.generator.parsing.parsed import Fault, Parsed
from semi_instruct.generator.tasks import Example


def examples_in(text: Text, entry: str | None) -> Parsed[tuple[Example, ...]]:
    """The tests of a text, listed as ``tests``: ``{"input": ..., "output": ...}`` each, every input once.

    Args:
        entry: the function that is called; None for texts of stdin and stdout.
    """
    read = items_in(text, "tests")
    known: dict[str, Example] = {}
    for item in read.value or []:
        test = _test_of(item, entry)
        if test is not None:
            known.setdefault(json.dumps(test.input), test)
    return Parsed(tuple(known.values()), read.fault) if known else Parsed(fault=read.fault or Fault.WRONG_SHAPE)


def _test_of(item: Any, entry: str | None) -> Example | None:
    match item:
        case {"input": str(given), "output": str(answer)} if entry is None:
            return Example(_whole_lines(given), _whole_lines(answer))
        case {"input": list(arguments), "output": value} if entry is not None:
            return Example(arguments, value)
    return None


def _whole_lines(text: str) -> str:
    broken = with_line_breaks(text)
    return broken if broken.endswith("\n") else f"{broken}\n"
