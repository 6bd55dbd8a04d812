"""Inputs for functions: shapes inferred from values, and what is drawn, made on purpose and mutated of them."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from semi_instruct.engine.inside.values import encode
from semi_instruct.harness.inputs.calls import Domain, domain_of, generated_calls
from semi_instruct.harness.inputs.calls.drawing import Drawing
from semi_instruct.harness.inputs.calls.edges import edges, large
from semi_instruct.harness.inputs.calls.inference import fit
from semi_instruct.harness.inputs.calls.mutation import Mutation
from semi_instruct.harness.inputs.calls.relations import AtMostLength, LengthDifference, NotMore, relations, restore
from semi_instruct.harness.inputs.calls.shapes import (
    Anything,
    Binary,
    Choice,
    DictOf,
    ListOf,
    OneOf,
    Real,
    Record,
    SetOf,
    Shape,
    Text,
    Truth,
    TupleOf,
    Tuples,
    Whole,
)
from semi_instruct.harness.inputs.source import inputs
from tests.harness.support.call_strategies import calls, strategy
from tests.harness.support.problem_rows import function_row, problem

ABC = Text("abc", 1, 3, ("a", "abc", "b"))


@pytest.mark.parametrize(
    ("hint", "values", "shape"),
    [
        (None, [], Anything()),
        (Whole(), [], Whole()),
        (None, [3, -1], Whole(-1, 3)),
        (None, [10**400], Whole(10**15, 10**15)),
        (None, [True, 2], OneOf((Truth(), Whole(2, 2)))),
        (None, [1.5, 0.25], Real(0.25, 1.5, 3)),
        (None, [float("inf")], Choice((float("inf"),))),
        (Real(), [1], OneOf((Whole(1, 1), Real()))),
        (None, ["a", "abc", "b"], ABC),
        (None, [b"abc", b""], Binary(0, 3)),
        (None, [[1, 5], []], ListOf(Whole(1, 5), 0, 2)),
        (ListOf(Whole()), [[]], ListOf(Whole(), 0, 0)),
        (OneOf((Whole(), Choice((None,)))), [7], OneOf((Whole(7, 7), Choice((None,))))),
        (Choice(("a", "b")), ["a"], Choice(("a", "b"))),
        (None, [[1, 2, 3], [2, 3, 5, 9]], ListOf(Whole(1, 9), 3, 4, ascending=True, distinct=True)),
        (None, [[1, 2, 3], [5, 2, 2]], ListOf(Whole(1, 5), 3, 3)),
        (None, [[[1, 2], [3, 4]], [[5]]], ListOf(ListOf(Whole(1, 5), 1, 2), 1, 2, even=True, square=True)),
        (None, [(1, 2), (3, 5)], TupleOf((Whole(1, 3), Whole(2, 5)), ascending=True)),
        (None, [(1,), (3, 5)], Tuples(ListOf(Whole(1, 5), 1, 2))),
        (None, [{1}, {2, 3}], SetOf(ListOf(Whole(1, 3), 1, 2))),
        (None, [{"a": 1, "b": 2}, {"a": 3, "b": 4}], Record((("a", Whole(1, 3)), ("b", Whole(2, 4))))),
        (None, [{"a": 1}, {}], DictOf(Text("a", 1, 1, ("a",)), Whole(1, 1), 1)),
        (None, [1j], Choice((1j,))),
    ],
)
def test_shapes_of_values(hint: Shape | None, values: list[Any], shape: Shape) -> None:
    assert fit(hint, values) == shape


SHAPES: list[Shape] = [
    Anything(),
    Choice((1, "a", None)),
    Truth(),
    Whole(),
    Whole(-5, 5),
    Whole(10**15, 10**15),
    Real(),
    Real(0.5, 2.0, 1),
    Text(),
    ABC,
    Text("()", 2, 6, ("(())", "()()()")),
    Text("-0123456789", 8, 10, ("03-11-2000", "1-1-20")),
    Binary(),
    ListOf(Whole(), 1, 4, ascending=True),
    ListOf(Whole(), 1, 4, distinct=True),
    ListOf(ListOf(Whole(0, 1), 2, 3), 2, 3, even=True, square=True),
    ListOf(Text("ab", 2, 2), 2, 3, even=True),
    ListOf(Anything()),
    TupleOf((Whole(), Whole()), ascending=True),
    TupleOf(()),
    Tuples(ListOf(Real())),
    SetOf(ListOf(Text())),
    SetOf(ListOf(Anything()), frozen=True),
    DictOf(Anything(), Whole()),
    Record((("a", Whole()), (1, Text()))),
    OneOf((Whole(), Text(), ListOf(Whole()))),
]


def fits(shape: Shape, value: Any) -> bool:
    """Whether a value is of the types of a shape and has its properties."""
    match shape:
        case Anything():
            return True
        case Choice(values):
            return value in values
        case Truth():
            return type(value) is bool
        case Whole(low):
            return type(value) is int and (low < 0 or value >= 0)
        case Real(low):
            return type(value) is float and (low < 0 or value >= 0)
        case Text():
            return type(value) is str
        case Binary():
            return type(value) is bytes
        case ListOf():
            return (
                type(value) is list and all(fits(shape.items, item) for item in value) and has_properties(shape, value)
            )
        case TupleOf(items, ascending):
            whole = type(value) is tuple and all(map(fits, items, value)) and len(value) == len(items)
            return whole and (not ascending or list(value) == sorted(value))
        case Tuples(like):
            return type(value) is tuple and fits(like, list(value))
        case SetOf(like, frozen):
            return type(value) is (frozenset if frozen else set) and fits(like, list(value))
        case DictOf(keys, values):
            return type(value) is dict and all(fits(keys, key) and fits(values, item) for key, item in value.items())
        case Record(fields):
            return list(value) == [key for key, _ in fields] and all(fits(inner, value[key]) for key, inner in fields)
        case OneOf(shapes):
            return any(fits(one, value) for one in shapes)


def has_properties(shape: ListOf, value: list[Any]) -> bool:
    lengths = {len(item) for item in value} if shape.even else {0}
    return (
        (not shape.ascending or value == sorted(value))
        and (not shape.distinct or len(set(value)) == len(value))
        and len(lengths) < 2
        and (not shape.square or lengths <= {len(value)})
    )


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_strict_draws_and_edges_fit_their_shape(shape: Shape) -> None:
    drawn = [Drawing(Random(seed), seed / 200, unsigned=True).draw(shape) for seed in range(200)]
    for value in [*drawn, *edges(shape), *large(shape)]:
        assert fits(shape, value), value
        encode(value)


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_loose_draws_are_plain_values_too(shape: Shape) -> None:
    for seed in range(100):
        encode(Drawing(Random(seed), 1.0, strict=False, numbers=(7, 0.5), words=("Earth",)).draw(shape))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_strategies_draw_what_fits(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from(SHAPES))
    assert fits(shape, data.draw(strategy(shape)))


def test_strategies_shrink() -> None:
    assert find(strategy(ListOf(Whole(-5, 5), 1, 4)), lambda value: sum(value) > 3) == [4]
    assert find(strategy(ABC), lambda value: "c" in value) == "c"
    assert find(strategy(Real()), lambda value: value > 1) == 2.0


def test_draws_repeat_and_relate_what_was_drawn() -> None:
    shapes = (ListOf(Whole(1, 10**6), 4, 6), Whole(1, 10**6))
    drawings = [Drawing(Random(seed), 0.5) for seed in range(200)]
    pairs = [(drawing.draw(shapes[0]), drawing.draw(shapes[1])) for drawing in drawings]
    assert sum(number in numbers for numbers, number in pairs) > 5
    assert sum(len(set(numbers)) < len(numbers) for numbers, _ in pairs) > 20


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        (ListOf(Whole(-5, 9), 1, 4), [[], [0], [1, 1], [0, 0, 0], [1, 0]]),
        (Whole(-5, 9), [0, 1, -1, -5, 9, 8, 10]),
        (Real(-1.0, 2.0), [0.0, 0.5, -0.5, 0.1 + 0.2]),
        (Text("aB ", 1, 4, ("a B",)), ["", " ", "A B", "a b", "a  B", "aB", " a B", "B a"]),
        (DictOf(ABC, Whole()), [{}, {"": 0}]),
        (SetOf(ListOf(Whole())), [set(), {0}]),
    ],
)
def test_edge_cases_on_purpose(shape: Shape, wanted: list[Any]) -> None:
    found = edges(shape)
    assert [value for value in wanted if value not in found] == []
    assert len(found) == len(set(map(repr, found)))


def test_large_values() -> None:
    assert large(Whole(1, 30)) == [301, 3000]
    assert len(large(ListOf(Whole(), ascending=True))[0]) == 200
    assert large(ListOf(Whole(), ascending=True))[0] == sorted(large(ListOf(Whole(), ascending=True))[0])
    assert large(Truth()) == []


VALUES: list[Any] = [
    0,
    -3,
    2.5,
    float("inf"),
    float("nan"),
    "",
    "03-11-2000",
    "(())",
    [],
    [1, [2, "a"]],
    (),
    (1, 2),
    {1},
]
VALUES += [{}, {"a": 1, "b": [2]}, True, None, b"ab", frozenset({2}), 1j, 10**400]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_mutations_keep_the_type(value: Any) -> None:
    for seed in range(100):
        changed = Mutation(Random(seed), VALUES).changed(value)
        assert type(changed) is type(value)
        encode(changed)


@pytest.mark.parametrize("value", [5, 2.5, "03-11-2000", [1, 2], (1, 2), {"a": 1}, True])
def test_mutations_change_something_mostly_and_not_their_argument(value: Any) -> None:
    before = repr(value)
    changed = [Mutation(Random(seed)).changed(value) for seed in range(100)]
    assert repr(value) == before
    assert sum(repr(one) != before for one in changed) > 60
    assert len(set(map(repr, changed))) > (1 if value is not True else 0)


def test_mutated_texts_keep_their_structure() -> None:
    changed = [Mutation(Random(seed)).changed("03-11-2000") for seed in range(200)]
    assert sum(one.count("-") == 2 and set(one) <= set("-0123456789") for one in changed) > 60


def test_numbers_of_the_documentation_get_into_texts() -> None:
    dates = Text("-0123456789", 10, 10, ("03-11-2000",))
    drawn = [Drawing(Random(seed), 0.5, words=("31",)).draw(dates) for seed in range(200)]
    assert sum(text.startswith("31-") for text in drawn) > 5


def test_no_number_becomes_negative_unless_allowed() -> None:
    assert all(Mutation(Random(seed)).changed([3, 4])[-1:] >= [0] for seed in range(100))
    assert any(Mutation(Random(seed), negative=True).changed(3) < 0 for seed in range(100))


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ([([1, 2], [3, 4]), ([1], [2])], LengthDifference(0, 1, 0, certain=True)),
        ([("010", "110")], LengthDifference(0, 1, 0, certain=False)),
        ([(["+"], [1, 2]), (["+", "-"], [1, 2, 3])], LengthDifference(0, 1, -1, certain=True)),
        ([([5, 6], 1), ([7], 1)], AtMostLength(1, 0, certain=True)),
        ([(3, 5), (1, 9)], NotMore(0, 1, certain=False)),
    ],
)
def test_relations(known: list[tuple[Any, ...]], found: Any) -> None:
    assert found in relations(known)


def test_no_relations_where_there_are_none() -> None:
    assert relations([([1, 2], [3]), ([1], [2, 3]), ([1], [])]) == ()
    assert relations([("1/5", "5/1"), ("1/10", "5/11")]) == ()  # cutting fractions makes none
    assert relations([(9, [1]), (1, [1, 2])]) == ()
    assert relations([]) == ()


@pytest.mark.parametrize(
    ("relation", "arguments", "restored"),
    [
        (LengthDifference(0, 1, 0, certain=True), ([1, 2, 3], "ab"), ([1, 2], "ab")),
        (LengthDifference(0, 1, -1, certain=True), (["+"], [1, 2, 3]), (["+"], [1, 2])),
        (LengthDifference(0, 1, 1, certain=True), ([], [1]), ([], [])),
        (LengthDifference(0, 1, 0, certain=True), (None, [1]), (None, [1])),
        (AtMostLength(0, 1, certain=True), (7, [1, 2]), (1, [1, 2])),
        (AtMostLength(0, 1, certain=True), (-7, [1, 2]), (-7, [1, 2])),
        (NotMore(0, 1, certain=True), (5, 3), (3, 5)),
        (NotMore(0, 1, certain=True), ("b", 3), ("b", 3)),
        (NotMore(0, 1, certain=True), (5,), (5,)),
    ],
)
def test_relations_are_restored(relation: Any, arguments: tuple[Any, ...], restored: tuple[Any, ...]) -> None:
    assert restore((relation,), arguments, lambda _: True) == restored
    assert restore((relation,), arguments, lambda _: False) == arguments


CLOSE = '''
def f(numbers: list[float], threshold: float) -> bool:
    """Whether two are closer than that.
    >>> f([1.0, 2.0], 0.5)
    False
    """
'''


def domain(**changes: Any) -> Domain:
    known = domain_of(problem(function_row(**changes)))
    assert known is not None
    return known


def test_a_domain_of_hints_examples_and_documentation() -> None:
    known = domain(oracles=[CLOSE], examples=[{"input": [[3.5], 1]}])
    assert known.calls == (([3.5], 1), ([1.0, 2.0], 0.5))
    assert known.shapes == (
        ListOf(Real(1.0, 3.5, 2), 1, 2),
        OneOf((Whole(1, 1), Real(0.5, 0.5, 2))),
    )


def test_examples_alone_and_functions_that_are_imported() -> None:
    known = domain(oracles=["from m import f"], examples=[{"input": [1]}, {"input": [2, "a"]}])
    assert known.arities == (1, 2)
    assert known.shapes == (Whole(1, 2), Text("a", 1, 1, ("a",)))


def test_words_are_asked_last() -> None:
    assert domain(oracles=['def f(n):\n    "a positive integer n"'], examples=[]).shapes == (Whole(),)
    assert domain(oracles=["def f(a: int, b): pass"], examples=[]).shapes == (Whole(), Anything())


@pytest.mark.parametrize("source", ["def f(a): pass", "f = print", "not python (", "def g(a: int): pass"])
def test_where_nothing_is_said_there_are_no_inputs(source: str) -> None:
    assert list(inputs(problem(function_row(oracles=[source], examples=[])), 0)) == []


def test_a_function_without_parameters_is_called_once() -> None:
    assert [one.args for one in inputs(problem(function_row(oracles=["def f(): pass"], examples=[])), 0)] == [()]


def test_inputs_of_all_sources_each_once_and_examples_first() -> None:
    row = function_row(oracles=[CLOSE], examples=[{"input": [[3.5, 1.0], 1.0], "output": False}])
    found = list(inputs(problem(row), 0))
    assert found[0].args == ([3.5, 1.0], 1.0)
    assert found[0].provenance == "example"
    assert found[1].args == ([1.0, 2.0], 0.5)
    assert found[1].provenance == "documented"
    assert found[1].known is None
    counts = Counter(one.provenance for one in found)
    assert counts["example"] == counts["documented"] == 1
    assert min(counts[word] for word in ("edge", "drawn", "mutated")) > 20
    assert len({repr(one.args) for one in found}) == len(found)


def test_what_reaches_far_comes_last() -> None:
    found = list(generated_calls(domain(oracles=["def f(n: int): pass"], examples=[{"input": [10]}]), 0))
    numbers = [abs(call.arguments[0]) for call in found]
    assert numbers[-1] == max(numbers) >= 1000
    beyond = [number for number in numbers if number > 10]
    assert numbers[-len(beyond) :] == sorted(beyond)


def test_arguments_of_one_type_are_exchanged() -> None:
    known = domain(oracles=["def f(a, b, c): pass"], examples=[{"input": [3, 9, "3"]}])
    exchanged = [(9, 3, "3") in [call.arguments for call in generated_calls(known, seed)] for seed in range(10)]
    assert sum(exchanged) > 5


def test_alternatives_come_together() -> None:
    number = OneOf((Whole(1, 9), Real(1.0, 9.0), Text()))
    calls = [
        [type(drawing.draw(number)) for _ in range(4)] for drawing in (Drawing(Random(n), 0.5) for n in range(300))
    ]
    assert sum(len(set(types)) == 1 for types in calls) > 60


def test_the_seed_decides() -> None:
    known = domain(oracles=[CLOSE], examples=[])
    assert list(generated_calls(known, 1)) == list(generated_calls(known, 1))
    assert list(generated_calls(known, 1)) != list(generated_calls(known, 2))


def test_another_process_draws_the_same() -> None:
    program = (
        "import sys\nsys.path += ['', 'tests/harness']\n"
        "from tests.harness.support.problem_rows import *\nfrom semi_instruct.harness.inputs.source import inputs\n"
        "row = function_row(oracles=[sys.argv[1]], examples=[{'input': [[0.5], {'$set': ['a', 'b']}]}])\n"
        "print([one.shown() for one in inputs(problem(row), 3)])"
    )
    command = [sys.executable, "-c", program, CLOSE]
    told = {
        subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[3]).stdout for _ in range(2)
    }
    assert len(told) == 1
    assert b"$set" in told.pop()


def test_a_strategy_of_calls_keeps_certain_relations() -> None:
    known = domain(oracles=["def f(a, b): pass"], examples=[{"input": [[1, 2], [3, 4]]}, {"input": [[1], [2]]}])

    @settings(max_examples=50, database=None)
    @given(calls(known))
    def holds(arguments: tuple[list[int], list[int]]) -> None:
        assert len(arguments[0]) == len(arguments[1])

    holds()
    assert find(calls(known), lambda call: bool(call[0]) and call[0] != call[1]) in (([0], [1]), ([1], [0]), ([1], [2]))


def test_hostile_sources_and_examples_only_make_fewer_inputs() -> None:
    nested: Any = []
    for _ in range(98):
        nested = [nested]
    examples = [{"input": [nested, 10**300, "\ud800", {"$float": "nan"}, {"$dict": [[{"$tuple": [1]}, 2]]}]}]
    row = function_row(oracles=["def f(a, b, c, d, e):\n '" + "f(" * 999 + "'"], examples=examples)
    found = list(inputs(problem(row), 0))
    assert len(found) > 50
    for one in found:
        encode(one.args)
