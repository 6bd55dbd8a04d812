"""Inputs for a problem: those that a model proposes, tried on the natural code, and calls by the types it wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import msgspec

from semi_instruct.engine import Limits
from semi_instruct.engine.inside.values import ValueRefused, encode
from semi_instruct.generator.parsing.inputs import InputList
from semi_instruct.generator.parsing.parsed import Parsed
from semi_instruct.generator.parsing.programs import GENERATE, VALID
from semi_instruct.generator.tasks import Feedback, Invalid
from semi_instruct.harness.analysis.helper_process import AnalysisFailed, call_limited
from semi_instruct.harness.inputs.calls import Domain, domain_of, generated_calls
from semi_instruct.harness.inputs.calls.relations import Arguments
from semi_instruct.harness.inputs.calls.signature import signature_of
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.synthesis.model_generator import ModelGenerator
from semi_instruct.harness.synthesis.natural import natural_code
from semi_instruct.harness.synthesis.plan import Plan
from semi_instruct.harness.synthesis.proposals import Subject
from semi_instruct.harness.synthesis.trying import Sandbox, Tried, living_mutants, tried

_SEEDS = 8
_PROGRAM_LIMITS = Limits(cpu_time=2.0)


@dataclass(slots=True)
class InputRound:
    """One list that was asked for.

    Attributes:
        task: ``inputs``, ``feedback``, ``edge_cases`` or ``programs``.
        fault: the fault of the text, or None.
        parsed: whether any of it could be used.
        whole: whether all of it could be used.
        known: inputs that are copies of examples or of earlier valid inputs; they are not counted again.
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
class TriedInputs:
    """All inputs that a model proposed for a problem.

    Attributes:
        valid: inputs, in the order they came, each once.
        rounds: the lists that were asked for.
    """

    valid: list[Any] = field(default_factory=list)
    rounds: list[InputRound] = field(default_factory=list)


class InputRounds:
    """Asks for the inputs of one problem, tries them and reports the results to the model."""

    def __init__(self, subject: Subject, sandbox: Sandbox, generator: ModelGenerator, plan: Plan) -> None:
        self._subject = subject
        self._natural = natural_code(subject.problem, subject.index)
        self._sandbox = sandbox
        self._generator = generator
        self._plan = plan
        self._found = TriedInputs()

    def propose(self) -> TriedInputs:
        """Ask for everything in the plan.

        Raises:
            GeneratorError: the model cannot be reached, or the cache has no answer.
        """
        seed = self._plan.seed
        if self._plan.inputs:
            self._concrete()
        if self._plan.edge_cases:
            count = self._plan.edge_cases
            read = self._generator.input_list(self._subject, count, seed, "edge cases", edge=True)
            self._list("edge_cases", read)
        for number in range(self._plan.programs):
            program = self._generator.input_program(self._subject, number, seed)
            self._try("programs", program.fault, self._made_by(program.value) if program.value else ())
        return self._found

    def _concrete(self) -> None:
        wanted, seed = self._plan.inputs, self._plan.seed
        last = self._list("inputs", self._generator.input_list(self._subject, wanted, seed))
        for turn in range(self._plan.feedback):
            missing = wanted - len(self._found.valid)
            mutants = living_mutants(self._sandbox, last, seed) if last.valid else ()
            if missing <= 0 and not mutants:
                return
            feedback = Feedback(tuple(self._found.valid), last.invalid, mutants)
            count = missing if missing > 0 else len(mutants)
            read = self._generator.input_list(self._subject, count, seed, f"feedback {turn}", feedback)
            last = self._list("feedback", read)

    def _list(self, task: str, read: Parsed[InputList]) -> Tried:
        if read.value is None:
            return self._try(task, read.fault, ())
        misfits = [Invalid(one, f"expected {self._expected}") for one in read.value.misfits]
        return self._try(task, read.fault, read.value.inputs, misfits)

    @property
    def _expected(self) -> str:
        arity = self._natural.arity
        return "a text" if arity is None else f"a list of {arity} arguments"

    def _made_by(self, source: str) -> Sequence[Any]:
        """The inputs that an input program makes and its validator accepts."""
        calls = [[self._plan.seed * _SEEDS + number] for number in range(_SEEDS)]
        outcomes = self._sandbox.call(source, GENERATE, calls, _PROGRAM_LIMITS)
        made = [one.value for one in outcomes if one.returned]
        usable = [one for one in made if isinstance(one, str if self._natural.entry is None else list)]
        judged = self._sandbox.call(source, VALID, [[one] for one in usable], _PROGRAM_LIMITS)
        accepted = [
            one if isinstance(one, str) else encode(one)
            for one, outcome in zip(usable, judged, strict=True)
            if outcome.value is True
        ]
        return list({json.dumps(one): one for one in accepted}.values())

    def _try(self, task: str, fault: str | None, listed: Sequence[Any], misfits: Sequence[Invalid] = ()) -> Tried:
        known = [*(_stripped(one.input) for one in self._natural.examples), *map(_stripped, self._found.valid)]
        fresh = [one for one in listed if _stripped(one) not in known]
        result = tried(self._sandbox, fresh)
        result = replace(result, invalid=(*result.invalid, *misfits))
        self._found.valid += result.valid
        errors = [one.error for one in result.invalid]
        self._found.rounds.append(
            InputRound(
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


def _stripped(proposed: Any) -> Any:
    """An input for comparison: white space around a text makes no difference."""
    return proposed.strip() if isinstance(proposed, str) else proposed


def inputs_by_types(problem: Problem, codes: Iterable[str], count: int, seed: int) -> list[Any]:
    """Return up to ``count`` calls by the types that the first typed code gives its arguments, simple ones first.

    There are none where the problem has types of its own. Each is a list of arguments in tagged JSON; the seed decides
    all of them.
    """
    try:
        made = call_limited(_inputs_by_types, problem, tuple(codes), count, seed)
    except AnalysisFailed:  # the code is beyond the limits, so no types can be read from it
        return []
    return [arguments for arguments in made if isinstance(arguments, list)]


def _inputs_by_types(problem: Problem, codes: tuple[str, ...], count: int, seed: int) -> list[Any]:
    domain = _domain_by_types(problem, codes)
    if domain is None:
        return []
    return [tree for call in islice(generated_calls(domain, seed), count) if (tree := _as_tree(call.arguments))]


def _domain_by_types(problem: Problem, codes: Iterable[str]) -> Domain | None:
    entry = problem.entry or ""
    known = signature_of(problem.oracles, entry)
    if problem.kind != "function" or (known is not None and known.says_something):
        return None
    for code in codes:
        signature = signature_of((code,), entry)
        if signature is not None and any(parameter.hint is not None for parameter in signature.parameters):
            return domain_of(msgspec.structs.replace(problem, oracles=(code,), examples=()))
    return None


def _as_tree(arguments: Arguments) -> list[Any] | None:
    try:
        return [encode(argument) for argument in arguments]
    except ValueRefused:  # a value that JSON cannot name
        return None
