"""What a model writes has the lines and words of a known input, and the known input is one such text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semi_instruct.generator.input_shapes import pattern_like
from semi_instruct.generator.llamacpp import _bounded
from semi_instruct.generator.schemas import input_list, without_patterns
from semi_instruct.generator.tasks import Example, NaturalCode, Tasks

WORDS = st.text("ab#.-^[]|(0", min_size=1, max_size=4) | st.integers(-200, 200).map(str)
TEXTS = st.lists(st.lists(WORDS, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=4).map("\n".join)


@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_a_known_input_is_of_its_own_shape(texts: list[str]) -> None:
    pattern = pattern_like(texts)
    assert pattern is not None
    for text in texts:
        assert re.fullmatch(pattern, f"{text}\n")


@pytest.mark.parametrize(
    ("known", "like", "unlike"),
    [
        ("3\n10 20 30\n", ["3\n1 99 7\n"], ["2\n1 99\n", "3\n1 99\n", "4\n10 20 30\n", "3\n10 20 300\n", "3\n1 99 7"]),
        ("2 1\n1 2\n", ["2 1\n2 1\n"], ["2 1\n2 5\n", "3 1\n1 2\n"]),
        ("3\n1 2\n2 3\n", ["3\n3 1\n2 3\n"], ["3\n1 2\n", "2\n1 2\n2 3\n"]),  # nodes, and one edge fewer
        ("2 3\n#..\n.#.\n", ["2 3\n###\n...\n"], ["2 3\n#.\n.#\n", "2 3\n#.a\n.#.\n", "3 3\n#..\n.#.\n"]),
        ("4\nabcd\n", ["4\nzzzz\n"], ["4\nabc\n", "4\nABCD\n"]),
        ("ABC349\n", ["XYZ001\n"], ["ABCD349\n"]),
        ("5 -3\n", ["-4 4\n"], ["5 -30\n", "5\n"]),
        ("0 0\n", ["7 0\n"], ["10 0\n"]),
        ("100 200\n", ["7 999\n"], ["0 1000\n", "-1 5\n"]),
        ("0\n\n", ["0\n\n", "7\n\n"], ["0\n", "0\n1\n"]),
        ("....\n", ["....\n"], ["...\n", "abcd\n"]),
        ("-0 ab\n", ["-7 yz\n"], ["0 ab\n", "-10 ab\n"]),
    ],
)
def test_others_have_as_many_words_of_the_same_kind(known: str, like: list[str], unlike: list[str]) -> None:
    pattern = pattern_like([known])
    assert pattern is not None
    for text in like:
        assert re.fullmatch(pattern, text), (pattern, text)
    for text in unlike:
        assert not re.fullmatch(pattern, text), (pattern, text)


def test_each_known_input_gives_a_shape() -> None:
    pattern = pattern_like(["1\n5\n", "2\n5 6\n", "1\n9\n"])
    assert pattern is not None
    assert re.fullmatch(pattern, "1\n7\n")
    assert re.fullmatch(pattern, "2\n5 5\n")
    assert not re.fullmatch(pattern, "2\n5\n")


@pytest.mark.parametrize("text", ["", "\n", "x" * 300, "1 " * 100, 'say "no"\n', "a\\b\n", "caf\u00e9\n", "a\tb\n"])
def test_what_is_long_or_written_otherwise_in_json_gives_none(text: str) -> None:
    assert pattern_like([text]) is None
    assert pattern_like([text, "7\n"]) == pattern_like(["7\n"])


def test_each_backend_is_told_what_it_takes() -> None:
    natural = NaturalCode("print(int(input())*2)", examples=(Example("4\n", "8\n"),))
    schema = Tasks().inputs(natural, 2, 0).schema
    assert schema is not None
    assert schema["properties"]["inputs"]["items"] == {"type": "string", "pattern": r"^([4-9]\n)$"}
    assert _bounded(schema)["properties"]["inputs"]["items"]["pattern"] == r"^([4-9]\\n)$"
    assert without_patterns(schema) == input_list(2, None)


def test_edge_cases_and_calls_keep_to_no_shape() -> None:
    natural = NaturalCode("print(int(input())*2)", examples=(Example("4\n", "8\n"),))
    assert Tasks().inputs(natural, 2, 0, edge=True).schema == input_list(2, None)
    call = NaturalCode("def f(a): return a", "f", (Example(["4\n"], "8"),))
    assert "pattern" not in str(Tasks().inputs(call, 2, 0).schema)
