"""Ratings are shares of what there is; small suites achieve what all do."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semi_instruct.harness.problems.strength import Merit, Rating, Strength, small_suite, strength


def test_a_rating_is_shares_of_unions() -> None:
    rating = strength([Merit({1, 2}, {0}), Merit({2, 3})], 4, 3)
    assert rating == Strength(0.75, 0.3333)
    assert rating.to_json() == {"branch_coverage": 0.75, "mutants_killed": 0.3333}


def test_of_nothing_there_is_no_share() -> None:
    assert strength([Merit()], 0, 0) == Strength(None, None)
    assert strength([], 2, 2) == Strength(0.0, 0.0)


def test_a_few_test_cases_are_rated_by_their_own_merits() -> None:
    rating = Rating(2, 2, {3: Merit({1}, {0}), 5: Merit({2})}).with_merits({9: Merit(mutants={1})})
    assert rating.strength([3]) == Strength(0.5, 0.5)
    assert rating.strength([5, 9, 10]) == Strength(0.5, 0.5)
    assert rating.strength([3, 5, 9]) == Strength(1.0, 1.0)


@pytest.mark.parametrize(
    ("achieved", "chosen"),
    [
        ([], []),
        ([set()], []),
        ([{1}, {1, 2}, {2}], [1]),
        ([{1, 2}, {2, 1}], [0]),
        ([{1, 2, 3, 4}, {1, 2, 5}, {3, 4, 6}], [1, 2]),
    ],
)
def test_small_suites(achieved: list[set[int]], chosen: list[int]) -> None:
    assert small_suite(achieved) == chosen


@given(st.lists(st.sets(st.integers(0, 6)), max_size=6))
def test_a_small_suite_achieves_all_and_has_nothing_to_spare(achieved: list[set[int]]) -> None:
    chosen = small_suite(achieved)
    every = set().union(*achieved)
    assert set().union(*(achieved[place] for place in chosen)) == every
    for fewer in combinations(chosen, max(len(chosen) - 1, 0)):
        assert not chosen or set().union(*(achieved[place] for place in fewer)) != every
