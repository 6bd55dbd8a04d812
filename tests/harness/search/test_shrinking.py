"""Counterexamples made minimal: from choices by Hypothesis, from a pool, or by taking away; always confirmed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from semi_instruct.engine import Engine, Outcome, Program, Status
from semi_instruct.harness.errors import RunFailed
from semi_instruct.harness.inputs.calls import domain_of
from semi_instruct.harness.inputs.calls.belonging import belongs
from semi_instruct.harness.inputs.calls.ordering import identity
from semi_instruct.harness.inputs.source import TestInput
from semi_instruct.harness.inputs.stdin import format_from_text
from semi_instruct.harness.inputs.stdin.choosers import Profile, SeededChooser, Style
from semi_instruct.harness.inputs.stdin.drawing import draw
from semi_instruct.harness.judge.consensus import Drop, TestCase
from semi_instruct.harness.judge.rules import Rules
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.runs import Runner, Submits
from semi_instruct.harness.search.argument_choices import choices_of, shapes_of_arguments, value_of_choices
from semi_instruct.harness.search.confirm import Confirmer, Difference, key_of, size_of
from semi_instruct.harness.search.format_choices import Recording, text_of_choices
from semi_instruct.harness.search.hypothesis_shrinking import CannotBuild, Choose, shrink_choices
from semi_instruct.harness.search.shrinking import RUNS, Shrinker
from semi_instruct.harness.search.text_reduction import simpler
from semi_instruct.harness.text import plain_value
from semi_instruct.harness.verification.scheduler import verify
from tests.harness.support.fake_engine import ScriptedEngine, printed
from tests.harness.support.problem_rows import function_row, problem, stdin_row


class Replaying:
    """Gives recorded choices back, in order."""

    def __init__(self, choices: Sequence[int]) -> None:
        self._left = iter(choices)

    def __call__(self, low: int, high: int) -> int:
        return low if low == high else next(self._left)

    def part[Value](self, build: Callable[[Choose], Value]) -> Value:
        return build(self)


def shrinker(engine: Submits, one: Problem, seed: int = 0) -> Shrinker:
    return Shrinker(Runner(engine), Rules(one), seed)


def shrunk(engine: Engine, row: dict[str, Any], known: TestInput, seed: int = 0) -> Difference:
    one = problem(row)
    found = shrinker(engine, one, seed).shrink(one.candidates[0], known)
    assert found is not None
    assert size_of(found.case.input) <= size_of(known)
    return found


def text(stdin: str) -> TestInput:
    return TestInput("test", stdin=stdin.encode())


def call(*arguments: Any) -> TestInput:
    return TestInput("test", args=arguments)


def candidate(source: str) -> list[dict[str, str]]:
    return [{"id": "c", "source": source}]


def numbers(choose: Choose) -> list[int]:
    found = []
    while choose(0, 1):
        found.append(choose(-100, 1000))
    return found


KNOWN = [1, 300, 1, 500, 1, 700, 1, 900, 1, -5, 0]


def tried_by_hypothesis(most: int = 1_000, order: str = "0") -> list[list[int]]:
    tried: list[list[int]] = []

    def fails(value: list[int]) -> bool:
        tried.append(value)
        return sum(value) >= 1000 and len(value) >= 2

    shrink_choices(numbers, KNOWN, fails, lambda: len(tried) < most, order)
    return tried


def test_hypothesis_starts_from_what_is_known_and_ends_with_the_least() -> None:
    tried = tried_by_hypothesis()
    assert tried[0] == [300, 500, 700, 900, -5]
    assert [0, 1000] in tried
    assert len(tried) < 200


def test_hypothesis_ends_when_it_is_told_to() -> None:
    assert len(tried_by_hypothesis(most=7)) == 7


def test_hypothesis_tries_the_same_each_time_and_leaves_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert tried_by_hypothesis() == tried_by_hypothesis()
    assert not list(tmp_path.iterdir())


def test_choices_that_make_nothing_are_passed_over() -> None:
    def build(choose: Choose) -> int:
        chosen = choose(0, 100)
        if chosen % 7:
            raise CannotBuild
        return chosen

    tried: list[int] = []

    def fails(value: int) -> bool:
        tried.append(value)
        return value >= 40

    shrink_choices(build, [98], fails, lambda: True, "0")
    assert tried
    assert not any(value % 7 for value in tried)


VALUES = [
    (),
    (0, -7, 10**18, True, None),
    (0.5, -2.25, 3.0, -0.0, 1e300, float("nan")),
    ("", "a b,c", "ü"),
    ([], [1, 2], [[1], []], [[1, "x"], [2, "y"]], [1, None, "a"]),
    ((1, 2), ((1, "a"), (2, "b")), {1, 2, 3}, frozenset({"a"}), b"\x00\xff"),
    ({}, {"a": 1, "b": [2]}, [{"x": 1, "y": 2}, {"x": 3, "y": 4}], {1: (2, 3)}),
]


@pytest.mark.parametrize("arguments", VALUES, ids=repr)
def test_choices_make_the_value_they_are_of(arguments: tuple[Any, ...]) -> None:
    shape = shapes_of_arguments(arguments)
    assert identity(value_of_choices(shape, Replaying(choices_of(shape, arguments)))) == identity(arguments)


FORMAT = """
N: int 1..9; M: int 0..20
A: N * int 1..N, distinct
S: word "abc" of N
repeat M, simple, connected:
  U: int 1..N; V: int U+1..N; W: int -5..5
