"""What a signature and a documentation say of the arguments, read and never run."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from semi_instruct.harness.inputs.calls.documented import documented
from semi_instruct.harness.inputs.calls.hints import shape_of_hint
from semi_instruct.harness.inputs.calls.prose import names_no_negatives, shape_in_words
from semi_instruct.harness.inputs.calls.shapes import (
    Anything,
    Binary,
    Choice,
    DictOf,
    ListOf,
    OneOf,
    Real,
    SetOf,
    Shape,
    Text,
    Truth,
    TupleOf,
    Tuples,
    Whole,
)
from semi_instruct.harness.inputs.calls.signature import signature_of

NONE = Choice((None,))


@pytest.mark.parametrize(
    ("hint", "shape"),
    [
        ("int", Whole()),
        ("float", Real()),
        ("bool", Truth()),
        ("bytes", Binary()),
        ("None", NONE),
        ("list[int]", ListOf(Whole())),
        ("typing.List[str]", ListOf(Text())),
        ("Sequence[Sequence[int]]", ListOf(ListOf(Whole()))),
        ("list", ListOf(Anything())),
        ("Optional[int]", OneOf((Whole(), NONE))),
        ("int | None", OneOf((Whole(), NONE))),
        ("Union[int, str, Union[int, None]]", OneOf((Whole(), Text(), NONE))),
        ("Union[int]", Whole()),
        ("tuple[int, str]", TupleOf((Whole(), Text()))),
        ("Tuple[int, ...]", Tuples(ListOf(Whole()))),
        ("tuple[()]", TupleOf(())),
        ("dict[str, list[int]]", DictOf(Text(), ListOf(Whole()))),
        ("frozenset[int]", SetOf(ListOf(Whole()), frozen=True)),
        ("Literal['a', 1, None]", Choice(("a", 1, None))),
        ("Annotated[int, 'positive']", Whole()),
        ("'List[\"int\"]'", ListOf(Whole())),
        ("Row", ListOf(Whole())),
        ("Grid", ListOf(ListOf(Whole()))),
        ("Loop", Anything()),
        ("Any", Anything()),
        ("Callable[[int], int]", Anything()),
        ("'('", Anything()),
        ("f(x)", Anything()),
        ("Literal[f()]", Anything()),
    ],
)
def test_hints(hint: str, shape: Shape) -> None:
    aliases = {"Row": "list[int]", "Grid": "list[Row]", "Loop": "Loop"}
    parsed = {name: ast.parse(text, mode="eval").body for name, text in aliases.items()}
    assert shape_of_hint(ast.parse(hint, mode="eval").body, parsed) == shape


SOURCE = '''
Row = list[int]

def helper(x: str): ...

class S:
    @classmethod
    def f(cls, a: Row, /, b: "float" = 1.5, c=DEFAULT, *rest, d: int = 2):
        import math
        """Some words."""
        print("hello")
'''


def test_a_signature() -> None:
    signature = signature_of(("not python (", "def f(a): pass", SOURCE), "S.f")
    assert signature is not None
    assert [(one.name, one.hint, one.default, one.required) for one in signature.parameters] == [
        ("a", ListOf(Whole()), (), True),
        ("b", Real(), (1.5,), False),
        ("c", None, (), False),
    ]
    assert signature.required == 1
    assert signature.documentation == "Some words."


def test_the_source_that_says_something_is_asked() -> None:
    signature = signature_of(("def f(x): pass", "def f(y: int): pass"), "f")
    assert signature is not None
    assert signature.parameters[0].name == "y"
    assert signature_of(("f = len",), "f") is None


def shown(text: str, parameters: str = "a, b=0") -> Any:
    signature = signature_of((f"def f({parameters}):\n    {text!r}\n",), "f")
    assert signature is not None
    return documented(signature, "f")


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (">>> f(1, [2])\n3", [(1, [2])]),
        (">>> round(f(1.5), 2) == 3.0", [(1.5,)]),
        ("f('a)b', (1, 2)) ➞ 3 and f(\"c\") => 4", [("a)b", (1, 2)), ("c",)]),
        ("f(b=2, a=1)", [(1, 2)]),
        ("f([\n  [1],\n  [2]\n], 1) == 3", [([[1], [2]], 1)]),
        ("f('a\nb')", [("a\nb",)]),
        ("f(word) => True", [("word",)]),
        ("f(a), f(a - 1), f(1, 2, 3), f(), f(c=1), f(b=1), f(...), f(g()), f(*[1]), (f)", []),
        ("f(", []),
        ("see self_f(1) of(1)", []),
        (">>> g(1)\n    >>> g(2, 3)", [(1,), (2, 3)]),
        ("For a = [1,2], b = 'x' the output is 3. For a = [], b = '' it is 0", [([1, 2], "x"), ([], "")]),
        ("Input:\n    a : {'k': 1}\n    max_b : -2", [({"k": 1}, -2)]),
        ("a = 1, a = 2, b = x", []),
    ],
)
def test_calls_in_documentations(text: str, calls: list[Any]) -> None:
    assert list(shown(text).calls) == calls


def test_inputs_of_a_single_parameter() -> None:
    assert shown("Input: [4, 2]\nOutput: 2\ninput: -3.5", "a").calls == (([4, 2],), (-3.5,))
    assert shown("Input: [4, 2]").calls == ()


def test_values_of_single_parameters_numbers_and_words() -> None:
    found = shown("a['+', '-'] goes to 'Earth' or Mars, 1,000 or 7 times; at most 12.", "a, b")
    assert found.calls == ()
    assert found.partly == ((0, ["+", "-"]),)
    assert found.words == ("+", "-", "Earth", "Mars")
    assert 7 in found.numbers
    assert 12 in found.numbers


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "f(" * 9_000,
        "f(" * 6_000 + ")" * 6_000,
        "a = (" * 3_000 + ")" * 3_000,
        "f([" + "[" * 9_000,
        "f(" + "9" * 9_000 + ")",
        "a = " * 9_000,
    ],
)
def test_hostile_documentations_show_nothing(text: str) -> None:
    assert shown(text).calls == ()


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("You are given a positive integer n.", Whole()),
        ("n is a list of integers", ListOf(Whole(-10, 20))),
        ("Two things: a string s and a number n", Whole()),
        ("takes an array n of non-negative integers", ListOf(Whole(-10, 20))),
        ("n, a list of strings", ListOf(Text(longest=6))),
        ("an integer" + " " * 100 + "n", None),
        ("nothing said of n", None),
        ("an integer and no name", None),
    ],
)
def test_types_in_words(text: str, shape: Shape | None) -> None:
    assert shape_in_words(text, "n") == shape


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("a positive integer", True),
        ("non-negative numbers", True),
        ("positive or negative", False),
        ("positive: f([-1])", False),
        ("numbers", False),
    ],
)
def test_signs_in_words(text: str, is_so: bool) -> None:
    assert names_no_negatives(text) is is_so
