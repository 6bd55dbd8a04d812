"""Sixth stage: decide which judged pairs are retained, best first."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from semi_instruct.harness.dataset.pairs import JudgedTask, Pair
from semi_instruct.harness.dataset.settings import Settings
from semi_instruct.harness.dataset.stages import RETAIN
from semi_instruct.harness.dataset.stages.stage import Build
from semi_instruct.harness.dataset.stages.validation import judged_at
from semi_instruct.harness.dataset.state import Drop
from semi_instruct.harness.problems.verdicts import Verdict

# More test cases than this do not raise the score.
_MANY_CASES = 100


class Retained(msgspec.Struct, frozen=True):
    """Ids of the pairs of a task that are kept, best first."""

    pairs: tuple[str, ...]


def retain(build: Build) -> None:
    """Decide for every task."""

    def work(index: int) -> tuple[Retained, Iterable[Drop]]:
        return retained(judged_at(build, index), build.settings)

    build.each(RETAIN, work)


def retained(judged: JudgedTask, settings: Settings) -> tuple[Retained, list[Drop]]:
    """The pairs of a task that are kept, and why the others are not."""
    drops: list[Drop] = []
    good: list[Pair] = []
    for pair in judged.pairs:
        fault = why_not(pair, settings)
        if fault is None:
            good.append(pair)
        else:
            drops.append(Drop(pair.id, *fault))
    good.sort(key=lambda pair: -score(pair))
    most = settings.pairs_a_task or len(good)
    drops += [Drop(pair.id, "enough_of_the_task") for pair in good[most:]]
    return Retained(tuple(pair.id for pair in good[:most])), drops


def why_not(pair: Pair, settings: Settings) -> tuple[str, str] | None:
    """Why a pair is not retained, as a reason and a detail; None if it is."""
    if pair.verdict is not Verdict.ACCEPTED:
        return pair.verdict.value, pair.detail
    if not pair.instruction:
        return "no_instruction", ""
    if pair.test_cases < settings.least_cases:
        return "few_test_cases", f"{pair.test_cases}"
    if pair.mutants_killed is not None and pair.mutants_killed < settings.least_killed:
        return "weak_test_cases", f"they kill {pair.mutants_killed:.0%} of the mutants"
    if settings.least_round_trip and (pair.round_trip or 0.0) < settings.least_round_trip:
        return "round_trip", f"{pair.round_trip or 0.0:.0%} of the codes written from the instruction alone pass"
    return None


def score(pair: Pair) -> float:
    """The quality of a pair, from 0 to 1: the share of test cases passed, times the strength of the test cases.

    Half of the strength is the mutants they kill, a quarter the branches they take, a quarter their number. Of pairs
    that are equal in this, one of a task at which more candidates fail scores higher, by at most a thousandth.
    """
    if not pair.test_cases:
        return 0.0
    many = min(1.0, math.log1p(pair.test_cases) / math.log1p(_MANY_CASES))
    strength = 0.5 * (pair.mutants_killed or 0.0) + 0.25 * (pair.branch_coverage or 0.0) + 0.25 * many
    hardness = 1.0 - (pair.pass_rate if pair.pass_rate is not None else 1.0)
    return round(pair.passed / pair.test_cases * (0.999 * strength + 0.001 * hardness), 6)