D: one of "x" "y"
"""


@pytest.mark.parametrize("seed", range(20))
def test_recorded_choices_make_the_input_they_were_recorded_of(seed: int) -> None:
    format_ = format_from_text(FORMAT)
    recording = Recording(SeededChooser(Random(seed), Profile(8, None, list(Style)[seed % len(Style)])))
    drawn = draw(format_, recording)
    assert text_of_choices(format_, Replaying(recording.choices)) == drawn


def test_distinct_numbers_stay_so_when_their_choices_are_alike() -> None:
    format_ = format_from_text("N: int 1..9\nA: N * int 1..9, distinct\n")
    assert text_of_choices(format_, Replaying([4, 9, 9, 9, 1])) == "4\n9 8 7 1\n"


def test_simpler_texts_keep_counts_that_count() -> None:
    texts = list(simpler("3\n5 6 7\nabc\n"))
    assert "2\n5 6\nabc\n" in texts
    assert "2\n5 6 7\nac\n" in texts
    assert "3\n0 6 7\nabc\n" in texts
    assert "3\n5 6 7\naac\n" in texts
    assert "3\n5 6 7\nabc\n" not in texts


SPREAD = "n = int(input())\na = list(map(int, input().split()))\nprint(max(a) - min(a))"
SPREAD_EXAMPLES = [{"input": "3\n4 -7 2\n"}, {"input": "5\n1 2 3 -9 5\n"}, {"input": "1\n0\n"}]


def spread(source: str, **changes: Any) -> dict[str, Any]:
    return stdin_row(oracles=[SPREAD], examples=SPREAD_EXAMPLES, candidates=candidate(source), **changes)


def test_an_input_of_a_whole_program(engine: Engine) -> None:
    source = SPREAD.replace("max(a)", "max([0, *a])")
    found = shrunk(engine, spread(source), text("5\n-8 -3 -9 -5 -4\n"))
    assert (found.case.input.stdin, found.case.expected.content, found.outcome.stdout) == (b"1\n-1\n", b"0\n", b"1\n")


def test_a_difference_that_no_small_input_of_the_pool_shows(engine: Engine) -> None:
    source = SPREAD + "\nif 8 in a and n > 3 and a[1] == -6: print('and more')"
    found = shrunk(engine, spread(source), text("5\n9 -6 7 8 1\n"))
    assert found.case.input.stdin == b"4\n0 -6 1 8\n"  # all numbers differ in the examples


ABSOLUTE = 'def f(numbers: list[int]) -> int:\n    """The sum of [1, 2] is 3."""\n    return sum(numbers)'


def calling(oracle: str, source: str, *examples: Sequence[Any]) -> dict[str, Any]:
    rows = [{"input": list(each)} for each in examples]
    return function_row(oracles=[oracle], examples=rows, candidates=candidate(source))


def test_a_call_of_a_function(engine: Engine) -> None:
    source = ABSOLUTE.replace("sum(numbers)", "sum(n for n in numbers if n != 13)")
    row = calling(ABSOLUTE, source, [[3, 20, 1]], [[]])
    assert shrunk(engine, row, call([40, 13, 2, 13, 7])).case.input.args == ([13],)


def test_it_keeps_to_what_valid_calls_have(engine: Engine) -> None:
    oracle = "def f(n, s):\n    return n * len(s)"
    row = calling(oracle, "def f(n, s):\n    return -1", [3, "ab"], [5, "c"])
    assert shrunk(engine, row, call(500, "abcabc")).case.input.args == (1, "a")


def test_nothing_is_left_of_a_value_but_what_matters(engine: Engine) -> None:
    oracle = "def f(table):\n    return sorted(table.items())"
    source = "def f(table):\n    return sorted(table.items()) if (2.5, 'q') not in table.get('k', []) else []"
    row = calling(oracle, source, [{"a": []}], [{"k": [(1.5, "z")], "b": []}])
    found = shrunk(engine, row, call({"x": [], "k": [(7.25, "z"), (2.5, "q")]}))
    assert found.case.input.args == ({"k": [(2.5, "q")]},)


def test_the_failure_stays_what_it_was(engine: Engine) -> None:
    source = "def f(numbers):\n    if not numbers:\n        return 1 / 0\n    return sum(numbers) - (numbers[-1] == 9)"
    row = calling(ABSOLUTE, source, [[3, 9, 1]], [[]])
    found = shrunk(engine, row, call([4, 5, 9]))
    assert found.row.verdict is Verdict.WRONG_ANSWER
    assert found.case.input.args == ([9],)


def test_what_does_not_differ_after_all_is_not_shrunk(engine: Engine) -> None:
    one = problem(spread(SPREAD))
    assert shrinker(engine, one, 0).shrink(one.candidates[0], text("2\n1 2\n")) is None


def test_an_input_the_oracles_do_not_agree_on_is_no_counterexample(engine: Engine) -> None:
    row = spread("print(7)") | {"oracles": [SPREAD, SPREAD.replace("max(a)", "max(a[:2])")]}
    one = problem(row)
    assert shrinker(engine, one, 0).shrink(one.candidates[0], text("3\n1 2 3\n")) is None
    found = shrinker(engine, one, 0).shrink(one.candidates[0], text("3\n3 1 2\n"))
    assert found is not None
    assert found.case.input.stdin == b"1\n0\n"


def test_the_result_depends_on_nothing_that_was_shrunk_before(engine: Engine) -> None:
    sources = [SPREAD.replace("max(a)", change) for change in ("a[0]", "a[-1]", "max(a[:3])")]
    one = problem(spread("") | {"candidates": [{"id": str(n), "source": each} for n, each in enumerate(sources)]})
    known = text("5\n1 -4 2 5 3\n")

    def of_each(shrinker: Shrinker, order: Sequence[int]) -> dict[int, Any]:
        results = {n: shrinker.shrink(one.candidates[n], known) for n in order}
        return {n: results[n] and (results[n].row.to_json() | {"seconds": 0}) for n in sorted(results)}

    together = of_each(shrinker(engine, one, 3), (0, 1, 2))
    assert together == of_each(shrinker(engine, one, 3), (2, 0, 1))
    assert all(together.values())


class Counting(ScriptedEngine):
    """Says that the candidate fails on every input, and counts."""

    def __init__(self, script: Any) -> None:
        super().__init__(script, workers=1)

    def of(self, source: str) -> int:
        return sum(asked[0] == source for asked in self.asked)


def scripted(of_candidate: Outcome) -> Counting:
    def script(program: Program, *_: Any) -> Outcome:
        if program.source == "wrong":
            return of_candidate
        return printed("right") if program.source == "right" else Outcome(Status.NONZERO_EXIT)

    return Counting(script)


LONG = "50\n" + " ".join(str(n) for n in range(1000, 1050)) + "\n"


def rows_of_two() -> Problem:
    return problem(stdin_row(examples=[{"input": "2\n7 8\n"}], candidates=candidate("wrong")))


def test_the_work_is_bounded_in_runs() -> None:
    one = rows_of_two()

    def wrong_on_long_inputs_only(program: Program, stdin: bytes, _: Any) -> Outcome:
        return printed("wrong" if program.source == "wrong" and len(stdin) >= len(LONG) else "right")

    for runs, made in ((5, {6}), (RUNS, range(8, RUNS + 2))):
        with Counting(wrong_on_long_inputs_only) as engine:
            found = shrinker(engine, one, 0).shrink(one.candidates[0], text(LONG), runs=runs)
            assert engine.of("wrong") in made
            assert found is not None
            assert found.case.input.stdin == LONG.encode()


def test_a_text_far_beyond_the_examples_keeps_their_format() -> None:
    one = problem(stdin_row(examples=[{"input": "3\n7 8 9\n"}, {"input": "1\n5\n"}], candidates=candidate("wrong")))
    with scripted(printed("wrong")) as engine:  # in which nothing is known of the pool
        found = shrinker(engine, one, 0).shrink(one.candidates[0], text(LONG))
    assert found is not None
    assert found.case.input.stdin == b"1\n1\n"


def test_one_more_run_may_take_all_the_time_there_is() -> None:
    one = rows_of_two()
    with scripted(Outcome(Status.TIME_LIMIT)) as engine:
        found = shrinker(engine, one, 0).shrink(one.candidates[0], text(LONG))
        assert engine.of("wrong") == 2 * 2  # each is confirmed
    assert found is not None
    assert found.row.verdict is Verdict.TIME_LIMIT


EXPENSIVE = "1\n0\n"
ONES = [LONG, *(f"1\n{number}\n" for number in range(20))]


def judged_over_budget(
    cpu_s: dict[str, float], budget: float = 4.0
) -> tuple[dict[str, str], list[tuple[str, bytes, tuple[Any, ...]]]]:
    """The counterexamples of wrong candidates, each of which takes so long for an input, and all runs."""

    def script(program: Program, stdin: bytes, _: Any) -> Outcome:
        source = str(program.source)
        if source not in {"right", *cpu_s}:  # a look, or a run for coverage
            return Outcome(Status.NONZERO_EXIT)
        is_expensive = source == "right" and stdin == EXPENSIVE.encode()
        return printed(source, cpu=4.0 if is_expensive else cpu_s.get(source, cpu_s["wrong"]))

    candidates = [{"id": source, "source": source} for source in cpu_s]
    row = stdin_row(examples=[{"input": each} for each in ONES], candidates=candidates)
    with Counting(script) as engine:
        verdicts = list(verify([problem(row)], engine, budget=budget, planned=0, shrink=True))
    assert "budget" in verdicts[0].detail
    shown = {row.candidate: str(row.counterexample.input) for row in verdicts if row.counterexample is not None}
    return shown, engine.asked


@pytest.mark.parametrize(("cpu_s", "tried"), [(0.0001, 11), (0.05, 4), (1.0, 0)])
def test_where_the_budget_is_spent_shrinking_takes_a_tenth_of_it_at_most(cpu_s: float, tried: int) -> None:
    shown, asked = judged_over_budget({"wrong": cpu_s})
    new = [stdin for source, stdin, _ in asked if source == "wrong" and stdin.decode() not in ONES]
    assert len(new) == tried
    assert (shown["wrong"] == LONG) is (not new)


def test_who_wastes_time_takes_none_of_it_from_the_others() -> None:
    honest, wasteful = {"wrong": 0.005}, {"wasteful": 3.0}
    alone, _ = judged_over_budget({**honest, "wrong2": 0.005})
    first, asked = judged_over_budget({**wasteful, **honest})
    last, _ = judged_over_budget({**honest, **wasteful})
    assert first["wrong"] == last["wrong"] == alone["wrong"] == alone["wrong2"] != LONG
    assert first["wasteful"] == last["wasteful"]
    tries = [stdin for source, stdin, _ in asked if source == "wasteful" and stdin.decode() not in ONES]
    assert len(tries) <= 1


def test_one_that_sleeps_is_given_up() -> None:
    def script(program: Program, stdin: bytes, _: Any) -> Outcome:
        if program.source == "wrong":
            is_wrong = len(stdin) > 200
            return printed("wrong" if is_wrong else "right", cpu=0.01, wall_time_s=60.0)
        return printed("right") if program.source == "right" else Outcome(Status.NONZERO_EXIT)

    one = rows_of_two()
    with Counting(script) as engine:
        assert shrinker(engine, one, 0).shrink(one.candidates[0], text(LONG)) is not None
        assert engine.of("wrong") == 1 + 4  # it counts 6 s each time


def test_a_smaller_input_that_takes_an_oracle_far_longer_is_passed_over() -> None:
    def script(program: Program, stdin: bytes, _: Any) -> Outcome:
        if program.source == "right" and stdin != LONG.encode():
            return Outcome(Status.TIME_LIMIT, cpu_time_s=0.9)
        return printed("wrong" if program.source == "wrong" else "right", cpu=0.1)

    one = rows_of_two()
    with Counting(script) as engine:
        rules = Rules(one)
        confirmer = Confirmer(Runner(engine), rules)
        found = Shrinker(Runner(engine), rules, 0, confirmer).shrink(one.candidates[0], text(LONG))
        assert found is not None
        assert found.case.input.stdin == LONG.encode()
        smaller = [
            limits
            for (source, stdin, _), limits in zip(engine.asked, engine.limits, strict=True)
            if source == "right" and stdin != LONG.encode()
        ]
        assert {limits.cpu_time for limits in smaller} == {0.9}
        # It is not asked again for as little, but with all its time it may do.
        again = text(next(stdin.decode() for source, stdin, _ in engine.asked[2:] if source == "right"))
        asked = len(engine.asked)
        assert confirmer.oracle_case(again, 0.9) is Drop.CRASH
        assert len(engine.asked) == asked
        confirmer.oracle_case(again)
        assert len(engine.asked) > asked
        assert confirmer.is_exhausting(again)


def test_how_long_an_oracle_waits_for_a_core_says_nothing_of_an_input() -> None:
    def script(program: Program, stdin: bytes, _: Any) -> Outcome:
        if program.source not in {"right", "wrong"}:
            return Outcome(Status.NONZERO_EXIT)
        return printed(str(program.source), cpu=0.02, wall_time_s=0.0 if stdin == LONG.encode() else 5.0)

    one = rows_of_two()
    with Counting(script) as engine:
        found = shrinker(engine, one, 0).shrink(one.candidates[0], text(LONG))
        assert min(limits.wall_seconds for limits in engine.limits) >= one.limits.wall_seconds
    assert found is not None
    assert found.case.input.stdin == b"2\n1 2\n"


def test_what_a_slow_oracle_has_answered_counts_for_one_that_may_take_as_long() -> None:
    with Counting(lambda program, *_: printed("right", cpu=0.5)) as engine:
        confirmer = Confirmer(Runner(engine), Rules(rows_of_two()))
        assert isinstance(confirmer.oracle_case(text("2\n1 2\n")), TestCase)
        assert confirmer.oracle_case(text("2\n1 2\n"), 0.4) is Drop.CRASH
        assert isinstance(confirmer.oracle_case(text("2\n1 2\n"), 0.6), TestCase)


def test_a_run_that_is_known_is_not_made_again() -> None:
    one = rows_of_two()
    with scripted(printed("wrong")) as engine:
        rules = Rules(one)
        confirmer = Confirmer(Runner(engine), rules)
        known = confirmer.difference(one.candidates[0], text(LONG))
        assert isinstance(known, Difference)
        assert engine.of("wrong") == 1
        found = Shrinker(Runner(engine), rules, 0, confirmer).shrink_difference(one.candidates[0], known, runs=0)
        assert found is known
        assert engine.of("wrong") == 1


def test_a_fault_of_the_sandbox_is_said() -> None:
    one = rows_of_two()
    with scripted(Outcome(Status.SANDBOX_ERROR, detail="no memory")) as engine, pytest.raises(RunFailed, match="p1"):
        shrinker(engine, one, 0).shrink(one.candidates[0], text(LONG))


def test_an_oracle_is_asked_once() -> None:
    one = rows_of_two()
    with scripted(printed("right")) as engine:
        confirmer = Confirmer(Runner(engine), Rules(one))
        for _ in range(3):
            assert confirmer.difference(one.candidates[0], text("1\n5\n")) is None
        assert engine.of("right") == 1


def test_sizes_are_those_of_texts_and_of_arguments_as_json() -> None:
    inputs = [text("10\n"), text("9\n"), text("5 5\n"), text("8\n")]
    assert [each.stdin for each in sorted(inputs, key=size_of)] == [b"8\n", b"9\n", b"10\n", b"5 5\n"]
    calls = [call([1, 2]), call([]), call(3), call([{2, 1}]), call([{1, 2}])]
    assert sorted(calls, key=size_of)[:3] == [call(3), call([]), call([1, 2])]
    assert key_of(calls[3]) == key_of(calls[4])


BELONGING = [
    ([[3, "ab"], [5, "c"]], [(1, "x"), (100, "xyz")], [(0, "x"), (-1, "x"), (1, ""), (1,), ("1", "x")]),
    ([[[1, 2, 5]], [[4, 6, 9, 10]]], [([1],), ([1, 7, 8],)], [([],), ([2, 1],), ([1, 1],)]),
    ([[[[1, 2], [3, 4]]]], [([[1]],), ([[1, 2, 3]] * 3,)], [([[1], [1, 2]],), ([[1, 2]],)]),
    ([[{"a": (1, 2)}], [{"b": (3, 4), "c": (5, 6)}]], [({},), ({"x": (1, 1)},)], [({"x": (2, 1)},), ({"x": 1},)]),
    ([["5 red, 1 blue"], ["10 red, 2 blue"]], [("0 red, 7 blue",)], [("0",), ("0 red, 0 red",), ("red, blue",)]),
    ([[1.5], [2.0]], [(0.0,)], [(-0.5,), (1,)]),
    ([[-1.5, {3}]], [(-9.0, {1, 2})], [(1.0, set()), (1.0, [1])]),
    ([[[1, 2, 3], 2], [[1], 0]], [([5, 5], 2)], [([5, 5], 3)]),
]


@pytest.mark.parametrize(("known", "fine", "not_fine"), BELONGING)
def test_what_calls_have_in_common(known: list[Any], fine: list[Any], not_fine: list[Any]) -> None:
    rows = [{"input": plain_value(each)} for each in known]
    domain = domain_of(problem(function_row(oracles=["from x import f"], examples=rows)))
    assert domain is not None
    assert [each for each in fine if not belongs(domain, each)] == []
    assert [each for each in not_fine if belongs(domain, each)] == []


def test_a_problem_may_have_a_name_that_utf_8_has_no_bytes_for(engine: Engine) -> None:
    source = "n = int(input())\nassert n < 6, n\nprint(n)"
    changes = {"examples": [{"input": "5\n"}, {"input": "70000\n"}], "candidates": [{"id": "c", "source": source}]}
    one = problem(stdin_row(id="p\ud800", oracles=["print(int(input()))"], **changes))
    [row] = verify([one], engine, shrink=True)
    assert row.counterexample is not None
    assert row.counterexample.input == "6\n"
    assert row.detail == "exit code 1: AssertionError: 6"  # of the counterexample, not of what was met first
