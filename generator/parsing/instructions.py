"""A list of instructions, as self-instruct asks for them."""

from __future__ import annotations

import re

from semi_instruct.generator.model import Finish, Text
from semi_instruct.generator.parsing.parsed import Fault, Parsed
from semi_instruct.generator.parsing.text import general_fault

_NUMBERED = re.compile(r"^[\s#*]*(?:task\s*)?\d{1,3}[.):]\s*(.*)$", re.IGNORECASE)
_SHORTEST, _LONGEST = 15, 600


def instructions_in(text: Text, known: frozenset[str] = frozenset()) -> Parsed[tuple[str, ...]]:
    """The numbered lines of a text that are no known instructions, each once. One that was cut off is left out."""
    fault = general_fault(text)
    if fault is not None:
        return Parsed(fault=fault)
    lines = text.content.splitlines()
    if text.finish is Finish.LENGTH:
        lines = lines[:-1]
    numbered = [match[1].strip(" *") for line in lines if (match := _NUMBERED.match(line))]
    if not numbered:
        return Parsed(fault=Fault.CUT_OFF if text.finish is Finish.LENGTH else Fault.PROSE)
    fresh = dict.fromkeys(one for one in numbered if _SHORTEST <= len(one) <= _LONGEST and one not in known)
    return Parsed(tuple(fresh)) if fresh else Parsed(fault=Fault.PROMPT_REPEATED)
