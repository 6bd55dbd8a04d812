"""Calls of a function, made from the types that a model annotated its arguments with."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import msgspec

from semi_instruct.engine.inside.values import ValueRefused, encode
from semi_instruct.harness.analysis.helper_process import AnalysisFailed, call_limited
from semi_instruct.harness.inputs.calls import Domain, domain_of, generated_calls
from semi_instruct.harness.inputs.calls.relations import Arguments
from semi_instruct.harness.inputs.calls.signature import signature_of
from semi_instruct.harness.problems.schema import Problem


def _domain_by_types(problem: Problem, codes: Iterable[str]) -> Domain | None:
    """The domain of the arguments by the first typed code; None without one, or if the problem has types of its own."""
    entry = problem.entry or ""
    known = signature_of(problem.oracles, entry)
    if problem.kind != "function" or (known is not None and known.says_something):
        return None
    for code in codes:
        signature = signature_of((code,), entry)
        if signature is not None and any(parameter.hint is not None for parameter in signature.parameters):
            return domain_of(msgspec.structs.replace(problem, oracles=(code,), examples=()))
    return None


def inputs_by_types(problem: Problem, codes: Iterable[str], count: int, seed: int) -> list[Any]:
    """Return up to ``count`` lists of arguments in tagged JSON, simple ones first. The seed decides all of them."""
    try:
        made = call_limited(_inputs_by_types, problem, tuple(codes), count, seed)
    except AnalysisFailed:  # what a model wrote is beyond the limits: it has no types that can be used
        return []
    return [arguments for arguments in made if isinstance(arguments, list)]


def _inputs_by_types(problem: Problem, codes: tuple[str, ...], count: int, seed: int) -> list[Any]:
    domain = _domain_by_types(problem, codes)
    if domain is None:
        return []
    return [tree for call in islice(generated_calls(domain, seed), count) if (tree := _as_tree(call.arguments))]


def _as_tree(arguments: Arguments) -> list[Any] | None:
    try:
        return [encode(argument) for argument in arguments]
    except ValueRefused:  # a value that JSON cannot name
        return None
