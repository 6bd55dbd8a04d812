"""The rule on limits: when one is excused, and how much has to be judged."""

from __future__ import annotations

from typing import Any

import pytest

from semi_instruct.engine import Limits, Status
from semi_instruct.engine.limits import MIB
from semi_instruct.harness.inputs.source import TestInput, largest_example
from semi_instruct.harness.judge.resource_rule import (
    MAX_EXCUSED,
    MAX_EXCUSED_SHARE,
    MIN_JUDGED_SHARE,
    Use,
    is_excused,
    size_class,
    use_of,
    why_undecided,
)
from tests.harness.support.fake_engine import printed, returned
from tests.harness.support.problem_rows import function_row, problem, stdin_row

LIMITS = Limits(cpu_time=4.0, memory=64 * MIB, output=1000)
LITTLE = Use(0.1, 10 * MIB, 10)
HALF = Use(2.0, 32 * MIB, 500)
MORE = [Use(2.1, 10 * MIB, 10), Use(0.1, 33 * MIB, 10), Use(0.1, 10 * MIB, 501)]
LIMIT_HITS = [Status.TIME_LIMIT, Status.MEMORY_LIMIT, Status.OUTPUT_LIMIT]


def excused(status: Status, *oracles: Use, beyond: bool = True) -> bool:
    return is_excused(status, beyond=beyond, oracles=oracles, limits=LIMITS)


@pytest.mark.parametrize("status", LIMIT_HITS)
@pytest.mark.parametrize("more", MORE)
def test_a_limit_is_excused_only_where_every_oracle_takes_more_than_half_of_one(status: Status, more: Use) -> None:
    assert excused(status, more)
    assert excused(status, *MORE)
    for enough in (LITTLE, HALF):
        assert not excused(status, enough)
        assert not excused(status, more, enough)
        assert not excused(status, enough, more, *MORE)


@pytest.mark.parametrize("status", LIMIT_HITS)
def test_nothing_is_excused_on_inputs_like_the_examples_nor_where_nothing_is_known(status: Status) -> None:
    assert not excused(status, *MORE, beyond=False)
    assert not excused(status)


@pytest.mark.parametrize("status", [status for status in Status if status not in LIMIT_HITS])
def test_nothing_but_a_limit_that_is_measured_is_excused(status: Status) -> None:
    assert not excused(status, *MORE)


def test_what_a_run_took() -> None:
    run = printed("four", cpu=1.5, stderr=b"seven..", peak_memory_bytes=9)
    assert use_of(run) == Use(1.5, 9, 7)
    assert use_of(returned("x" * 100)).output > 100
    assert use_of(returned(None)).output > 0


@pytest.mark.parametrize(
    ("size", "largest", "number"),
    [
        *((0, 10, 0), (10, 10, 0), (11, 10, 1), (20, 10, 1), (21, 10, 2), (40, 10, 2), (41, 10, 3), (1 << 20, 1, 20)),
        *((0, 0, 0), (1, 0, 0), (2, 0, 1), (3, 0, 2), (4, 0, 2), (5, 0, 3)),
    ],
)
def test_a_size_class_for_each_doubling_of_the_largest_example(size: int, largest: int, number: int) -> None:
    assert size_class(size, largest) == number


def test_the_size_of_an_input_is_that_of_its_text_or_its_arguments() -> None:
    assert TestInput("example", stdin=b"12345").size == 5
    assert TestInput("example", args=(1, "ab")).size == len('[1, "ab"]')


@pytest.mark.parametrize(
    ("row", "size"),
    [
        (stdin_row(examples=[]), 0),
        (stdin_row(examples=[{"input": "1"}, {"input": "123"}, {"input": "12"}]), 3),
        (stdin_row(examples=[{"input": "1"}, {"input": "123", "beyond": True}]), 1),
        (function_row(examples=[{"input": [1]}, {"input": [[1, 2]]}]), len("[[1, 2]]")),
    ],
)
def test_the_largest_example(row: dict[str, Any], size: int) -> None:
    assert largest_example(problem(row)) == size


def test_all_judged_is_enough_and_half_of_each_class_too() -> None:
    assert why_undecided({0: 1}, {0: 1}, 0) == ""
    assert why_undecided({0: 10, 3: 10}, {0: 5, 3: 5}, 0) == ""
    assert why_undecided({0: 10, 3: 10}, {0: 9, 3: 1}, 0) == ""
    assert MIN_JUDGED_SHARE == 0.5


@pytest.mark.parametrize("judged", [{}, {0: 4, 3: 5}, {3: 9}])
def test_less_than_half_is_too_little(judged: dict[int, int]) -> None:
    assert why_undecided({0: 10, 3: 10}, judged, 0) == f"only {sum(judged.values())} of 20 test cases judged"


def test_every_size_class_needs_evidence() -> None:
    assert why_undecided({0: 10, 1: 0, 3: 1, 4: 1}, {0: 10, 4: 1}, 0) == "no test case judged of 1 of 3 size classes"
    assert why_undecided({0: 10, 3: 1}, {0: 10, 3: 0}, 1) == "no test case judged of 1 of 2 size classes"


def test_excuses_are_capped_in_number_and_as_a_share() -> None:
    many = {0: 1000}
    assert why_undecided(many, {0: 1000 - MAX_EXCUSED}, MAX_EXCUSED) == ""
    more = MAX_EXCUSED + 1
    assert why_undecided(many, {0: 1000 - more}, more).startswith(f"limits were excused on {more} of 1000 test cases")
    assert why_undecided({0: 20}, {0: 18}, 2) == ""
    assert why_undecided({0: 20}, {0: 17}, 3).startswith("limits were excused on 3 of 20 test cases")
    assert MAX_EXCUSED_SHARE == 0.1
    assert why_undecided({0: 1}, {}, 1) != ""


def test_a_suspect_that_could_not_be_run_on_more_is_undecided() -> None:
    """To burn time must not keep a candidate from being run on the inputs that it seems to fail on."""
    assert "many inputs in one sandbox" in why_undecided({0: 10}, {0: 10}, 0, is_suspect=True)
