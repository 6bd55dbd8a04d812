"""How strong a test suite is, and which few test cases are as strong as all."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Strength:
    """A rating; each share from 0 to 1, or None where there is nothing to take a share of.

    Attributes:
        branch_coverage: branches of the oracle that some test case takes.
        mutants_killed: mutants of the oracle that some test case tells from it.
    """

    branch_coverage: float | None
    mutants_killed: float | None

    def to_json(self) -> dict[str, float | None]:
        """Plain JSON data, in the shape INTERFACE promises."""
        return {"branch_coverage": self.branch_coverage, "mutants_killed": self.mutants_killed}


UNRATED = Strength(None, None)


@dataclass(frozen=True, slots=True)
class Merit:
    """What a test case does for a rating.

    Attributes:
        branches: of the oracle that it takes.
        mutants: of the oracle that it kills, by number.
    """

    branches: AbstractSet[Hashable] = frozenset()
    mutants: AbstractSet[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Rating:
    """The merits of test cases.

    Attributes:
        branches, mutants: of the oracle, how many there are in all.
        merits: by the index of the test case.
    """

    branches: int = 0
    mutants: int = 0
    merits: Mapping[int, Merit] = field(default_factory=dict)

    def with_merits(self, more: Mapping[int, Merit]) -> Rating:
        """This rating with the merits of further test cases."""
        return replace(self, merits={**self.merits, **more})

    def strength(self, cases: Iterable[int]) -> Strength:
        """That of the suite of these test cases, by index."""
        merits = [self.merits.get(case, Merit()) for case in cases]
        return strength(merits, self.branches, self.mutants)


def strength(merits: Sequence[Merit], branches: int, mutants: int) -> Strength:
    """The strength of a suite.

    Args:
        merits: of its test cases.
        branches, mutants: how many there are in all.
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

    At most ln(n) + 1 times as many as the fewest that could, n being what the best one achieves. The first of equally
    good ones is taken, so give simple test cases first.

    Args:
        achieved: for each test case, what it covers and kills.

    Returns:
        Places of the test cases, in ascending order.
    """
    missing = set().union(*achieved)
    chosen: list[int] = []
    while missing:
        best = max(range(len(achieved)), key=lambda place: (len(missing & achieved[place]), -place))
        missing -= achieved[best]
        chosen.append(best)
    return _without_superfluous(chosen, achieved)


def _without_superfluous(chosen: list[int], achieved: Sequence[AbstractSet[Hashable]]) -> list[int]:
    """What was taken early is sometimes achieved by all that came after it."""
    kept = list(chosen)
    for place in chosen:
        rest = [other for other in kept if other != place]
        if achieved[place] <= set().union(*(achieved[other] for other in rest)):
            kept = rest
    return sorted(kept)
