"""Problems as the generator sees them, and its inputs as the harness does."""

from __future__ import annotations

from typing import Any

import msgspec

from semi_instruct.engine.inside.values import ValueRefused, decode
from semi_instruct.generator.tasks import Example as Shown
from semi_instruct.generator.tasks import NaturalCode
from semi_instruct.harness.inputs.source import TestInput, as_bytes
from semi_instruct.harness.problems.schema import Example, Problem

MODEL = "model"  # provenance of the model's inputs


def natural_code(problem: Problem, index: int = 0) -> NaturalCode:
    """One of a problem's oracles, with the examples whose output is known."""
    known = [one for one in problem.examples if one.output is not msgspec.UNSET and one.output is not None]
    return NaturalCode(problem.oracles[index], problem.entry, tuple(Shown(one.input, one.output) for one in known))


def as_input(problem: Problem, proposed: Any) -> TestInput | None:
    """An input that a model proposed; None if it is not plain data."""
    if problem.kind == "stdin":
        return TestInput(MODEL, stdin=as_bytes(proposed))
    try:
        return TestInput(MODEL, args=tuple(decode(proposed)))
    except ValueRefused:  # no plain data, so no call can be made of it
        return None


def with_inputs(problem: Problem, proposed: list[Any]) -> Problem:
    """The problem with further examples, without those that it has already."""
    known = [one.input for one in problem.examples]
    fresh = [one for one in proposed if one not in known]
    further = tuple(Example(one, provenance=MODEL) for one in fresh)
    return msgspec.structs.replace(problem, examples=(*problem.examples, *further))
