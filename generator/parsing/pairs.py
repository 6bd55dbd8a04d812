"""Code and the instruction that it follows, from one text or two."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from generator.model import Finish, Message, Text
from generator.parsing.code import Wanted, code_of
from generator.parsing.fences import fenced
from generator.parsing.parsed import Fault, Parsed
from generator.parsing.text import general_fault, repeats_prompt

_LABEL = re.compile(r"^[\s#*_>-]*instruction[\s*_]*:[\s*_]*", re.IGNORECASE | re.MULTILINE)
_NEXT_LABEL = re.compile(r"^[\s#*_>-]*(?:code|program|function|solution|python code)[\s*_]*:[\s*_]*$", re.I | re.M)
_SHORTEST = 12


@dataclass(frozen=True, slots=True)
class Pair:
    """Code, and the instruction that it is to follow.

    Attributes:
        instruction: None where it is not written yet.
    """

    instruction: str | None
    code: str


def pair_in(text: Text, wanted: Wanted) -> Parsed[Pair]:
    """The block of Python of a text, and its ``Instruction:`` where it has one."""
    fault = general_fault(text)
    if fault is not None:
        return Parsed(fault=fault)
    parts = fenced(text.content)
    code = code_of(parts, text.finish, wanted)
    if code.value is None:
        return Parsed(fault=code.fault)
    instruction = instruction_in(parts.before) or instruction_in(_first_paragraph(parts.after))
    if instruction is not None and repeats_prompt(instruction, wanted.prompt):
        return Parsed(fault=Fault.PROMPT_REPEATED)
    return Parsed(Pair(instruction, code.value))


def instruction_of(text: Text, prompt: Sequence[Message]) -> Parsed[str]:
    """The instruction in the answer to a request for nothing else; one that was cut off says half of it.

    A text with neither ``Instruction:`` nor code is taken as what was asked for.
    """
    fault = general_fault(text)
    if fault is not None:
        return Parsed(fault=fault)
    parts = fenced(text.content)
    bare = None if parts.blocks else f"Instruction: {_first_paragraph(parts.before)}"
    instruction = instruction_in(_first_paragraph(parts.before)) or (instruction_in(bare) if bare else None)
    if instruction is None:
        return Parsed(fault=Fault.NO_INSTRUCTION)
    if text.finish is Finish.LENGTH:
        return Parsed(fault=Fault.CUT_OFF)
    if repeats_prompt(parts.before, prompt) or repeats_prompt(instruction, prompt):
        return Parsed(fault=Fault.PROMPT_REPEATED)
    return Parsed(instruction)


def _first_paragraph(text: str) -> str:
    """Models that have answered go on with remarks."""
    return text.strip().partition("\n\n")[0]


def instruction_in(text: str) -> str | None:
    """What follows ``Instruction:``, on one line or several; None if nothing that says something does."""
    label = _LABEL.search(text)
    if label is None:
        return None
    rest = text[label.end() :]
    following = _NEXT_LABEL.search(rest)
    instruction = " ".join((rest[: following.start()] if following else rest).split()).strip("*_# ")
    return instruction if len(instruction) >= _SHORTEST else None
