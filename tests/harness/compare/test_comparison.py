"""Comparison of answers: what is the same, what is not, and that no answer can make it slow."""

from __future__ import annotations

import math
import time
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semi_instruct.engine.inside.values import dumps, loads
from semi_instruct.harness.compare.comparison import Comparison
from tests.harness.support.problem_rows import problem, stdin_row

TOKENS = Comparison("tokens")
LINES = Comparison("lines")
EXACT = Comparison("exact")
UNORDERED = Comparison("unordered_lines")
VALUE = Comparison("value")


class Opaque:
    """Crosses the wall by the name of its type alone."""


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (b"1 2\n3\n", b"1 2 3"),
        (b"1", b" \t1\r\n\n"),
        (b"", b"\n \n"),
        (b"0.5", b".5"),
        (b"3.0", b"3."),
        (b"0.333333333", b"0.3333334"),
        (b"123456.7890", b"123456.8"),
        (b"+5", b"5"),
        (b"-0", b"0"),
        (b"0.0", b"-0.0"),
        (b"1e05", b"1E+5"),
        (b"nan", b"nan"),
        (b"inf", b"inf"),
        (b"\xff\x00", b"\xff\x00\n"),
    ],
)
def test_tokens_that_are_the_same(expected: bytes, actual: bytes) -> None:
    assert TOKENS.agree(expected, actual)
    assert TOKENS.agree(actual, expected)


@pytest.mark.parametrize(
    ("decimal", "integer"), [(b"3.0", b"3"), (b"1e9", b"1000000000"), (b"2.0000001", b"2"), (b"-0.0", b"0")]
)
def test_an_integer_will_do_for_a_decimal_but_not_the_reverse(decimal: bytes, integer: bytes) -> None:
    assert TOKENS.agree(decimal, integer)
    assert not TOKENS.agree(integer, decimal)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (b"1 2 3", b"1 2"),
        (b"1 2", b"12"),
        (b"", b"0"),
        (b"yes", b"Yes"),
        (b"0001", b"1"),
        (b"00.5", b"0.5"),
        (b"0.5", b"0.50001"),
        # Integers, and what stands for one, are exact however big.
        (b"123456789012345678", b"123456789012345679"),
        (b"123456789012345679", b"1.2345678901234568e+17"),
        (b"500000004", b"500000004.5"),
        (b"9007199254740993", b"9007199254740992.0"),
        # What Python's float() would take, and printf would not print.
        (b"1000", b"1_000"),
        (b"16", b"0x10"),
        (b"1", "\u0661".encode()),
        (b"nan", b"NaN"),
        (b"nan", b"-nan"),
        (b"inf", b"infinity"),
        (b"1e999", b"2e999"),
        (b"1e999", b"inf"),
        (b"1", b"1\x00"),
        (b".", b"0"),
        (b"1e", b"1"),
    ],
)
def test_tokens_that_differ(expected: bytes, actual: bytes) -> None:
    assert not TOKENS.agree(expected, actual)
    assert not TOKENS.agree(actual, expected)


def test_integers_of_any_length_compare_exactly() -> None:
    digits = b"7" * 20_000
    assert TOKENS.agree(b"+" + digits, digits)
    assert not TOKENS.agree(digits, digits[:-1] + b"8")


@given(st.integers(), st.integers())
def test_integers_are_the_same_only_if_equal(first: int, second: int) -> None:
    assert TOKENS.agree(str(first).encode(), str(second).encode()) == (first == second)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(-9e-7, 9e-7))
def test_floats_agree_within_the_tolerance(number: float, error: float) -> None:
    near = number * (1 + error)
    if math.isfinite(near):
        assert TOKENS.agree(repr(number).encode(), repr(near).encode())


