"""Creates mutants in a helper process."""

from __future__ import annotations

from dataclasses import astuple
from random import Random
from typing import Any

from semi_instruct.harness.analysis.helper_process import AnalysisFailed, call_limited
from semi_instruct.harness.analysis.mutants import Mutant, some_mutants


def limited_mutants(source: str, limit: int, seed: int | bytes) -> list[Mutant]:
    """:func:`semi_instruct.harness.analysis.mutants.some_mutants`; an empty list if it exceeds the helper's limits.

    Without mutants, ``mutants_killed`` of a suite is unrated.
    """
    try:
        return [Mutant(*fields) for fields in call_limited(_mutants, source, limit, seed)]
    except (AnalysisFailed, TypeError):
        return []


def _mutants(source: str, limit: int, seed: int | bytes) -> list[tuple[Any, ...]]:
    return [astuple(mutant) for mutant in some_mutants(source, limit, Random(seed))]  # noqa: S311  nothing is secret
