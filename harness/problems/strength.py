"""Rates the strength of a test suite, and selects a few test cases that are as strong as all."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Strength:
    """A rating. Each share is from 0 to 1, or None if there are no branches or mutants.

    Attributes:
        branch_coverage: share of the oracle's branches that some test case takes.
        mutants_killed: share of the oracle's mutants that some test case distinguishes from it.
    """

    branch_coverage: float | None
    mutants_killed: float | None

    def to_json(self) -> dict[str, float | None]:
        """Plain JSON data, as in the field ``strength`` of a verdict row."""
        return {"branch_coverage": self.branch_coverage, "mutants_killed": self.mutants_killed}


UNRATED = Strength(None, None)


@dataclass(frozen=True, slots=True)
class Merit:
    """The contribution of a test case to a rating.

    Attributes:
        branches: branches of the oracle that it takes.
        mutants: mutants of the oracle that it kills, by number.
    """

    branches: AbstractSet[Hashable] = frozenset()
    mutants: AbstractSet[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Rating:
    """The merits of test cases.

    Attributes:
        branches, mutants: total numbers of the oracle's branches and mutants.
        merits: merits by the index of the test case.
    """

    branches: int = 0
    mutants: int = 0
    merits: Mapping[int, Merit] = field(default_factory=dict)

    def with_merits(self, more: Mapping[int, Merit]) -> Rating:
        """This rating with the merits of further test cases."""
        return replace(self, merits={**self.merits, **more})

    def strength(self, cases: Iterable[int]) -> Strength:
        """The strength of the suite of these test cases, given by index."""
        merits = [self.merits.get(case, Merit()) for case in cases]
        return strength(merits, self.branches, self.mutants)


def strength(merits: Sequence[Merit], branches: int, mutants: int) -> Strength:
    """The strength of a suite.

    Args:
        merits: the merits of its test cases.
        branches, mutants: total numbers of branches and mutants.
    """
    return Strength(
        _share((merit.branches for merit in merits), branches), _share((merit.mutants for merit in merits), mutants)
    )


def _share(found: Iterable[AbstractSet[Hashable]], of: int) -> float | None:
    if not of:
        return None
    return round(len(frozenset().union(*found)) / of, 4)


def small_suite(achieved: Sequence[AbstractSet[Hashable]]) -> list[int]:
    """A small set of test cases that achieves what all of them do, by greedy set cover.

    Its size is at most ln(n) + 1 times the minimum, where n is the number achieved by the best one. Ties go to the
    first test case, so pass simple ones first.

    Args:
        achieved: for each test case, what it covers and kills.

    Returns:
        Indices of the test cases, in ascending order.
    """
    missing = set().union(*achieved)
    chosen: list[int] = []
    while missing:
        best = max(range(len(achieved)), key=lambda index: (len(missing & achieved[index]), -index))
        missing -= achieved[best]
        chosen.append(best)
    return _without_superfluous(chosen, achieved)


def _without_superfluous(chosen: list[int], achieved: Sequence[AbstractSet[Hashable]]) -> list[int]:
    """The chosen test cases without those whose achievements are covered by the others."""
    kept = list(chosen)
    for index in chosen:
        rest = [other for other in kept if other != index]
        if achieved[index] <= set().union(*(achieved[other] for other in rest)):
            kept = rest
    return sorted(kept)
