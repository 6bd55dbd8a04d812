"""Code that a model wrote in a fenced block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from semi_instruct.generator.model import Finish, Message, Text
from semi_instruct.generator.parsing.fences import Block, Fenced, fenced
from semi_instruct.generator.parsing.parsed import Fault, Parsed
from semi_instruct.generator.parsing.sources import adds_documentation, defined, same_code, tree_of, with_main_called
from semi_instruct.generator.parsing.text import general_fault, repeats_prompt


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the code has to be.

    Attributes:
        prompt: what was asked; code that it holds is not an answer.
        functions: that it must define; none for a whole program.
        not_these: sources that it must not be a copy of, unless it has docstrings of functions that they lack.
    """

    prompt: Sequence[Message] = ()
    functions: frozenset[str] = frozenset()
    not_these: tuple[str, ...] = ()


def code_in(text: Text, wanted: Wanted) -> Parsed[str]:
    """The one block of Python in a text."""
    fault = general_fault(text)
    if fault is not None:
        return Parsed(fault=fault)
    return code_of(fenced(text.content), text.finish, wanted)


def code_of(parts: Fenced, finish: Finish, wanted: Wanted) -> Parsed[str]:
    """The one block of Python of a text that was taken apart."""
    if not parts.blocks:
        return Parsed(fault=_without_code(parts, finish, wanted))
    blocks = _candidates(parts.blocks)
    if not blocks:
        return Parsed(fault=Fault.WRONG_LANGUAGE)
    if len({block.content for block in blocks}) > 1:
        return Parsed(fault=Fault.TWO_BLOCKS)
    [block] = blocks[:1]
    if not block.is_closed and finish is Finish.LENGTH:
        return Parsed(fault=Fault.CUT_OFF)
    source = block.content if wanted.functions else with_main_called(block.content)
    fault = _fault_of(source, wanted)
    return Parsed(fault=fault) if fault else Parsed(source)


def _candidates(blocks: Sequence[Block]) -> list[Block]:
    """Those that are said to be Python, else those of which nothing is said."""
    python = [block for block in blocks if block.is_python and block.content.strip()]
    return python or [block for block in blocks if not block.language and block.content.strip()]


def _without_code(parts: Fenced, finish: Finish, wanted: Wanted) -> Fault:
    if repeats_prompt(parts.prose, wanted.prompt):
        return Fault.PROMPT_REPEATED
    return Fault.CUT_OFF if finish is Finish.LENGTH else Fault.NO_CODE


def _fault_of(source: str, wanted: Wanted) -> Fault | None:
    tree = tree_of(source)
    if tree is None:
        return Fault.NOT_PYTHON
    if any(same_code(source, other) and not adds_documentation(source, other) for other in wanted.not_these):
        return Fault.COPIED
    return None if wanted.functions <= defined(tree) else Fault.WRONG_NAMES
