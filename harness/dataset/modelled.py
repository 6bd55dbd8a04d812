"""A language model as the generator of a build: the prompts and parsers of ``generator/``, asked a task at a time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from semi_instruct.generator.model import Model, Request, Text
from semi_instruct.generator.parsing.parsed import Parsed
from semi_instruct.generator.tasks import NaturalCode as Shown
from semi_instruct.generator.tasks import Tasks
from semi_instruct.harness.dataset.proposing import Adapter, Ask, Proposal, Rewritten, Usage
from semi_instruct.harness.dataset.tasks import NaturalCode, Task
from semi_instruct.harness.problems.schema import Example
from semi_instruct.harness.synthesis.natural import natural_code
from semi_instruct.harness.synthesis.plan import Plan
from semi_instruct.harness.synthesis.steps import Rejection, Steps

# Where a corpus has neither statements nor titles, new instructions are after the manner of these.
_TASKS = (
    "Write a function `second_largest(numbers)` that returns the second largest distinct number of a list, or None.",
    "Write a function `is_anagram(first, second)` that says whether two words have the same letters.",
    "Write a program that reads a line of words and prints the longest of them, the first one if there are several.",
)
_MAX_TASK_CHARACTERS = 300
_TESTS = 6
_FUNCTION = re.compile(r"`([A-Za-z_]\w*)\(|function (?:named |called )?`?([A-Za-z_]\w*)`?\(")


@dataclass(frozen=True, slots=True)
class ModelGenerator:
    """See ``harness.dataset.proposing.Generator``. Bad output of the model is a fault, and never raises.

    Attributes:
        model: asked on as many threads as it has lanes.
        listed: inputs to ask for, for each natural code, in one list; 0 for none.
        functions: how many times to ask for a whole program as a function too; 0 for never.

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
        """The model's."""
        return self.model.name

    @property
    def lanes(self) -> int:
        """The model's."""
        return self.model.lanes

    @property
    def usage(self) -> Usage:
        """Of all threads."""
        with self._lock:
            read = self.model.cost.prompt_tokens if self.model.cost is not None else 0
            return Usage(self._used["texts"], self._used["tokens"], read)

    def rewrite(self, task: Task, code: NaturalCode, samples: int, seed: int) -> Rewritten:
        """The natural code as code that can be read; mostly without an instruction, see :meth:`instruct`."""
        copies = [one.source for one in task.codes]
        own = _seed(seed, f"{task.id}/{code.id}", "pairs")
        read = self._steps.rewrite(_shown(task, code), samples, own, copies)
        pairs = dict.fromkeys(one.value for one in read if one.value is not None)
        found = [Proposal(Ask(pair.instruction or "", task.kind, task.entry), pair.code) for pair in pairs]
        faults = _faults(read)
        if self.functions and task.entry is None:
            more = self._as_functions(task, code, seed)
            return Rewritten((*found, *more.found), (*faults, *more.faults))
        return Rewritten(tuple(found), faults)

    def _as_functions(self, task: Task, code: NaturalCode, seed: int) -> Rewritten:
        """A whole program as functions, each with its adapter."""
        own = _seed(seed, f"{task.id}/{code.id}", "functions")
        read = self._steps.as_functions(_shown(task, code), self.functions, own)
        found = [
            Proposal(Ask("", "function", one.entry, Adapter(one.parse, one.show)), one.function)
            for one in dict.fromkeys(each.value for each in read if each.value is not None)
        ]
        return Rewritten(tuple(found), _faults(read))

    def instruct(self, task: Task, ask: Ask, source: str, seed: int) -> str | None:
        """The instruction that a code follows, as small models say it best: when the code is known."""
        # What a function of a program is given and returns, in values, nobody has said.
        examples = _shown(task, task.codes[0]).shown if ask.adapter is None else []
        about = task.id if ask.adapter is None else f"{task.id}/{ask.entry}"
        read = self._steps.instruct(source, ask.entry, examples, _seed(seed, about, "instruction"))
        return next((one.value for one in read if one.value is not None), None)

    def inputs(self, task: Task, code: NaturalCode, seed: int) -> Sequence[Any]:
        """Inputs after the manner of the examples."""
        if not self.listed:
            return []
        own = _seed(seed, f"{task.id}/{code.id}", "inputs")
        read = self._steps.inputs(_shown(task, code), self.listed, own)
        return read.value.inputs if read.value is not None else []

    def invent(self, seeds: Sequence[str], samples: int, seed: int) -> Sequence[Ask]:
        """New instructions; of functions where they name one, else of whole programs."""
        like = [" ".join(one.split())[:_MAX_TASK_CHARACTERS] for one in seeds] or list(_TASKS)
        read = self._steps.invent(like, samples, _seed(seed, "\n".join(like), "instructions"))
        return [_asked(one) for one in (read.value or ())[:samples]]

    def solve(self, ask: Ask, samples: int, seed: int) -> Sequence[str]:
        """Codes from an instruction alone."""
        read = self._steps.solve(ask.instruction, ask.entry, samples, _seed(seed, ask.instruction, "codes"))
        return [one.value for one in read if one.value is not None]

    def tests(self, ask: Ask, seed: int) -> Sequence[Example]:
        """Inputs and outputs from an instruction alone."""
        read = self._steps.tests(ask.instruction, ask.entry, _TESTS, _seed(seed, ask.instruction, "tests"))
        return [Example(one.input, one.output) for one in read.value or ()]

    def repair(self, ask: Ask, source: str, rejection: Rejection, seed: int) -> str | None:
        """Another code; None where no counterexample can be shown."""
        if rejection.input is None:
            return None
        own = _seed(seed, f"{ask.instruction}\n{source}", "repair")
        return self._steps.repair(ask.instruction or None, source, ask.entry, rejection, own, [source]).value

    @property
    def _steps(self) -> Steps:
        return Steps(self._ask, self.tasks)

    def _ask(self, request: Request) -> list[Text]:
        [texts] = self.model.generate([request])
        with self._lock:
            self._used.update(texts=len(texts), tokens=sum(text.tokens or 0 for text in texts))
        return texts


def _shown(task: Task, code: NaturalCode) -> Shown:
    return natural_code(task.problem([code.source], ()))


def _seed(seed: int, about: str, task: str) -> int:
    return Plan(seed=seed).seed_for(about, task)


def _faults(read: Sequence[Parsed[Any]]) -> tuple[str, ...]:
    return tuple(one.fault.value for one in read if one.value is None and one.fault)


def _asked(instruction: str) -> Ask:
    named = _FUNCTION.search(instruction)
    return Ask(instruction, "function", named[1] or named[2]) if named else Ask(instruction, "stdin")
