"""Formats: inferred from examples, written as text and read back."""

from __future__ import annotations

import pytest

from semi_instruct.harness.inputs.stdin import BadFormat, format_from_text, infer, text_of
from semi_instruct.harness.inputs.stdin.checking import fits

EVERYTHING = """\
N: int 2?..10?; M: int max(0, N-1)..min(20?, 2*N+1)
A: N * int 1..N, distinct
B: 3*N * int -5..5, sorted?
C: N*M * decimal 2 -100..250
S: word ".#GS" of N with "GS"
T: word "0123456789" of 1..3 after "ABC"
X: word "ab" of 1..5
Y: word "ab" of X+1 around X
Z: word "ab" of 1..X within Y
Z1: word "ab" of 1..9 just around Z
repeat M, simple, connected?:
  U: int 1..N; V: int U+1..N; W: one of "left" "right"
E: int 1..9; F: int 1..9; varied
G: int 1..9; H: int 1..9; I: int 1..9; J: int 1..9; varied; apart
repeat N, distinct but not E F but not G H:
  P: int 1..9; Q: int 1..9
repeat N-1:
  either:
    K: one of "1"; O: int 1..10
    L: one of "2"
  empty
"""


def test_a_format_is_printed_as_it_is_read() -> None:
    assert text_of(format_from_text(EVERYTHING)) == EVERYTHING


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: the format is empty"),
        ("N: int 1..M", "line 1: 'M' where the name of an integer or word further up was expected"),
        ("N: int 1..5\nA: N * flag", "line 2: 'flag' where int, decimal, word or one of was expected"),
        ("N: int 1..5, happy", "line 1: 'happy' where one of distinct"),
        ("N: int 1..5 6", "line 1: '6' where ';' or the end of the line was expected"),
        ("N: int 1..5\n  M: int 1..2", "line 2: indented more than the line before allows"),
        ("N: int 1..5 & 6", "line 1: cannot read ' & 6'"),
        ("A: int 1..5; B: int 1..5; C: int 1..5; apart", "line 1: 'apart' needs an even number"),
        ('S: word "ab" of 2 just within S', "line 1: 'within' where 'around' was expected"),
        ("repeat 3", "line 1: the end of the line where ':' was expected"),
    ],
)
def test_a_text_that_is_no_format_says_where_and_why(text: str, complaint: str) -> None:
    with pytest.raises(BadFormat, match="^" + complaint.replace(".", r"\.")):
        format_from_text(text)


@pytest.mark.parametrize(
    ("examples", "expected"),
    [
        pytest.param(
            ["3\n5 1 9\n", "2\n7 7\n", "6\n1 2 3 1 2 8\n"],
            "N: int 2?..6?\nM: N * int 1..9?\n",
            id="a list and its length",
        ),
        pytest.param(
            ["4\n3 1 4 2\n", "5\n5 4 1 2 3\n", "3\n1 3 2\n"],
            "N: int 2?..5?\nM: N * int 1..N, distinct\n",
            id="a permutation",
        ),
        pytest.param(
            ["2 3\n..#\n#..\n", "3 2\n##\n..\n.#\n"],
            'N: int 2?..3?; M: int 2?..3?\nrepeat N:\n  K: word "#." of M\n',
            id="a grid of characters",
        ),
        pytest.param(
            ["2 3\n1 2 3\n4 5 16\n", "3 2\n9 9\n1 1\n5 3\n"],
            "N: int 2?..3?; M: int 2?..3?\nrepeat N:\n  K: M * int 1..16?\n",
            id="a grid of numbers",
        ),
        pytest.param(
            ["4\n1 2\n1 3\n3 4\n", "5\n2 1\n4 2\n5 2\n3 5\n", "2\n1 2\n"],
            "N: int 2?..5?\nrepeat N-1, simple, connected:\n  M: int 1..N; K: int 1..N\n",
            id="a tree",
        ),
        pytest.param(
            ["3\n3\n101\n6\n001101\n5\n11111\n"],
            'N: int 2?..3?\nrepeat N:\n  M: int 2?..6?\n  K: word "01" of M\n',
            id="test cases",
        ),
        pytest.param(
            ["2\n3\n1 2 9\n1\n5\n", "3\n2\n4 4\n1\n8\n4\n9 8 8 9\n"],
            "N: int 2?..3?\nrepeat N:\n  M: int 1..4?\n  K: M * int 1..9?\n",
            id="test cases of several lengths",
        ),
        pytest.param(
            ["3\n1 50\n2\n1 7\n", "4\n2\n1 30\n2\n1 6\n"],
            'N: int 2?..4?\nrepeat N:\n  either:\n    M: one of "1"; K: int 1..50?\n    L: one of "2"\n',
            id="queries of several kinds",
        ),
        pytest.param(
            ["2\n2 5 8\n3 1 2 3\n", "3\n1 4\n2 6 9\n4 1 3 4 5\n"],
            "N: int 2?..3?\nrepeat N:\n  M: int 1..4?; K: M * int 1..9?, increasing\n",
            id="rows that say their own length",
        ),
        pytest.param(["ABC349\n", "ABC350\n", "ABC016\n"], 'N: word "0123456789" of 3 after "ABC"\n', id="a prefix"),
        pytest.param(
            ["5\n10011\n", "1\n1\n", "3\n111\n"], 'N: int 1..5?\nM: word "01" of N\n', id="digits that are letters"
        ),
        pytest.param(
            ["RNBQ\n", "QBNR\n", "BRQN\n"], 'N: word "BNQR" of 4 with "BNQR"\n', id="the same letters shuffled"
        ),
        pytest.param(
            ["2 2\n3\n1 3\n3 1\n1 1\n", "4 1\n2\n3 1\n5 2\n"],
            "N: int 1..4?; M: int 1..min(4?, N?)\nK: int max(2?, M?)..3?\n"
            "repeat K, distinct? but not N M:\n  L: int 1..5?; Q: int 1..K\n",
            id="walls, and none where one starts",
        ),
        pytest.param(
            ["abc\naxbxyc\n", "aaaa\nbbbbaaaa\n", "word\nword\n"],
            'N: word "abcdefghijklmnopqrstuvwxyz" of 2?..4?\n'
            'M: word "abcdefghijklmnopqrstuvwxyz" of N..8? just around N\n',
            id="typed with errors",
        ),
        pytest.param(
            ["1 2 3 1\n", "3 3 1 2\n", "2 1 2 3\n"],
            "N: int 1..3?; M: int 1..3?; K: int 1..3?; L: int 1..3?; varied; apart\n",
            id="two points",
        ),
        pytest.param(["1 2\n", "3 3\n"], "N: int 1..3?; M: int max(1, N?)..3?\n", id="numbers that may be equal"),
        pytest.param(
            ["5 5 4 4\n", "6 6 6 3\n"],
            "N: int 1..6?; M: int 1..min(6?, N?); "
            "K: int 1..min(6?, N?, M?); L: int 1..min(6?, N?, M?); varied; apart\n",
            id="a point in squares",
        ),
        pytest.param(["0.50 2.25\n", "10.00 3.75\n"], "N: decimal 2 1..1000?; M: decimal 2 1..375?\n", id="decimals"),
    ],
)
def test_the_format_of_examples(examples: list[str], expected: str) -> None:
    formats = infer(examples)
    assert text_of(formats[0]) == expected
    for format_ in formats:
        assert format_from_text(text_of(format_)) == format_
        for example in examples:
            assert fits(format_, example) or text_of(format_).count("decimal")


