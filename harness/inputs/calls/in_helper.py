"""What is known of a function's arguments and the calls made from it, by a helper process.

Signatures, documentation and examples come with a row. What they lead to is left out where it cannot be had within the
limits (``harness.analysis.helper_process``): the problem is then judged on its examples.
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
    """:func:`semi_instruct.harness.inputs.calls.domain_of`; None where it cannot be had within the limits, too."""
    try:
        domain = from_plain(call_limited(_domain, _asked(problem)))
    except (AnalysisFailed, ValueRefused):
        return None
    return domain if isinstance(domain, Domain) else None


def limited_calls(problem: Problem, seed: int | str, known: int = 0, sources: Sources = ALL_SOURCES) -> list[Call]:
    """:func:`semi_instruct.harness.inputs.calls.generated_calls` of a problem's domain; none where there is no domain.

    None, too, where they cannot be had within the limits.
    """
    try:
        made = call_limited(_calls, _asked(problem), seed, known, sources)
        return [Call(str(provenance), tuple(decode(arguments))) for provenance, arguments in made]
    except (AnalysisFailed, ValueRefused, TypeError, ValueError):
        return []


def _asked(problem: Problem) -> Problem:
    """What of a problem says something of its arguments."""
    return msgspec.structs.replace(problem, candidates=(), suite=None, title=None, note=None)


def _domain(problem: Problem) -> Any:
    return to_plain(domain_of(problem))


def _calls(problem: Problem, seed: int | str, known: int, sources: Sources) -> list[tuple[str, Any]]:
    domain = domain_of(problem)
    if domain is None:
        return []
    calls = generated_calls(domain, seed, known=known, sources=sources)
    return [(call.provenance, encode(list(call.arguments))) for call in calls]
