"""The few test cases kept of a problem do what all of them do, and can be read back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semi_instruct.engine import Engine, Outcome, Status
from semi_instruct.harness.inputs.calls.ordering import identity
from semi_instruct.harness.inputs.source import Answer, TestInput, inputs
from semi_instruct.harness.inputs.sources import Sources
from semi_instruct.harness.judge.checker import Finding, Judgement
from semi_instruct.harness.judge.consensus import TestCase, answer_of
from semi_instruct.harness.judge.scorecard import MAX_HELD, Scorecard
from semi_instruct.harness.judge.suite import MAX_CHOSEN, as_example, kept_suite, nothing_kept
from semi_instruct.harness.problems.schema import Problem, parse_row
from semi_instruct.harness.problems.strength import Merit, Rating, Strength
from semi_instruct.harness.problems.verdicts import REJECTIONS
from semi_instruct.harness.verification.scheduler import judge, verify
from tests.harness.support.fake_engine import SubprocessEngine, ended, printed
from tests.harness.support.problem_rows import function_row, problem, stdin_row

WRONG, CRASHES, BROKEN, OURS = (
    printed("wrong"),
    ended(Status.NONZERO_EXIT),
    ended(Status.COMPILE_ERROR),
    ended(Status.SANDBOX_ERROR),
)
SLOW = ended(Status.TIME_LIMIT)
UNKNOWN = Rating()


def case(index: int, provenance: str = "example", stdin: bytes = b"1\n", expected: Any = b"1\n") -> TestCase:
    compared = problem(stdin_row()).how_compared
    return TestCase(index, TestInput(provenance, stdin=stdin), Answer(expected), compared)


def call(args: list[Any], value: Any) -> TestCase:
    compared = problem(function_row()).how_compared
    return TestCase(0, TestInput("boundary", args=tuple(args)), Answer(value), compared)


def kept(cases: list[TestCase], *outcomes: dict[int, Outcome], rating: Rating = UNKNOWN) -> Problem:
    """The suite of a problem whose candidates answer so on these test cases, and all others right."""
    candidates = [{"id": f"c{number}", "source": ""} for number in range(len(outcomes))]
    judged = problem(stdin_row(candidates=candidates))
    cards = [Scorecard(judged, candidate) for candidate in judged.candidates]
    for card, given_answers in zip(cards, outcomes, strict=True):
        for each in reversed(cases):
            outcome = given_answers.get(each.index, printed("1"))
            answer = answer_of(judged, outcome)
            is_right = answer is not None and each.accepts(answer)
            judgement = Judgement(Finding.ACCEPTED if is_right else Finding.WRONG)
            card.record(each, outcome, None if answer is None else judgement)
    small = [each for each in cases if each.size <= MAX_CHOSEN]
    return kept_suite(judged, [each.index for each in cases], small, cards, rating)


def sources(suite: Problem) -> list[str | None]:
    return [example.provenance for example in suite.examples]


def cases(*names: str) -> list[TestCase]:
    return [case(index, name) for index, name in enumerate(names)]


def rated(*merits: tuple[set[str], set[int]]) -> Rating:
    """Of 4 branches and 4 mutants."""
    return Rating(4, 4, {index: Merit(*merit) for index, merit in enumerate(merits)})


@pytest.mark.parametrize(
    ("outcomes", "chosen"),
    [
        ([], ["a"]),
        ([{}], ["a"]),
        ([{0: WRONG, 1: WRONG, 2: WRONG}], ["a"]),
        ([{1: WRONG, 2: WRONG}], ["a", "b"]),
        ([{1: WRONG, 2: CRASHES}, {2: WRONG}], ["a", "c"]),
        ([{1: SLOW}, {2: WRONG}, {0: WRONG}], ["a", "b", "c"]),
        ([{2: OURS}], ["a"]),
        ([{0: BROKEN, 1: BROKEN, 2: BROKEN}], ["a"]),
    ],
)
def test_each_rejected_candidate_is_rejected_by_one_that_is_kept(
    outcomes: list[dict[int, Outcome]], chosen: list[str]
) -> None:
    suite = kept(cases("a", "b", "c"), *outcomes, rating=rated(({"x"}, {0}), ({"x"}, set()), (set(), {0})))
    assert sources(suite) == chosen
    assert suite.suite is not None
    assert suite.suite.not_rejected == ()


def test_mutants_and_branches_are_covered_and_rated() -> None:
    suite = kept(cases("a", "b", "c", "d"), rating=rated(({"x"}, {0}), ({"y"}, set()), ({"x", "y"}, {0}), (set(), {3})))
    assert sources(suite) == ["c", "d"]
    assert suite.suite is not None
    assert suite.suite.strength == Strength(0.5, 0.5)
    assert suite.suite.chosen_from == 4


def test_without_a_rating_all_examples_are_kept_beside_what_rejects() -> None:
    named = cases("example", "example", "small", "small")
    assert sources(kept(named, {2: WRONG, 3: WRONG})) == ["example", "example", "small"]
    assert sources(kept(named, {1: WRONG, 3: WRONG})) == ["example", "example"]
    assert sources(kept(named, rating=rated((set(), set())))) == ["example", "example"]


def test_a_large_one_is_kept_only_where_nothing_smaller_rejects() -> None:
    large = case(1, "large", stdin=b"1" * MAX_CHOSEN)
    alone = kept([case(0), large], {1: WRONG})
    assert sources(alone) == ["example", "large"]
    beside = kept([case(0), large, case(2, "small")], {1: WRONG, 2: WRONG})
    assert sources(beside) == ["example", "small"]
    assert beside.suite is not None
    assert beside.suite.left_out == {"too_large": 1}


def test_who_is_rejected_by_too_large_a_test_case_alone_is_named() -> None:
    suite = kept([case(0), case(1, "huge", stdin=b"1" * (MAX_HELD + 1))], {1: WRONG}, {})
    assert sources(suite) == ["example"]
    assert suite.suite is not None
    assert (suite.suite.left_out, suite.suite.not_rejected) == ({"too_large": 1}, ("c0",))


def test_what_is_not_text_is_left_out_and_another_takes_its_place() -> None:
    suite = kept([case(0, stdin=b"\xff"), case(1), case(2, expected=b"\xff1")], {0: WRONG, 1: WRONG, 2: printed("1")})
    assert [example.input for example in suite.examples] == ["1\n"]
    assert suite.suite is not None
    assert (suite.suite.left_out, suite.suite.not_rejected) == ({"not_text": 2}, ())


def test_what_was_run_after_its_verdict_stood_does_not_count() -> None:
    slow = dict.fromkeys(range(3), SLOW)
    suite = kept(cases("a", "b", "c", "d"), slow | {3: WRONG}, {3: WRONG}, rating=rated((set(), {0})))
    assert sources(suite) == ["a", "d"]
    assert sources(kept(cases("a", "b", "c", "d"), slow | {3: WRONG}, rating=rated((set(), {0})))) == ["a"]


_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.sets(st.text()),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(_values, max_size=3), _values)
def test_calls_are_read_back_as_the_same_values(args: list[Any], value: Any) -> None:
    example = as_example(call(args, value))
    assert example is not None
    kept_in = problem(
        function_row(examples=[json.loads(json.dumps({"input": example.input, "output": example.output}))])
    )
    read = next(inputs(kept_in, 0))
    assert identity(list(read.args or ())) == identity(args)
    assert read.known is not None
    assert identity(read.known.content) == identity(value)


@given(
    st.binary()
    | st.text(st.characters(categories=["Cs", "Lu"])).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_bytes_are_read_back_as_they_were_or_not_written(data: bytes) -> None:
    example = as_example(case(0, stdin=data, expected=data))
    if example is None:
        assert data.decode("utf-8", "replace").encode() != data
        return
    row = json.loads(json.dumps(kept([case(0, stdin=data, expected=data)]).to_json()))
    read = next(inputs(problem(row), 0))
    assert read.known is not None
    assert (read.stdin, read.known.content) == (data, data)


def test_the_comparison_in_use_and_excuses_are_kept() -> None:
    stated = problem(stdin_row(examples=[{"input": "1\n", "output": "1.5\n"}, {"input": "2\n", "output": "2\n"}]))
    excused = TestCase(1, TestInput("larger", stdin=b"2\n", beyond=True), Answer(b"2\n"), stated.how_compared)
    suite = problem(kept_suite(stated, [1], [excused], [], rated((set(), set()), (set(), {1}))).to_json())
    assert suite.how_compared == stated.how_compared
    assert suite.how_compared.decimals
    assert next(inputs(suite, 0)).beyond


def test_of_a_problem_that_was_lost_nothing_is_kept() -> None:
    row = nothing_kept(problem(stdin_row(time_limit_s=1.5))).to_json()
    assert (row["examples"], row["time_limit_s"], row["suite"]["chosen_from"]) == ((), 1.5, 0)
    assert problem(row).id == "p1"


LARGEST = "input()\nprint(max(map(int, input().split())))"
CANDIDATES = {
    "right": LARGEST,
    "last": "input()\nprint(sorted(input().split(), key=len)[-1])",
    "never_negative": "input()\nprint(max(0, *map(int, input().split())))",
    "crashes_on_one": "input()\na = input().split()\nassert len(a) > 1\nprint(max(map(int, a)))",
    "broken": "print((",
}


def test_the_kept_few_reject_in_the_sandbox_whom_all_rejected() -> None:
    candidates = [{"id": name, "source": source} for name, source in CANDIDATES.items()]
    examples = [{"input": "3\n1 5 2\n", "output": "5\n"}, {"input": "2\n-4 -7\n"}, {"input": "4\n8 8 1 0\n"}]
    row = stdin_row(oracles=[LARGEST], examples=examples, candidates=candidates, time_limit_s=1.0)
    with Engine(workers=2) as engine:
        [judged] = judge([problem(row)], engine, planned=40, keeps_suites=True)
        assert judged.suite is not None
        again = parse_row(json.dumps(judged.suite.to_json() | {"candidates": candidates}), "suites.jsonl", 1)
        rows = list(verify([again], engine, planned=0))
    assert [row.verdict in REJECTIONS for row in judged.rows] == [False, True, True, True, True]
    assert [row.verdict in REJECTIONS for row in rows] == [False, True, True, True, True]
    facts = judged.suite.suite
    assert facts is not None
    assert rows[0].test_cases == len(again.examples) < facts.chosen_from / 4
    assert facts.strength == judged.rows[0].strength


def test_a_problem_without_candidates_has_a_suite_too() -> None:
    with SubprocessEngine() as engine:
        examples = [{"input": "1\n5\n", "output": "5\n"}]
        row = stdin_row(oracles=[LARGEST], examples=examples, candidates=[])
        [judged] = judge([problem(row)], engine, planned=0, keeps_suites=True)
        [without] = judge([problem(row)], engine, planned=0)
    assert judged.suite is not None
    assert [example.output for example in judged.suite.examples] == ["5\n"]
    assert (judged.rows, without.suite) == ([], None)


def test_a_function_is_kept_with_its_values() -> None:
    with SubprocessEngine() as engine:
        source = "def f(x): return [x, None]"
        examples = [{"input": [1]}, {"input": [1.5], "output": [1.5, None]}]
        row = function_row(oracles=[source], examples=examples, candidates=[{"id": "c", "source": source}])
        [judged] = judge([problem(row)], engine, sources=Sources.EXAMPLES, keeps_suites=True)
    assert judged.suite is not None
    written = [(example.input, example.output) for example in judged.suite.examples]
    assert written == [([1], [1, None]), ([1.5], [1.5, None])]