@given(st.floats(1e-3, 1e300), st.floats(3e-6, 1.0))
def test_floats_differ_beyond_the_tolerance(number: float, error: float) -> None:
    far = number * (1 + error) + 3e-6
    assert not TOKENS.agree(repr(number).encode(), b"%r" % far)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_each_comparison_takes_what_a_stricter_one_takes(first: bytes, second: bytes) -> None:
    for comparison in (EXACT, LINES, TOKENS, UNORDERED):
        assert comparison.agree(first, first)
    assert LINES.agree(first, second) == LINES.agree(second, first)
    if EXACT.agree(first, second):
        assert LINES.agree(first, second)
    if LINES.agree(first, second):
        assert TOKENS.agree(first, second)
    if TOKENS.agree(first, second):
        assert UNORDERED.agree(first, second)
        assert Comparison("tokens", ignore_case=True).agree(first, second)


words = st.lists(st.text("ab01.-", min_size=1, max_size=4), max_size=30)


@given(words, st.lists(st.sampled_from(" \t\n\r\f\v"), min_size=1, max_size=5))
def test_white_space_between_tokens_is_folded(tokens: list[str], gaps: list[str]) -> None:
    spread = "".join(gap + token for gap, token in zip(gaps * 30, tokens, strict=False))
    assert TOKENS.agree(" ".join(tokens).encode(), spread.encode() + b" ")


@given(words.filter(bool))
def test_a_beginning_is_not_the_whole(tokens: list[str]) -> None:
    assert not TOKENS.agree(" ".join(tokens).encode(), " ".join(tokens[:-1]).encode())
    assert not TOKENS.agree(" ".join(tokens[:-1]).encode(), " ".join(tokens).encode())


@pytest.mark.parametrize("at", [65_535, 65_536, 65_537, 131_072])
def test_tokens_are_whole_across_blocks(at: int) -> None:
    data = b"x" * at + b" 12345 6"
    assert TOKENS.agree(data, data + b" ")
    assert not TOKENS.agree(data, data.replace(b"12345", b"123 45"))


def test_lines() -> None:
    assert LINES.agree(b"a b\n\nc\n", b"a b  \r\n\t\nc\n\n\n")
    assert not LINES.agree(b"a b\nc", b"a  b\nc")
    assert not LINES.agree(b"a\nb", b"a b")
    assert not LINES.agree(b"a", b" a")
    assert not LINES.agree(b"a\nb", b"a")
    assert not LINES.agree(b"1.0", b"1")


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (b"1 2\n3\n", b"3\n1  2\n"),
        (b"a\n\nb\na", b"a\r\na\n b\n\n"),
        (b"1 2\n3", b"1\n2 3"),  # the same tokens
        (b"0.3333333\n0.1", b"0.1000000001\n0.33333333"),
        (b"x 9.5\nx 10.5\ny 1", b"y 1\nx 10.5000001\nx 9.5"),
        (b"2.0\n10.0\n1.5", b"10\n1.5\n2"),
        (b"+5\n3", b"3\n5"),
    ],
)
def test_lines_in_whatever_order(expected: bytes, actual: bytes) -> None:
    assert UNORDERED.agree(expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (b"1 2\n3", b"3\n2 1"),
        (b"1\n1\n2", b"1\n2\n2"),
        (b"1\n2", b"2"),
        (b"1\n2", b"2\n1\n1"),
        (b"1\n2", b"2 1"),
        (b"0.1\n0.2", b"0.2\n0.10001"),
        (b"9007199254740992\n1", b"1\n9007199254740993"),
        (b"a\nb", b"B\na"),
        (b"", b"1"),
    ],
)
def test_lines_that_differ_in_whatever_order(expected: bytes, actual: bytes) -> None:
    assert not UNORDERED.agree(expected, actual)
    assert not UNORDERED.agree(actual, expected)


def test_an_integer_wants_an_integer_in_whatever_order() -> None:
    assert UNORDERED.agree(b"2\n1.0", b"1\n2")
    assert not UNORDERED.agree(b"1\n2", b"2\n1.0")


