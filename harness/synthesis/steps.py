"""The steps of Semi-Instruct: each asks a model for one thing and parses its texts.

``generate`` and ``build`` both use them, so that both make the same requests and accept the same texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from semi_instruct.generator.model import Request, Text
from semi_instruct.generator.parsing.adapted import Adapted
from semi_instruct.generator.parsing.code import Wanted
from semi_instruct.generator.parsing.inputs import InputList
from semi_instruct.generator.parsing.pairs import Pair
from semi_instruct.generator.parsing.parsed import Parsed
from semi_instruct.generator.tasks import Example, Failure, Feedback, NaturalCode, Tasks
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.synthesis.model_text import (
    adapted_in,
    code_in,
    examples_in,
    inputs_in,
    instruction_of,
    instructions_in,
    pair_in,
    programs_in,
)

_MAX_HAPPENED_CHARACTERS = 400


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

    @property
    def as_failure(self) -> Failure:
        """The counterexample as a model reads it."""
        if self.verdict is Verdict.WRONG_ANSWER:
            happened = f"it gives {self.actual!r}"
        else:
            happened = f"it ends with {self.verdict.value.replace('_', ' ')}: {self.detail}"
        return Failure(self.input, self.expected, happened[:_MAX_HAPPENED_CHARACTERS])


@dataclass(frozen=True, slots=True)
class Steps:
    """Asks a model. A text that cannot be used is a ``Parsed`` with a fault; nothing is raised for it.

    Attributes:
        ask: returns the texts for a request, and raises ``GeneratorError`` if the model cannot be reached or the cache
            has no answer.
        tasks: the prompts.
    """

    ask: Callable[[Request], list[Text]]
    tasks: Tasks = field(default_factory=Tasks)

    def rewrite(self, natural: NaturalCode, samples: int, seed: int, copies: Sequence[str]) -> list[Parsed[Pair]]:
        """Ask for natural code as documented code, ``samples`` times.

        Args:
            copies: sources that the model must not return.
        """
        request = self.tasks.documented(natural, samples, seed)
        wanted = Wanted(request.messages, _names(natural.entry), tuple(copies))
        return [pair_in(text, wanted) for text in self.ask(request)]

    def as_functions(self, natural: NaturalCode, samples: int, seed: int) -> list[Parsed[Adapted]]:
        """Ask for a whole program as a function with its adapter, ``samples`` times."""
        request = self.tasks.functions(natural, samples, seed)
        return [adapted_in(text, Wanted(request.messages)) for text in self.ask(request)]

    def instruct(self, source: str, entry: str | None, examples: Sequence[Example], seed: int) -> list[Parsed[str]]:
        """Ask for the instruction that code follows, a few times. The first that can be used counts."""
        request = self.tasks.instruction(source, entry, examples, seed)
        return [instruction_of(text, request.messages) for text in self.ask(request)]

    def repair(
        self,
        instruction: str | None,
        source: str,
        entry: str | None,
        rejection: Rejection,
        seed: int,
        copies: Sequence[str],
    ) -> Parsed[str]:
        """Ask for code without the mistake that a counterexample shows.

        Args:
            copies: sources that the model must not return.
        """
        request = self.tasks.repairs(instruction, source, entry, rejection.as_failure, 1, seed)
        return code_in(self.ask(request)[0], Wanted(request.messages, _names(entry), tuple(copies)))

    def inputs(
        self,
        natural: NaturalCode,
        count: int,
        seed: int,
        feedback: Feedback | None = None,
        *,
        edge: bool = False,
    ) -> Parsed[InputList]:
        """Ask for a list of inputs; see ``generator.tasks.Tasks.inputs``."""
        request = self.tasks.inputs(natural, count, seed, feedback, edge)
        return inputs_in(self.ask(request)[0], natural.arity)

    def input_program(self, natural: NaturalCode, seed: int) -> Parsed[str]:
        """Ask for a program that makes inputs, with a validator."""
        request = self.tasks.programs(natural, 1, seed)
        return programs_in(self.ask(request)[0], Wanted(request.messages, not_these=(natural.source,)))

    def invent(self, examples: Sequence[str], count: int, seed: int) -> Parsed[tuple[str, ...]]:
        """Ask for new instructions that resemble the examples."""
        return instructions_in(self.ask(self.tasks.instructions(examples, count, seed))[0], frozenset(examples))

    def solve(self, instruction: str, entry: str | None, samples: int, seed: int) -> list[Parsed[str]]:
        """Ask for code from an instruction alone, ``samples`` times."""
        request = self.tasks.codes(instruction, entry, samples, seed)
        wanted = Wanted(request.messages, _names(entry))
        return [code_in(text, wanted) for text in self.ask(request)]

    def tests(self, instruction: str, entry: str | None, count: int, seed: int) -> Parsed[tuple[Example, ...]]:
        """Ask for inputs and outputs from an instruction alone."""
        return examples_in(self.ask(self.tasks.tests(instruction, entry, count, seed))[0], entry)


def _names(entry: str | None) -> frozenset[str]:
    return frozenset([entry] if entry else [])
