"""Faults that any text may have, whatever was asked for."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from semi_instruct.generator.model import Finish, Message, Text
from semi_instruct.generator.parsing.parsed import Fault

# Characters. Longer texts are not looked into.
LONGEST = 60_000
# Below, repetition is no sign of anything. A text that shrinks to less than this part says nothing either.
_SHORT = 400
_MIN_DENSITY = 0.03
# A line of the prompt that is no shorter says that it is repeated.
_TELLING_LINE = 30
_REPEATED_PART = 0.6


def general_fault(text: Text) -> Fault | None:
    """What makes a text useless for any task."""
    if text.finish is Finish.REFUSED:
        return Fault.REFUSED
    if not text.content.strip():
        return Fault.EMPTY
    if is_degenerate(text.content[:LONGEST]):
        return Fault.DEGENERATE
    if len(text.content) > LONGEST:
        return Fault.TOO_LONG
    return None


def is_degenerate(text: str) -> bool:
    """Whether a text is the same few characters again and again."""
    data = text.encode("utf-8", "surrogatepass")
    return len(data) >= _SHORT and len(zlib.compress(data)) < _MIN_DENSITY * len(data)


def repeats_prompt(prose: str, prompt: Sequence[Message]) -> bool:
    """Whether most lines of a text, its code left out, are lines of the prompt."""
    asked = {line.strip() for message in prompt for line in message.content.splitlines()}
    lines = [line.strip() for line in prose.splitlines() if len(line.strip()) >= _TELLING_LINE]
    return bool(lines) and sum(line in asked for line in lines) > _REPEATED_PART * len(lines)
