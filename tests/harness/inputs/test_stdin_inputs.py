"""Inputs drawn by formats: valid, varied, small where they are shrunk, and the same for the same seed."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from semi_instruct.harness.inputs.stdin import CannotDraw, format_from_text, infer
from semi_instruct.harness.inputs.stdin.checking import fits
from semi_instruct.harness.inputs.stdin.choosers import Profile, SeededChooser, Sizes, Style
from semi_instruct.harness.inputs.stdin.drawing import draw
from semi_instruct.harness.inputs.stdin.mutation import mutated
from semi_instruct.harness.inputs.stdin.planning import InputPlan, Planned
from semi_instruct.harness.inputs.stdin.relaxing import Doubt, confirmed, doubts, without
from semi_instruct.harness.inputs.stdin.scaling import multiplied
from semi_instruct.harness.inputs.stdin.text_form import text_of
from tests.harness.support.stdin_strategy import inputs_of

FORMATS = {
    "list": "N: int 1..100000; K: int 0..N\nA: N * int -1000000000..1000000000\n",
    "permutation": "N: int 1..1000\nP: N * int 1..N, distinct\n",
    "orders": "N: int 1..50\nA: N * int 1..1000, increasing\nB: N * int 0..9, sorted\nC: N * int 0..9, descending\n",
    "tree": "N: int 1..1000\nrepeat N-1, simple, connected:\n  U: int 1..N; V: int U+1..N; W: int 1..100\n",
    "graph": "N: int 2..1000; M: int 0..100000\nrepeat M, simple:\n  U: int 1..N; V: int 1..N\n",
    "maze": 'H: int 2..500; W: int 2..500\nrepeat H:\n  R: word ".#SG" of W with "GS"\n',
    "points": "N: int 1..25\nrepeat N, distinct:\n  X: int 0..4; Y: int 0..4\n",
    "queries": (
        'N: int 1..9; Q: int 1..1000\nrepeat Q:\n  either:\n    T: one of "1"; L: int 1..N; R: int L..N\n'
        '    S: one of "2"; Z: word "ab" of 1..N\n'
    ),
    "cases": "T: int 1..100\nrepeat T:\n  N: int 1..1000; M: int 0..N\n  A: N * decimal 2 -50..999\n",
    "points on a line": "A: int 0..3; B: int 0..3; C: int 0..3; D: int 0..3; varied; apart\n",
    "walls": "H: int 2..4; W: int 2..4\nR: int 1..H; C: int 1..W\nN: int 1..9\n"
    "repeat N, distinct but not R C:\n  X: int 1..H; Y: int 1..W\n",
    "inside": 'S: word "ab" of 1..9\nT: word "abc" of S+1 around S\nU: word "abc" of 1..T within T\n',
    "typed": 'S: word "ab" of 1..9\nT: word "abc" of S..12 just around S\n',
    "words": 'N: int 1..20\nrepeat N:\n  S: word "abc" of 3..5 after "x", distinct\nD: one of "L" "R"\n',
}


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS.keys())
@pytest.mark.parametrize("sizes", Sizes)
def test_every_input_drawn_by_a_seed_is_of_the_format(text: str, sizes: Sizes) -> None:
    format_ = format_from_text(text)
    drawn = 0
    for seed, style in enumerate([*Style] * 3):
        for profile in (Profile(6, 3, style, sizes), Profile(60, None, style, sizes)):
            try:
                written = draw(format_, SeededChooser(Random(seed), profile))
            except CannotDraw:
                continue
            drawn += 1
            assert fits(format_, written), written
    assert drawn >= 15


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS.keys())
def test_every_input_drawn_by_hypothesis_is_of_the_format(text: str) -> None:
    format_ = format_from_text(text)

    @settings(max_examples=25, database=None, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
    @given(inputs_of(format_))
    def check(written: str) -> None:
        assert fits(format_, written)

    check()


def test_an_input_shrinks_to_a_minimal_one() -> None:
    strategy = inputs_of(format_from_text("N: int 1..100000\nA: N * int -1000..1000\n"))
    quick = settings(database=None, derandomize=True, max_examples=2_000)
    assert find(strategy, lambda text: sum(map(int, text.split()[1:])) >= 5, settings=quick) == "1\n5\n"


def test_large_inputs_are_drawn_too() -> None:
    strategy = inputs_of(format_from_text("N: int 1..100000\nA: N * int -1000..1000\n"))
    quick = settings(database=None, derandomize=True, phases=[Phase.generate], max_examples=2_000)
    assert int(find(strategy, lambda text: int(text.split()[0]) >= 1_000, settings=quick).split()[0]) >= 1_000


@pytest.mark.parametrize(
    ("style", "lists"),
    [
        (Style.EQUAL, lambda values: len(set(values)) == 1),
        (Style.SORTED, lambda values: values == sorted(values)),
        (Style.REVERSED, lambda values: values == sorted(values, reverse=True)),
        (Style.ALTERNATING, lambda values: set(values[::2]) == {0} and set(values[1::2]) == {100}),
        (Style.TIES, lambda values: len(set(values)) <= 2),
        (Style.LEAST, lambda values: set(values) == {0}),
        (Style.MOST, lambda values: set(values) == {100}),
        (Style.ONE_DIFFERS, lambda values: len(set(values)) <= 2),
        (Style.PALINDROME, lambda values: values == values[::-1]),
        (Style.CONSECUTIVE, lambda values: sorted(values) == list(range(20))),
        (
            Style.POWERS_OF_TWO,
            lambda values: all(v == 100 or any(abs(v - 2**k) <= 1 for k in range(8)) for v in values),
        ),
    ],
)
def test_styles(style: Style, lists: object) -> None:
    format_ = format_from_text("N: int 1..20\nA: N * int 0..100\n")
    size, *values = map(int, draw(format_, SeededChooser(Random(1), Profile(20, None, style, Sizes.MOST))).split())
    assert size == len(values) == 20
    assert callable(lists)
    assert lists(values)


@pytest.mark.parametrize(("style", "degree"), [(Style.SORTED, 2), (Style.EQUAL, 29)])
def test_trees_are_paths_and_stars_on_purpose(style: Style, degree: int) -> None:
    format_ = format_from_text(FORMATS["tree"].replace("U+1", "1"))
    text = draw(format_, SeededChooser(Random(1), Profile(30, 9, style, Sizes.MOST)))
    ends = [node for line in text.splitlines()[1:] for node in line.split()[:2]]
    assert max(map(ends.count, ends)) == degree


def test_a_format_that_contradicts_itself_says_so() -> None:
    with pytest.raises(CannotDraw, match="A: 5 distinct numbers from 1 to 3"):
        draw(format_from_text("A: 5 * int 1..3, distinct\n"), SeededChooser(Random(0), Profile(5)))


def test_guesses_are_dropped_widened_or_confirmed() -> None:
    format_ = format_from_text("N: int 2?..7?; M: int 1..min(5?, N?)\nA: N * int -3?..M, distinct?\n")
    about = doubts(format_)
    assert about == [Doubt.LEAST, Doubt.SIZE, Doubt.REACH, Doubt.RELATION, Doubt.REACH, Doubt.ORDER]
    everything = frozenset(range(len(about)))
    assert text_of(without(format_, everything)) == "N: int 1..10?; M: int 1..9?\nA: N * int -9?..M\n"
    assert text_of(confirmed(format_, everything)) == text_of(format_).replace("?", "")


def planned(
    texts: list[str],
    valid: object = lambda text: len(text) < 5_000,
    seed: int = 0,
    count: int = 40,
    growth: int = 3,
) -> list[Planned]:
    assert callable(valid)
    plan = InputPlan(texts, seed, count, growth)
    batch = plan.next_batch([])
    everything: list[Planned] = []
    while batch:
        everything += batch
        batch = plan.next_batch([valid(new.text) for new in batch])
    return everything


LISTS = ["3\n5 1 9\n", "2\n7 6\n", "6\n1 12 3 10 2 8\n"]


def test_a_plan_is_the_same_for_the_same_seed_and_reports() -> None:
    assert planned(LISTS) == planned(LISTS)
    assert planned(LISTS) != planned(LISTS, seed=1)
    texts = [new.text for new in planned(LISTS) if not new.probe]
    assert len(set(texts)) == len(texts) >= 40
    assert not set(texts) & set(LISTS)


def test_a_plan_has_inputs_of_every_kind_and_size() -> None:
    everything = planned(LISTS, lambda text: True, growth=20)
    assert {new.provenance for new in everything} == {
        "format",
        "edge",
        "mutation",
        "least",
        "order",
        "loose",
        "reach",
        "scaled",
        "size",
        "stress",
    }
    sizes = [int(new.text.split()[0]) for new in everything]
    assert min(sizes) == 1
    assert max(sizes) == 1_000
    assert max(int(new.text.split()[0]) for new in planned(LISTS)) == 300
    assert sorted(sizes)[len(sizes) // 2] < 10


def test_a_guess_that_makes_inputs_invalid_is_kept_from_then_on() -> None:
    def is_distinct(text: str) -> bool:
        values = text.split()[1:]
        return len(text) < 5_000 and len(set(values)) == len(values)

    def test_cases(new: list[Planned]) -> list[str]:
        return [one.text for one in new if not one.probe]

    assert not all(map(is_distinct, test_cases(planned(LISTS))))
    assert all(map(is_distinct, test_cases(planned(LISTS, is_distinct))))


def test_a_guess_that_is_wrong_once_in_many_inputs_is_kept() -> None:
    def no_input_ends_with_its_greatest_twice(text: str) -> bool:
        values = sorted(map(int, text.split()[1:]))
        return len(values) < 2 or values[-1] != values[-2]

    everything = planned(LISTS, no_input_ends_with_its_greatest_twice)
    assert all(no_input_ends_with_its_greatest_twice(new.text) for new in everything if not new.probe)
    assert not all(no_input_ends_with_its_greatest_twice(new.text) for new in everything)


def test_what_settles_a_guess_is_a_probe_and_a_wrong_guess_costs_few() -> None:
    settles = {"least", "order", "relation", "size"}
    everything = planned(LISTS, lambda text: text.split()[0] != "1")
    assert all(new.probe for new in everything if new.provenance in settles)
    assert not any(new.probe for new in everything if new.provenance not in settles | {"reach"})
    assert sum(new.provenance == "least" for new in everything) == 1


def test_numbers_of_a_line_differ_if_they_do_in_all_examples() -> None:
    everything = planned(["1 5\n", "4 2\n", "3 9\n"])
    assert len(everything) >= 40
    assert all(len(set(new.text.split())) == 2 for new in everything)
    assert any(len(set(new.text.split())) == 1 for new in planned(["1 5\n", "4 2\n", "9 9\n"]))


def test_sizes_grow_only_as_long_as_inputs_are_valid() -> None:
    everything = planned(LISTS, lambda text: int(text.split()[0]) <= 500, growth=20)
    assert max(int(new.text.split()[0]) for new in everything) == 1_000


def test_sizes_reach_about_ten_if_inputs_as_large_are_valid() -> None:
    def greatest(valid: object) -> int:
        everything = planned(["3\n5 1 9\n", "2\n7 6\n", "4\n1 12 3 10\n"], valid, count=200, growth=0)
        return max(int(new.text.split()[0]) for new in everything if not new.probe)

    assert 8 <= greatest(lambda text: True) <= 10
    assert greatest(lambda text: int(text.split()[0]) < 9) == 4


def test_zero_that_no_example_shows_is_tried_first() -> None:
    def zeros(valid: object) -> int:
        everything = planned(["3\n-5 1 9\n", "2\n7 -6\n", "4\n1 -12 3 10\n"], valid, count=200)
        return sum("0" in new.text.split() for new in everything if not new.probe)

    assert zeros(lambda text: True)
    assert not zeros(lambda text: "0" not in text.split())


def test_values_reach_as_far_as_they_are_valid() -> None:
    everything = planned(["2 7\n", "15 3\n"], lambda text: all(int(word) < 1_000 for word in text.split()))
    values = [int(word) for new in everything if not new.probe for word in new.text.split()]
    assert max(values) == 999
    assert max(int(word) for new in everything for word in new.text.split()) == 1_000


def test_a_format_with_few_inputs_is_widened_all_the_same() -> None:
    everything = planned(["1 2\n", "2 1\n"], lambda text: all(int(word) <= 15 for word in text.split()))
    values = [int(word) for new in everything if not new.probe for word in new.text.split()]
    assert max(values) == 15
    assert len(values) >= 60


def test_inputs_are_made_larger_as_a_whole() -> None:
    format_ = format_from_text('N: int 1..9\nA: N * int -1000..1000\nB: word "ab" of 2; M: int 1..N\n')
    assert multiplied(format_, "3\n1 2 -3\nab 2\n", 300) is None  # the last number is none up to 3 any more
    wide = format_from_text('N: int 1..9\nA: N * int -1000..1000\nB: word "ab" of 2; M: int 1..900\n')
    assert multiplied(wide, "3\n1 2 -3\nab 2\n", 300) == "3\n300 600 -900\nab 600\n"
    assert multiplied(wide, "3\n1 2 -3\nab 2\n", 400) is None


def test_what_holds_for_a_small_input_holds_for_a_large_one() -> None:
    """Of random numbers as large the sum is never zero."""
    everything = planned(["4\n3 0 -1 -2\n", "2\n5 -5\n", "3\n1 1 -2\n"], count=400)
    lists = [list(map(int, new.text.split()))[1:] for new in everything if new.provenance == "scaled"]
    assert any(max(values) > 10**8 and sum(values) == 0 for values in lists)


def test_minus_one_among_numbers_above_zero_is_a_mark() -> None:
    [format_] = infer(["3\n-1 1 3\n", "5\n-1 2 -1 5 -1\n"])
    assert "nonzero" in text_of(format_)
    values = {int(word) for new in planned(["3\n-1 1 3\n", "5\n-1 2 -1 5 -1\n"]) for word in new.text.split()}
    assert -1 in values
    assert 0 not in values
    assert "nonzero" not in text_of(infer(["3\n-1 0 3\n", "5\n-1 2 -1 5 -1\n"])[0])


def test_few_values_where_many_could_be_are_kinds() -> None:
    [format_] = infer(["5\n1 20\n1 30\n2 1\n1 40\n2 3\n"])
    assert "int 1..2;" in text_of(format_)


def test_a_value_that_goes_no_further_does_not_keep_others_from_it() -> None:
    everything = planned(["3 2 7\n", "4 9 1\n"], lambda text: int(text.split()[1]) <= 13)
    values = [[int(word) for word in new.text.split()] for new in everything if not new.probe]
    firsts, seconds, thirds = map(max, zip(*values, strict=True))
    assert seconds == 13
    assert firsts >= 10**9 - 1
    assert thirds >= 10**9 - 1


def test_of_several_formats_the_one_with_valid_inputs_is_used() -> None:
    def rows_follow_the_second(text: str) -> bool:
        return len(text.splitlines()) - 1 == int(text.split()[1])

    everything = planned(["2 2\n1 2 7\n2 2 9\n"], rows_follow_the_second, growth=0)
    cases = [new.text for new in everything if not new.probe]
    assert len(cases) >= 40
    assert all(map(rows_follow_the_second, cases))


def test_what_nothing_explains_is_mutated() -> None:
    examples = ["3 x\n1 2\nend\n", "word 5 6 7\n8\n"]
    assert not infer(examples)
    everything = planned(examples, count=30)
    assert {new.provenance for new in everything} == {"mutation"}
    assert len(everything) == 30
    shapes = {tuple(len(line.split()) for line in new.text.splitlines()) for new in everything}
    assert shapes == {(2, 2, 1), (4, 1)}


def test_mutation_of_words_that_come_to_look_like_numbers() -> None:
    """``1-`` with its letters swapped is a number, and no example has another to put in its place."""
    assert {mutated(["1- 2-\n"], Random(seed)) for seed in range(400)} > {"1- 2-\n", "0 2-\n"}


@given(st.integers(0, 500))
@settings(max_examples=60, database=None, derandomize=True)
def test_mutation_keeps_counts(seed: int) -> None:
    rows = mutated(["5 3\n1 2\n3 4\n2 5\n"], Random(seed)).splitlines()
    assert len(rows) == 4
    assert rows[0].split()[1] == "3"
    assert all(len(row.split()) == 2 for row in rows)
