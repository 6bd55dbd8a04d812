"""What a generator is asked for, and what it proposes.

A generator only proposes text. Nothing that it says is believed: programs are run, inputs are answered by oracles, and
tests count where independent candidates agree on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec

from semi_instruct.harness.problems.schema import Example, Problem
from semi_instruct.harness.problems.verdicts import Verdict


class Adapter(msgspec.Struct, frozen=True):
    """What turns a function into a whole program.

    Attributes:
        parse: source that defines ``parse(text)``, which returns the function's arguments as a list, given stdin.
        show: source that defines ``show(value)``, which returns the text to print, given the function's result.
    """

    parse: str
    show: str


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a code has to be.

    Attributes:
        instruction: in words; empty where it is not written yet.
        kind, entry: how the code is called; see ``harness.problems.schema.Problem``.
        adapter: for a function that answers a task of whole programs.
    """

    instruction: str
    kind: Literal["stdin", "function"]
    entry: str | None = None
    adapter: Adapter | None = None


class Proposal(msgspec.Struct, frozen=True):
    """An instruction and code that may follow it.

    Attributes:
        id: unique among the codes for its task; empty until ``harness.synthesis.flow`` names it.
    """

    ask: Ask
    source: str
    id: str = ""

    def named(self, name: str) -> Proposal:
        """This proposal with an id."""
        return msgspec.structs.replace(self, id=name)


class Proposals(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was proposed in one step.

    Attributes:
        inputs: for the natural codes, as ``harness.problems.schema.Example.input``.
        faults: for each text without a code: a name for it, and what is wrong with it as one word.
        doubles: codes that were left out because they were proposed before.
    """

    codes: tuple[Proposal, ...] = ()
    inputs: tuple[object, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()
    doubles: int = 0


class Instructions(msgspec.Struct, frozen=True, omit_defaults=True):
    """Instructions that were written for right codes.

    Attributes:
        written: instruction by id of the code.
        faults: for each text without an instruction, what is wrong with it as one word.
    """

    written: dict[str, str] = {}
    faults: tuple[str, ...] = ()


class Written[Value](msgspec.Struct, frozen=True):
    """The texts that answer one request.

    Attributes:
        values: what could be used of them, in order; the same value may occur more than once.
        faults: for each other text, what is wrong with it as one word.
    """

    values: tuple[Value, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """A natural code that is to be rewritten.

    Attributes:
        id: unique; seeds are derived from it.
        problem: what it solves. Its oracles are the known solutions, which must not be returned as they are.
        index: of the natural code among these oracles.
        name: unique within the problem.
    """

    id: str
    problem: Problem
    index: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a candidate was rejected.

    Attributes:
        input, expected, actual: of its smallest known counterexample; None if there is none.
        detail: the verdict's detail.
    """

    verdict: Verdict
    input: Any = None
    expected: Any = None
    actual: Any = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Repair:
    """A rejected code that is to be repaired.

    Attributes:
        proposal: the rejected code.
        name: id for the repaired code.
        copies: sources that must not be returned as they are.
        seed_key: what the seed is derived from, as subject and task; None for the instruction and the source.
        keeps_instruction: whether the repaired code keeps its instruction; it is written anew otherwise.
    """

    proposal: Proposal
    rejection: Rejection
    name: str = ""
    copies: tuple[str, ...] = ()
    seed_key: tuple[str, str] | None = None
    keeps_instruction: bool = True


class Usage(msgspec.Struct, frozen=True):
    """The work of a generator.

    Attributes:
        texts: texts used, whether written now or read from a cache.
        tokens: tokens in these texts, as far as the model reports them.
        prompt_tokens: tokens that a server reports to have read, which it charges for in addition.
    """

    texts: int = 0
    tokens: int = 0
    prompt_tokens: int = 0

    def since(self, before: Usage) -> Usage:
        """The work done after ``before`` was taken."""
        return Usage(self.texts - before.texts, self.tokens - before.tokens, self.prompt_tokens - before.prompt_tokens)


class Generator(Protocol):
    """Proposes instructions, codes, inputs and tests. Threads may share it, ``lanes`` at a time.

    ``seed`` is that of the whole run: the same arguments give the same proposals.
    """

    @property
    def name(self) -> str:
        """The model and whatever else decides what it proposes; recorded with every pair."""

    @property
    def lanes(self) -> int:
        """How many tasks it works on at a time."""

    @property
    def usage(self) -> Usage:
        """Its work so far."""

    def rewrite(self, subject: Subject, samples: int, seed: int, first: int = 0) -> Written[Proposal]:
        """Rewrite a natural code as clean, documented code: whole programs or functions, with instructions.

        An instruction may be left empty, to be written when the code is known to be right.

        Args:
            first: how many samples were asked for before.
        """

    def inputs(self, subject: Subject, seed: int) -> Sequence[Any]:
        """Propose inputs for a natural code: texts of stdin, or lists of arguments in the tagged JSON of examples."""

    def repair(self, repair: Repair, seed: int) -> Written[str]:
        """Propose other code for a rejected one."""

    def instruct(self, problem: Problem, ask: Ask, source: str, seed: int) -> Written[str]:
        """Write the instruction that a right code for a problem follows. The first that can be used counts.

        Args:
            ask: what the code is; its instruction is empty.
        """

    def invent(self, seeds: Sequence[str], samples: int, seed: int) -> Sequence[Ask]:
        """Invent new instructions that resemble these."""

    def solve(self, ask: Ask, samples: int, seed: int) -> Sequence[str]:
        """Write codes from an instruction alone."""

    def tests(self, ask: Ask, seed: int) -> Sequence[Example]:
        """Write inputs and expected outputs from an instruction alone."""
