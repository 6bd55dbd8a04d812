"""Code and the instruction that it follows, from one text or two."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from semi_instruct.generator.model import Finish, Message, Text
from semi_instruct.generator.parsing.code import Wanted, code_of
from semi_instruct.generator.parsing.fences import fenced
from semi_instruct.generator.parsing.parsed import Fault, Parsed
from semi_instruct.generator.parsing.text import general_fault, repeats_prompt

_LABEL = re.compile(r"^[ \t#*_>-]*instruction[ \t*_]*:[ \t*_]*", re.IGNORECASE | re.MULTILINE)
_NEXT_LABEL = re.compile(
    r"^[ \t#*_>-]*(?:code|program|function|solution|python code)[ \t*_]*:[ \t*_]*$", re.IGNORECASE | re.MULTILINE
)
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
    after = parts.after if text.finish is not Finish.LENGTH else ""
    instruction = instruction_in(parts.before) or _one_paragraph_in(after)
    if instruction is not None and _is_of_prompt(instruction, wanted.prompt):
        return Parsed(fault=Fault.PROMPT_REPEATED)
    return Parsed(Pair(instruction, code.value))


def instruction_of(text: Text, prompt: Sequence[Message]) -> Parsed[str]:
    """The instruction in the answer to a request for nothing else, which has to say that it is one.

    What is not labelled may be an excuse, or code; one that was cut off says half of it.
    """
    fault = general_fault(text)
    if fault is not None:
        return Parsed(fault=fault)
    prose = fenced(text.content).prose
    instruction = _one_paragraph_in(prose)
    if instruction is None:
        return Parsed(fault=Fault.NO_INSTRUCTION)
    if text.finish is Finish.LENGTH:
        return Parsed(fault=Fault.CUT_OFF)
    if _is_of_prompt(instruction, prompt) or repeats_prompt(prose, prompt):
        return Parsed(fault=Fault.PROMPT_REPEATED)
    return Parsed(instruction)


def _one_paragraph_in(text: str) -> str | None:
    """The first paragraph after ``Instruction:``; models that have answered go on with remarks."""
    label = _LABEL.search(text)
    if label is None:
        return None
    return instruction_in("Instruction: " + text[label.end() :].strip().partition("\n\n")[0])


def _is_of_prompt(instruction: str, prompt: Sequence[Message]) -> bool:
    """Whether it is made of what was asked, or begins with an instruction that was shown as an example."""
    lines = [line for message in prompt for line in message.content.splitlines()]
    shown = [example for line in lines if (example := instruction_in(line))]
    return repeats_prompt(instruction, prompt) or any(instruction.startswith(example) for example in shown)


def instruction_in(text: str) -> str | None:
    """What follows ``Instruction:``, on one line or several; None if nothing that says something does."""
    label = _LABEL.search(text)
    if label is None:
        return None
    rest = text[label.end() :]
    following = _NEXT_LABEL.search(rest)
    instruction = " ".join((rest[: following.start()] if following else rest).split()).strip("*_# ")
    return instruction if len(instruction) >= _SHORTEST else None
