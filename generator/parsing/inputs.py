"""A list of concrete inputs, as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from semi_instruct.generator.model import Text
from semi_instruct.generator.parsing.lists import items_in
from semi_instruct.generator.parsing.parsed import Fault, Parsed


@dataclass(frozen=True, slots=True)
class InputList:
    """Concrete inputs.

    Attributes:
        inputs: texts of stdin, or lists of arguments.
        misfits: items of the list that are no such input: of another kind, or with another number of arguments.
        mended: texts in which line breaks were written as a backslash and an n.
    """

    inputs: tuple[Any, ...]
    misfits: tuple[Any, ...] = ()
    mended: int = 0


def inputs_in(text: Text, arity: int | None) -> Parsed[InputList]:
    """The inputs of a text, listed as ``inputs`` (see ``generator.parsing.lists``).

    Args:
        arity: how many arguments a function takes; None for texts of stdin.
    """
    read = items_in(text, "inputs")
    listed = _listed(read.value or [], arity)
    return Parsed(listed, read.fault) if listed.inputs else Parsed(fault=read.fault or Fault.WRONG_SHAPE)


def _listed(items: list[Any], arity: int | None) -> InputList:
    inputs: dict[str, Any] = {}
    misfits: dict[str, Any] = {}
    mended = 0
    for item in items:
        if arity is None and isinstance(item, str):
            text = with_line_breaks(item)
            mended += text != item
            whole = text if text.endswith("\n") else f"{text}\n"
            inputs.setdefault(whole, whole)
        elif arity is not None and isinstance(item, list) and len(item) == arity:
            inputs.setdefault(json.dumps(item), item)
        else:
            misfits.setdefault(json.dumps(item), item)
    return InputList(tuple(inputs.values()), tuple(misfits.values()), mended)


def with_line_breaks(text: str) -> str:
    """The text with line breaks where a model wrote a backslash and an n in place of each."""
    return text.replace("\\n", "\n") if "\n" not in text else text
