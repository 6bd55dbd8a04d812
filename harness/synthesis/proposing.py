"""The inputs of a problem: proposed by a model, tried on the natural code, and asked for again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from semi_instruct.engine import Limits
from semi_instruct.engine.inside.values import encode
from semi_instruct.generator.parsing.inputs import InputList
from semi_instruct.generator.parsing.parsed import Parsed
from semi_instruct.generator.parsing.programs import GENERATE, VALID
from semi_instruct.generator.tasks import Feedback, Invalid, NaturalCode, Tasks
from semi_instruct.harness.synthesis.meter import MeteredModel
from semi_instruct.harness.synthesis.plan import Plan
from semi_instruct.harness.synthesis.steps import Steps
from semi_instruct.harness.synthesis.trying import Sandbox, Tried, living_mutants, tried

_SEEDS = 8
_PROGRAM_LIMITS = Limits(cpu_time=2.0)


@dataclass(slots=True)
class Round:
    """One list that was asked for.

    Attributes:
        task: ``inputs``, ``feedback``, ``edge_cases`` or ``programs``.
        fault: what was wrong with the text, or None.
        parsed: whether anything could be used.
        whole: whether all of it could be used.
        known: inputs that are copies of examples, or of what was valid before; they are not counted again.
        proposed, valid: other inputs, each counted once.
        why_invalid: the natural code's own errors.
    """

    task: str
    fault: str | None = None
    parsed: bool = False
    whole: bool = False
    known: int = 0
    proposed: int = 0
    valid: int = 0
    why_invalid: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Proposed:
    """All that a model proposed for a problem.

    Attributes:
        valid: inputs, in the order they came, each once.
        rounds: what was asked.
    """

    valid: list[Any] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)


class Proposing:
    """Asks for the inputs of one problem."""

    def __init__(self, natural: NaturalCode, sandbox: Sandbox, model: MeteredModel, tasks: Tasks, plan: Plan) -> None:
        self._natural = natural
        self._sandbox = sandbox
        self._steps = Steps(model.ask, tasks)
        self._plan = plan
        self._found = Proposed()

    def propose(self) -> Proposed:
        """Ask for all that the plan says.

        Raises:
            GeneratorError: see ``MeteredModel.ask``.
        """
        if self._plan.inputs:
            self._concrete()
        if self._plan.edge_cases:
            seed = self._seed("edge cases")
            self._list("edge_cases", self._steps.inputs(self._natural, self._plan.edge_cases, seed, edge=True))
        for number in range(self._plan.programs):
            self._program(number)
        return self._found

    def _concrete(self) -> None:
        wanted = self._plan.inputs
        last = self._list("inputs", self._steps.inputs(self._natural, wanted, self._seed("inputs")))
        for turn in range(self._plan.feedback):
            missing = wanted - len(self._found.valid)
            mutants = living_mutants(self._sandbox, last, self._plan.seed) if last.valid else ()
            if missing <= 0 and not mutants:
                return
            feedback = Feedback(tuple(self._found.valid), last.invalid, mutants)
            count = missing if missing > 0 else len(mutants)
            last = self._list(
                "feedback", self._steps.inputs(self._natural, count, self._seed(f"feedback {turn}"), feedback)
            )

    def _list(self, task: str, read: Parsed[InputList]) -> Tried:
        if read.value is None:
            return self._try(task, read.fault, ())
        misfits = [Invalid(one, f"expected {self._expected}") for one in read.value.misfits]
        return self._try(task, read.fault, read.value.inputs, misfits)

    @property
    def _expected(self) -> str:
        arity = self._natural.arity
        return "a text" if arity is None else f"a list of {arity} arguments"

    def _program(self, number: int) -> None:
        read = self._steps.input_program(self._natural, self._seed(f"programs {number}"))
        self._try("programs", read.fault, self._made_by(read.value) if read.value else ())

    def _made_by(self, source: str) -> Sequence[Any]:
        """The inputs that an input program makes and its validator takes."""
        calls = [[self._plan.seed * _SEEDS + number] for number in range(_SEEDS)]
        outcomes = self._sandbox.call(source, GENERATE, calls, _PROGRAM_LIMITS)
        made = [one.value for one in outcomes if not isinstance(one, str) and one.returned]
        usable = [one for one in made if isinstance(one, str if self._natural.entry is None else list)]
        judged = self._sandbox.call(source, VALID, [[one] for one in usable], _PROGRAM_LIMITS)
        taken = [
            one if isinstance(one, str) else encode(one)
            for one, outcome in zip(usable, judged, strict=True)
            if not isinstance(outcome, str) and outcome.value is True
        ]
        return list({json.dumps(one): one for one in taken}.values())

    def _try(self, task: str, fault: str | None, listed: Sequence[Any], misfits: Sequence[Invalid] = ()) -> Tried:
        known = [*(_bare(one.input) for one in self._natural.examples), *map(_bare, self._found.valid)]
        fresh = [one for one in listed if _bare(one) not in known]
        result = tried(self._sandbox, fresh)
        result = replace(result, invalid=(*result.invalid, *misfits))
        self._found.valid += result.valid
        errors = [one.error for one in result.invalid]
        self._found.rounds.append(
            Round(
                task,
                fault,
                parsed=bool(listed),
                whole=bool(listed) and fault is None and not misfits,
                known=len(listed) - len(fresh),
                proposed=len(fresh) + len(misfits),
                valid=len(result.valid),
                why_invalid=errors,
            )
        )
        return result

    def _seed(self, task: str) -> int:
        return self._plan.seed_for(self._sandbox.problem.id, task)


def _bare(proposed: Any) -> Any:
    """What makes an input another one: a text without the white space around it."""
    return proposed.strip() if isinstance(proposed, str) else proposed
