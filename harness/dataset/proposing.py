"""What a build asks of a generator. Any object with these methods will do; an adapter to ``generator/`` is one.

A generator only proposes text. Nothing it says is believed: programs are run, inputs are answered by oracles, tests
count where independent candidates agree on them. The same arguments give the same proposals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec

from semi_instruct.harness.dataset.tasks import NaturalCode, Task
from semi_instruct.harness.problems.schema import Example
from semi_instruct.harness.synthesis.steps import Rejection


class Adapter(msgspec.Struct, frozen=True):
    """How a function is made to stand for a whole program.

    Attributes:
        parse: source that defines ``parse(text)``: the list of the function's arguments, from all that is read.
        show: source that defines ``show(value)``: the text that is printed of what the function returns.
    """

    parse: str
    show: str


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is asked of a programmer.

    Attributes:
        instruction: in words.
        kind, entry: what the code has to be; see ``harness.problems.schema.Problem``.
        adapter: of a function that answers a task of whole programs.
    """

    instruction: str
    kind: Literal["stdin", "function"]
    entry: str | None = None
    adapter: Adapter | None = None


class Proposal(msgspec.Struct, frozen=True):
    """An instruction and code that may do what it says."""

    ask: Ask
    source: str


class Rewritten(msgspec.Struct, frozen=True):
    """What came of a natural code.

    Attributes:
        faults: of texts that were no proposal, a word each.
    """

    found: tuple[Proposal, ...] = ()
    faults: tuple[str, ...] = ()


class Usage(msgspec.Struct, frozen=True):
    """What a generator has had to do.

    Attributes:
        texts: that were used, whether written now or kept from before.
        tokens: in these texts, as far as the model says.
        prompt_tokens: that a server says it has read, which is what it asks money for beside those it writes.
    """

    texts: int = 0
    tokens: int = 0
    prompt_tokens: int = 0

    def since(self, before: Usage) -> Usage:
        """What came after."""
        return Usage(self.texts - before.texts, self.tokens - before.tokens, self.prompt_tokens - before.prompt_tokens)


class Generator(Protocol):
    """Proposes instructions, codes, inputs and tests. Threads may share it, ``lanes`` at a time."""

    @property
    def name(self) -> str:
        """The model and whatever else decides what it proposes; it is noted with every pair."""

    @property
    def lanes(self) -> int:
        """How many tasks it works on at a time."""

    @property
    def usage(self) -> Usage:
        """What it has had to do so far."""

    def rewrite(self, task: Task, code: NaturalCode, samples: int, seed: int) -> Rewritten:
        """Clean, documented codes from a natural code, whole programs or functions, and instructions.

        An instruction may be left empty, to be written when the code is known to be right.
        """

    def instruct(self, task: Task, ask: Ask, source: str, seed: int) -> str | None:
        """The instruction that a right code of a task follows; None to give up.

        Args:
            ask: what the code is; without its instruction.
        """

    def inputs(self, task: Task, code: NaturalCode, seed: int) -> Sequence[Any]:
        """Inputs for a natural code: texts of stdin, or lists of arguments in the tagged JSON of examples."""

    def invent(self, seeds: Sequence[str], samples: int, seed: int) -> Sequence[Ask]:
        """New instructions, after the manner of these."""

    def solve(self, ask: Ask, samples: int, seed: int) -> Sequence[str]:
        """Codes from an instruction alone."""

    def tests(self, ask: Ask, seed: int) -> Sequence[Example]:
        """Inputs and expected outputs from an instruction alone."""

    def repair(self, ask: Ask, source: str, rejection: Rejection, seed: int) -> str | None:
        """Another code in the place of one that failed; None to give up."""
