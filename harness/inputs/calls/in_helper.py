"""Computes domains and calls in a helper process.

Signatures, documentation and examples are untrusted data of a row. If they take the helper beyond its limits
(``harness.analysis.helper_process``), there are no generated calls and the problem is judged on its examples.
"""

from __future__ import annotations

from typing import Any

import msgspec

from semi_instruct.engine.inside.values import ValueRefused, decode, encode
from semi_instruct.harness.analysis.helper_process import AnalysisFailed, call_limited
from semi_instruct.harness.inputs.calls import Call, Domain, domain_of, generated_calls
from semi_instruct.harness.inputs.calls.plain import from_plain, to_plain
from semi_instruct.harness.inputs.sources import ALL_SOURCES, Sources
from semi_instruct.harness.problems.schema import Problem


def limited_domain(problem: Problem) -> Domain | None:
    """:func:`semi_instruct.harness.inputs.calls.domain_of`; None also if it exceeds the helper's limits."""
    try:
        domain = from_plain(call_limited(_domain, _relevant_part(problem)))
    except (AnalysisFailed, ValueRefused):
        return None
    return domain if isinstance(domain, Domain) else None


def limited_calls(problem: Problem, seed: int | str, known: int = 0, sources: Sources = ALL_SOURCES) -> list[Call]:
    """:func:`semi_instruct.harness.inputs.calls.generated_calls` of a problem's domain.

    The list is empty if there is no domain or the helper's limits are exceeded.
    """
    try:
        made = call_limited(_calls, _relevant_part(problem), seed, known, sources)
        return [Call(str(provenance), tuple(decode(arguments))) for provenance, arguments in made]
    except (AnalysisFailed, ValueRefused, TypeError, ValueError):
        return []


def _relevant_part(problem: Problem) -> Problem:
    """The problem without the fields that say nothing about its arguments."""
    return msgspec.structs.replace(problem, candidates=(), suite=None, title=None, note=None)


def _domain(problem: Problem) -> Any:
    return to_plain(domain_of(problem))


def _calls(problem: Problem, seed: int | str, known: int, sources: Sources) -> list[tuple[str, Any]]:
    domain = domain_of(problem)
    if domain is None:
        return []
    calls = generated_calls(domain, seed, known=known, sources=sources)
    return [(call.provenance, encode(list(call.arguments))) for call in calls]
