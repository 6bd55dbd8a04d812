"""Inputs that a model proposed are tried on the natural code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from semi_instruct.engine import Limits, Outcome, Program
from semi_instruct.generator.tasks import Invalid, Mutation
from semi_instruct.harness.analysis.mutants import Mutant
from semi_instruct.harness.analysis.mutants_of import limited_mutants
from semi_instruct.harness.inputs.source import Answer, TestInput
from semi_instruct.harness.judge.consensus import answer_of, why_failed
from semi_instruct.harness.judge.rules import request_for
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.runs import Request, Runner, Submits
from semi_instruct.harness.synthesis.meter import Meter
from semi_instruct.harness.synthesis.natural import as_input

_MAX_MUTANTS = 6
_MAX_SHOWN = 3
_MUTANT_CPU_S = 0.25


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of inputs.

    Attributes:
        valid: those that the natural code answered.
        answers: its answers, in the same order.
        invalid: the others, with the natural code's own error.
    """

    valid: tuple[Any, ...]
    answers: tuple[Answer, ...]
    invalid: tuple[Invalid, ...]


class Sandbox:
    """Runs programs of a problem and counts the runs."""

    def __init__(self, problem: Problem, engine: Submits, meter: Meter) -> None:
        self.problem = problem
        self._runner = Runner(engine, meter.count_run)

    def answers(self, source: str, inputs: Sequence[TestInput], limits: Limits | None = None) -> list[Outcome]:
        """What a program does with each input."""
        program = self.problem.program(source)
        return self._runner.make([request_for(program, one, limits or self.problem.limits) for one in inputs])

    def call(self, source: str, entry: str, calls: Sequence[Sequence[Any]], limits: Limits) -> list[Outcome]:
        """What a function returns for each list of arguments."""
        program = Program(source, entry=entry)
        return self._runner.make([Request(program, args=tuple(arguments), limits=limits) for arguments in calls])


def tried(sandbox: Sandbox, proposed: Sequence[Any]) -> Tried:
    """Run the natural code on inputs."""
    problem = sandbox.problem
    made = [(one, as_input(problem, one)) for one in proposed]
    crossing = [(one, given) for one, given in made if given is not None]
    invalid = [Invalid(one, "a value that is no plain data") for one, given in made if given is None]
    valid: list[tuple[Any, Answer]] = []
    outcomes = sandbox.answers(problem.oracles[0], [given for _, given in crossing])
    for (one, _), outcome in zip(crossing, outcomes, strict=True):
        answer = answer_of(problem, outcome)
        if answer is not None:
            valid.append((one, answer))
        else:
            invalid.append(Invalid(one, why_failed(outcome)))
    return Tried(tuple(one for one, _ in valid), tuple(answer for _, answer in valid), tuple(invalid))


def living_mutants(sandbox: Sandbox, result: Tried, seed: int) -> tuple[Mutation, ...]:
    """A few mutants of the natural code that answer all these inputs as it does."""
    problem = sandbox.problem
    inputs = [given for one in result.valid if (given := as_input(problem, one)) is not None]
    chosen = limited_mutants(problem.oracles[0], _MAX_MUTANTS, seed)
    limits = msgspec.structs.replace(problem, time_limit_s=_MUTANT_CPU_S).limits

    def lives(mutant: Mutant) -> bool:
        outcomes = sandbox.answers(mutant.source, inputs, limits)
        return all(
            (answer := answer_of(problem, outcome)) is not None
            and problem.how_compared.agree(expected.content, answer.content)
            for expected, outcome in zip(result.answers, outcomes, strict=True)
        )

    living = [Mutation(one.line, one.before, one.after) for one in chosen if lives(one)] if inputs else []
    return tuple(one for one in living if len(one.before) + len(one.after) <= 120)[:_MAX_SHOWN]