@pytest.mark.parametrize("data", [b"%d.5\n", b" \n\t%d x\n", b"\n" * 50 + b"%d"], ids=["numbers", "words", "empty"])
def test_many_lines_in_whatever_order_take_little_time(data: bytes) -> None:
    lines = [data % number for number in range(50_000)]
    started = time.process_time()
    assert UNORDERED.agree(b"".join(lines), b"".join(reversed(lines)))
    assert not UNORDERED.agree(b"".join(lines), b"".join([*lines[1:], b"7.5 x\n"]))
    assert time.process_time() - started < 10


@given(words.filter(bool), st.randoms(use_true_random=False))
def test_no_order_of_lines_matters(tokens: list[str], random: Random) -> None:
    shuffled = random.sample(tokens, len(tokens))
    assert UNORDERED.agree("\n".join(tokens).encode(), "\n".join(shuffled).encode())


def test_letters_of_either_case() -> None:
    assert Comparison("tokens", ignore_case=True).agree(b"YES 1E5", b"yes  1e5")
    assert Comparison("unordered_lines", ignore_case=True).agree(b"YES\nNo", b"no\nyes")
    assert not Comparison("tokens", ignore_case=True).agree(b"yes", b"no")


def test_an_integer_by_chance_may_be_printed_as_a_decimal() -> None:
    assert not Comparison("tokens").agree(b"0", b"0.000000")
    decimals = Comparison("tokens", decimals=True)
    assert decimals.agree(b"0", b"0.000000")
    assert decimals.agree(b"2 3", b"2 3.0000001")
    assert not decimals.agree(b"2", b"2.1")
    assert not decimals.agree(b"%d" % 10**20, b"%d" % (10**20 + 1))


@pytest.mark.parametrize(("output", "are"), [("1.5\n", True), ("3 4\n", False), ("1e3", True), ("a.b 1..2", False)])
def test_a_task_whose_example_shows_decimals_wants_decimals(output: str, are: bool) -> None:
    row = stdin_row(examples=[{"input": "1\n", "output": "7"}, {"input": "1\n", "output": output}])
    assert problem(row).how_compared == Comparison("tokens", decimals=are)
    assert problem(row | {"comparison": "tokens"}).how_compared == Comparison("tokens")
    assert not TOKENS.agree(b"YES", b"yes")


def test_what_a_checker_says_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="checker"):
        Comparison("checker", checker="print('accepted')").agree(b"1", b"1")


def test_exact() -> None:
    assert EXACT.agree(b"a\n", b"a\n")
    assert not EXACT.agree(b"a\n", b"a")


@pytest.mark.parametrize("kind", ["lines", "tokens"])
@pytest.mark.parametrize(
    "data",
    [
        b"1" * (8 << 20),
        b"1 " * (4 << 20),
        b" " * (8 << 20),
        b"\n" * (8 << 20),
        b"x" + b" " * (8 << 20) + b"x",
        b"0." + b"1" * (8 << 20),
        b"1e" + b"9" * (8 << 20),
        b"\xff" * (8 << 20),
    ],
    ids=["digit", "digits", "spaces", "lines", "gap", "decimal", "exponent", "bytes"],
)
def test_huge_answers_take_little_time(kind: str, data: bytes) -> None:
    comparison = msgspec.convert({"kind": kind}, Comparison)
    started = time.process_time()
    assert comparison.agree(data, data + b"\n ")
    assert not comparison.agree(data, data + b"x")
    assert time.process_time() - started < 10


