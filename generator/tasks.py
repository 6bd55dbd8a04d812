"""What models are asked to do: a prompt file, what is filled in, and how the answer is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semi_instruct.generator.input_shapes import pattern_like
from semi_instruct.generator.model import Request, Sampling
from semi_instruct.generator.prompting import FOLDER, messages
from semi_instruct.generator.schemas import input_list, test_list

# Longer examples and inputs are not shown to a model.
MAX_SHOWN_CHARACTERS = 600
_MAX_EXAMPLES = 3
_MAX_RIGHT = 5
_MAX_WRONG = 3
_INSTRUCTIONS = 2

FOR_INPUTS = Sampling(temperature=0.7, max_tokens=400)
# Held to the shape of known inputs, a small model copies them at less.
FOR_SHAPED_INPUTS = Sampling(temperature=1.3, top_p=1.0, max_tokens=400)
FOR_TESTS = Sampling(temperature=0.7, max_tokens=512)
FOR_CODE = Sampling(temperature=0.5, max_tokens=320)
# Most of it is copied: what is not likely is a mistake.
FOR_DOCUMENTED = Sampling(temperature=0.3, max_tokens=400)
# The code once more, and two functions beside it.
FOR_FUNCTIONS = Sampling(temperature=0.3, max_tokens=560)
FOR_INSTRUCTION = Sampling(temperature=0.3, max_tokens=120)


@dataclass(frozen=True, slots=True)
class Example:
    """An input and what the natural code answers: texts, or a list of arguments and a value of plain JSON."""

    input: Any
    output: Any


@dataclass(frozen=True, slots=True)
class NaturalCode:
    """Code that a person wrote, and what is known of it.

    Attributes:
        entry: the function that it defines; None for a whole program.
        examples: inputs that are known to be valid, the simplest first.
    """

    source: str
    entry: str | None = None
    examples: tuple[Example, ...] = ()

    @property
    def arity(self) -> int | None:
        """How many arguments the function takes, by its examples; None for a whole program."""
        if self.entry is None:
            return None
        return len(self.examples[0].input) if self.examples else 1

    @property
    def shown(self) -> list[Example]:
        """A few examples that are short enough to be shown."""
        short = [one for one in self.examples if len(str(one.input)) + len(str(one.output)) <= MAX_SHOWN_CHARACTERS]
        return short[:_MAX_EXAMPLES]


@dataclass(frozen=True, slots=True)
class Invalid:
    """An input that the natural code failed on, and its error."""

    input: Any
    error: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mistake in the code that no input so far shows.

    Attributes:
        line: from 1.
        before, after: what stands there in the right code, and in the wrong one.
    """

    line: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """What became of the inputs of the last round."""

    valid: tuple[Any, ...] = ()
    invalid: tuple[Invalid, ...] = ()
    mutants: tuple[Mutation, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """How a candidate fails.

    Attributes:
        happened: what it did, as the end of a sentence.
    """

    input: Any
    expected: Any
    happened: str


@dataclass(frozen=True, slots=True)
class Tasks:
    """Makes the requests.

    Attributes:
        prompts: the folder of the prompt files.
    """

    prompts: Path = FOLDER

    def inputs(
        self,
        natural: NaturalCode,
        count: int,
        seed: int,
        feedback: Feedback | None = None,
        edge: bool = False,
    ) -> Request:
        """Ask for concrete inputs of a natural code.

        Args:
            count: how many inputs, in one text.
            feedback: on the inputs before; None to begin.
            edge: ask for edge cases.
        """
        told = feedback or Feedback()
        known_right = [example.input for example in natural.shown]
        right = [*known_right, *(one for one in _short(told.valid) if one not in known_right)][:_MAX_RIGHT]
        asked = messages(
            "inputs",
            self.prompts,
            code=natural.source.strip(),
            entry=natural.entry,
            arity=natural.arity,
            count=count,
            right=right,
            invalid=[wrong for wrong in told.invalid if len(str(wrong.input)) <= MAX_SHOWN_CHARACTERS][:_MAX_WRONG],
            mutants=told.mutants,
            edge=edge,
        )
        known = [example.input for example in natural.examples] or list(told.valid)
        # Edge cases are to be of other sizes than what is known.
        pattern = None if edge or natural.entry is not None else pattern_like([*map(str, right)])
        schema = input_list(count, None if natural.entry is None else known, pattern)
        return Request(asked, 1, seed, FOR_INPUTS if pattern is None else FOR_SHAPED_INPUTS, schema)

    def documented(self, natural: NaturalCode, count: int, seed: int) -> Request:
        """Ask for the natural code as code that can be read, so many times.

        The code comes first, and its instruction when it is known to be right: asked for an instruction first, small
        models follow their own instruction, which is wrong, and not the code.
        """
        prompt = "documented" if natural.entry is None else "documented_function"
        return Request(self._about(prompt, natural, examples=natural.shown[:1]), count, seed, FOR_DOCUMENTED)

    def functions(self, natural: NaturalCode, count: int, seed: int) -> Request:
        """Ask for a whole program as a function, with what reads its arguments and prints what it returns."""
        asked = self._about("function_of_program", natural, examples=natural.shown[:1])
        return Request(asked, count, seed, FOR_FUNCTIONS)

    def instruction(self, code: str, entry: str | None, examples: Sequence[Example], seed: int) -> Request:
        """Ask for the instruction that a code follows, a few times: the first that can be used is.

        Args:
            code: documented.
            entry: the function that it defines; None for a whole program.
            examples: of what it is equal to; the first is shown.
        """
        asked = messages("instruction", self.prompts, code=code.strip(), entry=entry, examples=examples[:1])
        return Request(asked, _INSTRUCTIONS, seed, FOR_INSTRUCTION)

    def programs(self, natural: NaturalCode, count: int, seed: int) -> Request:
        """Ask for an input program and a validator, so many times."""
        shown = [example.input for example in natural.shown]
        return Request(self._about("programs", natural, examples=shown), count, seed, FOR_CODE)

    def codes(
        self, instruction: str, entry: str | None, count: int, seed: int, examples: Sequence[Example] = ()
    ) -> Request:
        """Ask for code that follows an instruction, so many times."""
        asked = messages("code", self.prompts, instruction=instruction, entry=entry, examples=examples)
        return Request(asked, count, seed, FOR_CODE)

    def tests(self, instruction: str, entry: str | None, count: int, seed: int) -> Request:
        """Ask for tests from an instruction alone, in one text."""
        asked = messages("tests", self.prompts, instruction=instruction, entry=entry, count=count)
        return Request(asked, 1, seed, FOR_TESTS, test_list(count, entry))

    def repairs(
        self, instruction: str | None, code: str, entry: str | None, failure: Failure, count: int, seed: int
    ) -> Request:
        """Ask for a candidate without the mistake that a counterexample shows, so many times."""
        asked = messages(
            "repair",
            self.prompts,
            instruction=instruction,
            code=code.strip(),
            entry=entry,
            input=failure.input,
            expected=failure.expected,
            happened=failure.happened,
        )
        return Request(asked, count, seed, FOR_CODE)

    def instructions(self, tasks: Sequence[str], count: int, seed: int) -> Request:
        """Ask for new instructions like these."""
        return Request(messages("instructions", self.prompts, tasks=tasks, count=count), 1, seed, FOR_CODE)

    def _about(self, prompt: str, natural: NaturalCode, examples: Sequence[Any]) -> Any:
        return messages(
            prompt,
            self.prompts,
            code=natural.source.strip(),
            entry=natural.entry,
            arity=natural.arity,
            examples=examples,
        )


def _short(inputs: Sequence[Any]) -> list[Any]:
    return [one for one in inputs if len(str(one)) <= MAX_SHOWN_CHARACTERS]
