"""A language model as a generator: the prompts and parsers of ``generator/``, behind ``proposals.Generator``.

``generate`` and ``build`` both use it, so that both make the same requests and accept the same texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from semi_instruct.generator.model import Model, Request, Text
from semi_instruct.generator.parsing.code import Wanted
from semi_instruct.generator.parsing.inputs import InputList
from semi_instruct.generator.parsing.parsed import Parsed
from semi_instruct.generator.tasks import Failure, Feedback, NaturalCode, Tasks
from semi_instruct.harness.problems.schema import Example, Problem
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
from semi_instruct.harness.synthesis.natural import natural_code
from semi_instruct.harness.synthesis.plan import Plan, seed_for
from semi_instruct.harness.synthesis.proposals import (
    Adapter,
    Ask,
    Proposal,
    Rejection,
    Repair,
    Subject,
    Usage,
    Written,
)

# Where a corpus has neither statements nor titles, new instructions resemble these.
_TASKS = (
    "Write a function `second_largest(numbers)` that returns the second largest distinct number of a list, or None.",
    "Write a function `is_anagram(first, second)` that says whether two words have the same letters.",
    "Write a program that reads a line of words and prints the longest of them, the first one if there are several.",
)
_MAX_TASK_CHARACTERS = 300
_MAX_HAPPENED_CHARACTERS = 400
_TESTS = 6
_FUNCTION = re.compile(r"`([A-Za-z_]\w*)\(|function (?:named |called )?`?([A-Za-z_]\w*)`?\(")


@dataclass(frozen=True, slots=True)
class ModelGenerator:
    """See ``harness.synthesis.proposals.Generator``. Bad output of the model is a fault and never raises.

    Attributes:
        model: called on as many threads as it has lanes.
        listed: inputs to ask for, for each natural code, in one list; 0 for none.
        functions: how many times to ask for a whole program as a function too; 0 for never.
        tasks: the prompts.

    Raises:
        GeneratorError: from any method: the model cannot be reached, or the cache has no answer.
    """

    model: Model
    listed: int = Plan().inputs
    functions: int = 0
    tasks: Tasks = field(default_factory=Tasks)
    _used: Counter[str] = field(default_factory=Counter, init=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def lanes(self) -> int:
        """The model's lanes."""
        return self.model.lanes

    @property
    def usage(self) -> Usage:
        """The work done on all threads."""
        with self._lock:
            read = self.model.cost.prompt_tokens if self.model.cost is not None else 0
            return Usage(self._used["texts"], self._used["tokens"], read)

    def rewrite(self, subject: Subject, samples: int, seed: int, first: int = 0) -> Written[Proposal]:
        """Ask for the natural code as documented code, ``samples`` times, and as functions if that is wanted."""
        natural, problem = _natural(subject), subject.problem
        own = seed_for(seed, subject.id, f"pairs from {first}" if first else "pairs")
        request = self.tasks.documented(natural, samples, own)
        wanted = Wanted(request.messages, _names(problem.entry), tuple(problem.oracles))
        read = [pair_in(text, wanted) for text in self._ask(request)]
        values = [
            Proposal(Ask(pair.instruction or "", problem.kind, problem.entry), pair.code) for pair in _values(read)
        ]
        faults = _faults(read)
        if self.functions and problem.entry is None:
            more = self._as_functions(subject, natural, seed)
            return Written((*values, *more.values), (*faults, *more.faults))
        return Written(tuple(values), faults)

    def _as_functions(self, subject: Subject, natural: NaturalCode, seed: int) -> Written[Proposal]:
        """A whole program as functions, each with its adapter."""
        request = self.tasks.functions(natural, self.functions, seed_for(seed, subject.id, "functions"))
        read = [adapted_in(text, Wanted(request.messages)) for text in self._ask(request)]
        values = [
            Proposal(Ask("", "function", one.entry, Adapter(one.parse, one.show)), one.function)
            for one in _values(read)
        ]
        return Written(tuple(values), _faults(read))

    def inputs(self, subject: Subject, seed: int) -> Sequence[Any]:
        """Propose inputs that resemble the examples."""
        if not self.listed:
            return []
        read = self.input_list(subject, self.listed, seed)
        return read.value.inputs if read.value is not None else []

    def input_list(
        self,
        subject: Subject,
        count: int,
        seed: int,
        task: str = "inputs",
        feedback: Feedback | None = None,
        *,
        edge: bool = False,
    ) -> Parsed[InputList]:
        """Ask for a list of inputs; see ``generator.tasks.Tasks.inputs``.

        Args:
            task: what the seed is derived from, beside the subject.
        """
        natural = _natural(subject)
        request = self.tasks.inputs(natural, count, seed_for(seed, subject.id, task), feedback, edge)
        return inputs_in(self._ask(request)[0], natural.arity)

    def input_program(self, subject: Subject, number: int, seed: int) -> Parsed[str]:
        """Ask for a program that makes inputs, with a validator."""
        natural = _natural(subject)
        request = self.tasks.programs(natural, 1, seed_for(seed, subject.id, f"programs {number}"))
        return programs_in(self._ask(request)[0], Wanted(request.messages, not_these=(natural.source,)))

    def repair(self, repair: Repair, seed: int) -> Written[str]:
        """Ask for code without the mistake that a counterexample shows; nothing where there is no counterexample."""
        if repair.rejection.input is None:
            return Written()
        ask, source = repair.proposal.ask, repair.proposal.source
        own = seed_for(seed, *(repair.seed_key or (f"{ask.instruction}\n{source}", "repair")))
        request = self.tasks.repairs(ask.instruction or None, source, ask.entry, _failure(repair.rejection), 1, own)
        wanted = Wanted(request.messages, _names(ask.entry), repair.copies)
        return _written([code_in(self._ask(request)[0], wanted)])

    def instruct(self, problem: Problem, ask: Ask, source: str, seed: int) -> Written[str]:
        """Ask a few times for the instruction that code follows: small models write it best when the code is known."""
        # The values that a function of a whole program is given and returns are known for no example.
        examples = natural_code(problem).shown if ask.adapter is None else []
        about = problem.id if ask.adapter is None else f"{problem.id}/{ask.entry}"
        request = self.tasks.instruction(source, ask.entry, examples, seed_for(seed, about, "instruction"))
        return _written([instruction_of(text, request.messages) for text in self._ask(request)])

    def invent(self, seeds: Sequence[str], samples: int, seed: int) -> Sequence[Ask]:
        """Ask for new instructions; those that name a function are for functions, others for whole programs."""
        like = [" ".join(one.split())[:_MAX_TASK_CHARACTERS] for one in seeds] or list(_TASKS)
        request = self.tasks.instructions(like, samples, seed_for(seed, "\n".join(like), "instructions"))
        read = instructions_in(self._ask(request)[0], frozenset(like))
        return [_asked(one) for one in (read.value or ())[:samples]]

    def solve(self, ask: Ask, samples: int, seed: int) -> Sequence[str]:
        """Ask for code from an instruction alone, ``samples`` times."""
        own = seed_for(seed, ask.instruction, "codes")
        request = self.tasks.codes(ask.instruction, ask.entry, samples, own)
        wanted = Wanted(request.messages, _names(ask.entry))
        return _values(code_in(text, wanted) for text in self._ask(request))

    def tests(self, ask: Ask, seed: int) -> Sequence[Example]:
        """Ask for inputs and outputs from an instruction alone."""
        request = self.tasks.tests(ask.instruction, ask.entry, _TESTS, seed_for(seed, ask.instruction, "tests"))
        read = examples_in(self._ask(request)[0], ask.entry)
        return [Example(one.input, one.output) for one in read.value or ()]

    def _ask(self, request: Request) -> list[Text]:
        [texts] = self.model.generate([request])
        with self._lock:
            self._used.update(texts=len(texts), tokens=sum(text.tokens or 0 for text in texts))
        return texts


def _natural(subject: Subject) -> NaturalCode:
    return natural_code(subject.problem, subject.index)


def _failure(rejection: Rejection) -> Failure:
    """The counterexample as a model reads it."""
    if rejection.verdict is Verdict.WRONG_ANSWER:
        happened = f"it gives {rejection.actual!r}"
    else:
        happened = f"it ends with {rejection.verdict.value.replace('_', ' ')}: {rejection.detail}"
    return Failure(rejection.input, rejection.expected, happened[:_MAX_HAPPENED_CHARACTERS])


def _names(entry: str | None) -> frozenset[str]:
    return frozenset([entry] if entry else [])


def _written[Value](read: Sequence[Parsed[Value]]) -> Written[Value]:
    return Written(tuple(_values(read)), _faults(read))


def _values[Value](read: Iterable[Parsed[Value]]) -> list[Value]:
    return [one.value for one in read if one.value is not None]


def _faults(read: Sequence[Parsed[Any]]) -> tuple[str, ...]:
    return tuple(one.fault.value for one in read if one.value is None and one.fault)


def _asked(instruction: str) -> Ask:
    named = _FUNCTION.search(instruction)
    return Ask(instruction, "function", named[1] or named[2]) if named else Ask(instruction, "stdin")