def crossed(value: object) -> object:
    return loads(dumps(value))


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (None, None),
        (2, 2.0),
        (0.1 + 0.2, 0.3),
        (10**30, 10**30),
        (math.nan, math.nan),
        (math.inf, math.inf),
        ([1, 2], (1, 2)),
        ([[1], "a"], ((1.0,), "a")),
        ({"a": 1, "b": [2]}, {"b": (2.0000001,), "a": 1}),
        ({1: "x"}, {1.0: "x"}),
        ({1, 2}, {2.0, 1.0}),
        ({(1, 2)}, {(1, 2.0)}),
        (frozenset({"a"}), frozenset({"a"})),
        ({math.nan}, {math.nan}),
        (b"x", b"x"),
        (1j, 1j),
        ("\ud800", "\ud800"),
    ],
)
def test_values_that_are_the_same(expected: object, actual: object) -> None:
    assert VALUE.agree(crossed(expected), crossed(actual))
    assert VALUE.agree(crossed(actual), crossed(expected))


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (True, 1),
        (False, 0),
        (0, None),
        ("1", 1),
        ([], ""),
        ([], None),
        ([1, 2], [1, 2, 3]),
        ([1, 2], [2, 1]),
        (10**30, float(10**30)),
        (10**30, 10**30 + 1),
        (500000004, 500000004.5),
        (math.inf, -math.inf),
        (math.inf, 1e308),
        (math.inf, 10**400),
        (math.nan, 0.0),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1}, {"b": 1}),
        ({"a": None}, {"b": None}),
        ({1: "x"}, {True: "x"}),
        ({1}, {True}),
        ({1}, [1]),
        ({1}, frozenset({1})),
        ({1}, {1, 2}),
        (b"x", bytearray(b"x")),
        (b"x", "x"),
        ({1.0}, {1.0000001}),
        (1, 1 + 0j),
    ],
)
def test_values_that_differ(expected: object, actual: object) -> None:
    assert not VALUE.agree(crossed(expected), crossed(actual))
    assert not VALUE.agree(crossed(actual), crossed(expected))


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: {"a": x}, lambda x: {x}, lambda x: {(1, x): 1}])
def test_what_cannot_cross_equals_nothing(wrap: object) -> None:
    assert callable(wrap)
    value = crossed(wrap(Opaque()))
    assert not VALUE.agree(value, value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(plain)
def test_a_value_equals_itself_on_both_sides_of_the_wall(value: object) -> None:
    assert VALUE.agree(crossed(value), crossed(value))


@given(plain, plain)
def test_values_compare_symmetrically(first: object, second: object) -> None:
    assert VALUE.agree(crossed(first), crossed(second)) == VALUE.agree(crossed(second), crossed(first))


def test_the_deepest_value_that_crosses_compares() -> None:
    value: object = 1
    for _ in range(100):
        value = [value]
    assert VALUE.agree(crossed(value), crossed(value))


@pytest.mark.parametrize(
    "comparison",
    [
        EXACT,
        LINES,
        TOKENS,
        VALUE,
        Comparison("tokens", 1e-9, 0.0),
        Comparison("unordered_lines", ignore_case=True),
        Comparison("checker", checker="print('accepted')"),
    ],
)
def test_a_comparison_survives_storage(comparison: Comparison) -> None:
    assert msgspec.json.decode(msgspec.json.encode(comparison), type=Comparison) == comparison


@pytest.mark.parametrize(
    ("absolute", "relative", "same", "different"),
    [
        (0.5, 0.0, (b"1000.0", b"1000.5"), (b"1000.0", b"1000.6")),
        (0.0, 1e-3, (b"1000.0", b"1001.0"), (b"1.0", b"1.01")),
        (0.0, 1e-3, (b"0.0", b"0.0"), (b"0.0", b"0.0001")),
        (0.1, 1e-3, (b"0.0", b"0.1"), (b"0.0", b"0.11")),
        (0.0, 0.0, (b"0.50", b".5"), (b"0.5", b"0.5000000001")),
    ],
)
def test_tolerances_are_absolute_and_relative(
    absolute: float, relative: float, same: tuple[bytes, bytes], different: tuple[bytes, bytes]
) -> None:
    comparison = Comparison("tokens", absolute, relative)
    assert comparison.agree(*same)
    assert not comparison.agree(*different)
    returned = Comparison("value", absolute, relative)
    assert returned.agree(*map(float, same))
    assert not returned.agree(*map(float, different))


def test_the_tolerance_is_no_licence_for_integers() -> None:
    assert not Comparison("tokens", 0.5, 0.5).agree(b"1000", b"1001")
    assert not Comparison("value", 0.5, 0.5).agree(1000, 1001)