def test_what_the_examples_leave_open_gives_alternatives() -> None:
    texts = [text_of(format_) for format_ in infer(["2 2\n1 2 7\n2 2 9\n"])]
    counts = {
        line.strip(":").split(",")[0] for text in texts for line in text.splitlines() if line.startswith("repeat")
    }
    assert counts == {"repeat N", "repeat M"}


def test_examples_without_a_common_shape_have_no_format() -> None:
    assert infer(["3\n1 2\n", "word 5 6 7\n8\n9 9 9\n"]) == []


@pytest.mark.parametrize(
    ("format_text", "text", "is_input"),
    [
        ("N: int 1..5", "5\n", True),
        ("N: int 1..5", "6\n", False),
        ("N: int 1..5\nA: N * int 1..9", "2\n1 9\n", True),
        ("N: int 1..5\nA: N * int 1..9", "2\n1\n", False),
        ("N: int 1..5\nA: N * int 1..9, increasing", "2\n9 1\n", False),
        ("N: int 1..5\nA: N * int 1..9, distinct", "2\n1 1\n", False),
        ("N: int 1..5\nA: N * int 1..9, descending", "2\n1 9\n", False),
        ('S: word "ab" of 2..3', "abb\n", True),
        ('S: word "ab" of 2..3', "abc\n", False),
        ('S: word "ab" of 2..3 with "a"', "aba\n", False),
        ('S: one of "L" "R"', "U\n", False),
        ('S: word "ab" of 1..3\nT: word "ab" of S+1 around S', "ab\naab\n", True),
        ('S: word "ab" of 1..3\nT: word "ab" of S+1 around S', "ab\nbaa\n", False),
        ('S: word "ab" of 1..3\nT: word "ab" of 1..S within S', "bab\nba\n", True),
        ('S: word "ab" of 1..3\nT: word "ab" of S+1 just around S', "ab\naab\n", True),
        ('S: word "ab" of 1..3\nT: word "ab" of S+1 just around S', "ab\nabb\n", False),
        ('S: word "ab" of 1..3\nT: word "ab" of 1..S within S', "bab\naa\n", False),
        ("A: int 1..5; B: int 1..5; varied", "3 4\n", True),
        ("A: int 1..5; B: int 1..5; varied", "3 3\n", False),
        ("A: int 1..5; B: int 1..5; C: int 1..5; D: int 1..5; apart", "3 4 4 3\n", True),
        ("A: int 1..5; B: int 1..5; C: int 1..5; D: int 1..5; apart", "3 4 3 4\n", False),
        ("A: int 1..9; B: int 1..9\nrepeat 2 but not A B:\n  C: int 1..9; D: int 1..9", "1 2\n2 1\n1 1\n", True),
        ("A: int 1..9; B: int 1..9\nrepeat 2 but not A B:\n  C: int 1..9; D: int 1..9", "1 2\n2 1\n1 2\n", False),
        ("repeat 2, simple:\n  U: int 1..3; V: int 1..3", "1 2\n2 1\n", False),
    ],
)
def test_an_input_of_a_format_is_told_from_others(format_text: str, text: str, is_input: bool) -> None:
    assert fits(format_from_text(format_text), text) is is_input
