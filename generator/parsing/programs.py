"""An input program and a validator program, from one text."""

from __future__ import annotations

from semi_instruct.generator.model import Text
from semi_instruct.generator.parsing.code import Wanted, code_in
from semi_instruct.generator.parsing.parsed import Parsed

GENERATE = "generate"
VALID = "valid"


def programs_in(text: Text, wanted: Wanted) -> Parsed[str]:
    """A module that defines ``generate(seed)``, which makes an input, and ``valid(...)``, which judges one."""
    needed = wanted.functions | {GENERATE, VALID}
    return code_in(text, Wanted(wanted.prompt, needed, wanted.not_these))
