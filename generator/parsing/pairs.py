"""An instruction and its code, from one text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from generator.model import Text
from generator.parsing.code import Wanted, code_of
from generator.parsing.fences import fenced
from generator.parsing.parsed import Fault, Parsed
from generator.parsing.text import general_fault, repeats_prompt

_LABEL = re.compile(r"^[\s#*_>-]*instruction[\s*_]*:[\s*_]*", re.IGNORECASE | re.MULTILINE)
_NEXT_LABEL = re.compile(r"^[\s#*_>-]*(?:code|program|function|solution|python code)[\s*_]*:[\s*_]*$", re.I | re.M)
_SHORTEST = 12


@dataclass(frozen=True, slots=True)
class Pair:
    """An instruction and the code that is to follow it."""

    instruction: str
    code: str


def pair_in(text: Text, wanted: Wanted) -> Parsed[Pair]:
    """The ``Instruction:`` and the block of Python of a text."""
    fault = general_fault(text)
    if fault is not None:
        return Parsed(fault=fault)
    parts = fenced(text.content)
    code = code_of(parts, text.finish, wanted)
    if code.value is None:
        return Parsed(fault=code.fault)
    instruction = instruction_in(parts.before)
    if instruction is None:
        return Parsed(fault=Fault.NO_INSTRUCTION)
    if repeats_prompt(instruction, wanted.prompt):
        return Parsed(fault=Fault.PROMPT_REPEATED)
    return Parsed(Pair(instruction, code.value))


def instruction_in(text: str) -> str | None:
    """What follows ``Instruction:``, on one line or several; None if nothing that says something does."""
    label = _LABEL.search(text)
    if label is None:
        return None
    rest = text[label.end() :]
    following = _NEXT_LABEL.search(rest)
    instruction = " ".join((rest[: following.start()] if following else rest).split()).strip("*_# ")
    return instruction if len(instruction) >= _SHORTEST else None
