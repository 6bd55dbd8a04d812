"""Mutants of a program, made by a helper process."""

from __future__ import annotations

from dataclasses import astuple
from random import Random
from typing import Any

from semi_instruct.harness.analysis.helper_process import AnalysisFailed, call_limited
from semi_instruct.harness.analysis.mutants import Mutant, some_mutants


def limited_mutants(source: str, most: int, seed: int | bytes) -> list[Mutant]:
    """:func:`semi_instruct.harness.analysis.mutants.some_mutants`; none where they cannot be had within the limits.

    Without mutants the strength of a suite is unrated as far as they go.
    """
    try:
        return [Mutant(*fields) for fields in call_limited(_mutants, source, most, seed)]
    except (AnalysisFailed, TypeError):
        return []


def _mutants(source: str, most: int, seed: int | bytes) -> list[tuple[Any, ...]]:
    return [astuple(mutant) for mutant in some_mutants(source, most, Random(seed))]  # noqa: S311  nothing is secret
