"""Each mutation operator does what its name says; mutants compile, differ, and come in the same order again."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semi_instruct.harness.analysis.mutants import Mutant, some_mutants
from semi_instruct.harness.analysis.mutation_operators import OPERATORS

# Operator, a program, and all that the operator makes of its last line.
DOES: list[tuple[str, str, set[str]]] = [
    ("AOR", "a + b", {"a - b", "a * b"}),
    ("AOR", "a // b", {"a / b", "a * b", "a % b"}),
    ("AOR", "a << b", {"a >> b"}),
    ("AOR", "a + 'text'", set()),
    ("AOD", "a + b", {"a", "b"}),
    ("AOD", "-a", {"a"}),
    ("ASR", "a += b", {"a -= b", "a *= b", "a = b"}),
    ("ROR", "a < b", {"a <= b", "a != b", "False"}),
    ("ROR", "a == b", {"a <= b", "a >= b", "False"}),
    ("ROR", "a < b < c", {"a <= b < c", "a != b < c", "a < b <= c", "a < b != c"}),
    ("ROR", "a in b", {"a not in b"}),
    ("LCR", "a and b", {"a or b", "a", "b"}),
    ("LCR", "a or b or c", {"a and b and c", "b or c", "a or c", "a or b"}),
    ("COI", "c if a else b", {"c if not a else b"}),
    ("COI", "[c for c in a if c if b]", {"[c for c in a if not c if b]", "[c for c in a if c if (not b)]"}),
    ("COI", "while a: f()", {"while not a:\n    f()"}),
    ("COD", "not a", {"a"}),
    ("UOI", "a < 3", {"-a < 3", "a + 1 < 3", "a - 1 < 3"}),
    ("ABS", "a - b[0]", {"abs(a) - b[0]", "a - abs(b[0])"}),
    ("CRP", "5", {"6", "4", "-5", "0"}),
    ("CRP", "1.5", {"2.5", "0.5", "-1.5", "0"}),
    ("CRP", "True", {"False"}),
    ("CRP", "'ab'", {"''", "'abx'"}),
    ("CRP", "''", {"'mutant'", "'x'"}),
    ("SDL", "a += 1", {"pass"}),
    ("SDL", "f(a); b = 1", {"pass; b = 1"}),
    ("SDL", "if a: f()", {"pass", "if a:\n    pass"}),
    ("SDL", "a = 1", set()),
    ("OIL", "for a in b: f()", {"for a in b:\n    f()\n    break"}),
    ("ZIL", "for a in b: f()", {"for a in b:\n    break"}),
    ("ZIL", "while a: f()", {"while a:\n    break"}),
    ("RIL", "for a in b: f()", {"for a in reversed(list(b)):\n    f()"}),
    ("LBR", "range(a)", {"range(a + 1)", "range(a - 1)"}),
    ("LBR", "range(a, b, c)", {"range(a + 1, b, c)", "range(a - 1, b, c)", "range(a, b + 1, c)", "range(a, b - 1, c)"}),
    ("SIR", "a[b:c]", {"a[:c]", "a[b:]"}),
    ("BCR", "while a:\n    break", {"while a:\n    continue"}),
    ("BCR", "while a:\n    if b:\n        continue\n    f()", {"while a:\n    if b:\n        break\n    f()"}),
    ("EHD", "try: f()\nexcept E: f(1)", {"try:\n    f()\nexcept E:\n    raise"}),
    ("EXS", "try: f()\nexcept E: f(1)", {"try:\n    f()\nexcept E:\n    pass"}),
]


def wrapped(program: str) -> str:
    """An expression returned from a function, or statements in one."""
    try:
        ast.parse(program, mode="eval")
    except SyntaxError:
        return "def g():\n" + "".join(f"    {line}\n" for line in program.splitlines())
    return f"def g():\n    return {program}\n"


class Unshuffled(Random):
    """Has ``some_mutants`` keep the first of those that compile alike."""

    def shuffle(self, x: Any) -> None:
        """Leave the order as it is."""


def mutants(source: str) -> list[Mutant]:
    """All mutants of a program."""
    return some_mutants(source, sys.maxsize, Unshuffled())


def normalised(program: str) -> str:
    return ast.unparse(ast.parse(wrapped(program)))


@pytest.mark.parametrize(("operator", "program", "expected"), DOES)
def test_operators_do_what_their_names_say(operator: str, program: str, expected: set[str]) -> None:
    found = {mutant.source for mutant in mutants(wrapped(program)) if mutant.operator == operator}
    assert found == set(map(normalised, expected))


def test_every_operator_is_shown_above() -> None:
    assert {operator for operator, _, _ in DOES} == {name for name, _ in OPERATORS}


PROGRAM = '''"""Text."""
import sys as s


def f(n: int = 3, *, key: "str" = "x") -> list[int]:
    """More text."""
    found = []
    for i in range(n):  # a comment
        if i % 2 == 0 and i > 1:
            found.append(-i)
        else:
            continue
    try:
        return found[1:n]
    except ValueError as error:
        print(f"{error}: {n}")
    return [x for x in found if not x]
'''


def test_mutants_say_where_and_what() -> None:
    found = mutants(PROGRAM)
    [mutant] = [one for one in found if (one.operator, one.after) == ("LCR", "i % 2 == 0 or i > 1")]
    assert (mutant.line, mutant.column, mutant.before) == (9, 11, "i % 2 == 0 and i > 1")
    assert "if i % 2 == 0 or i > 1:" in mutant.source
    assert [(one.line, one.column) for one in found] == sorted((one.line, one.column) for one in found)


def test_each_mutant_compiles_and_differs() -> None:
    found = mutants(PROGRAM)
    assert len(found) > 30
    codes = {compile(one.source, "mutant", "exec").co_code + ast.dump(ast.parse(one.source)).encode() for one in found}
    assert len(codes) == len(found)
    assert ast.unparse(ast.parse(PROGRAM)) not in {one.source for one in found}


def test_hints_documentation_and_imports_stay() -> None:
    for mutant in mutants(PROGRAM):
        assert '"""Text."""' in mutant.source
        assert '"""More text."""' in mutant.source
        assert "import sys as s" in mutant.source
        assert "-> list[int]" in mutant.source


@pytest.mark.parametrize("program", ["-0", "1 if True else 2", "x[:]"])
def test_what_compiles_to_the_same_is_left_out(program: str) -> None:
    texts = [mutant.source for mutant in mutants(wrapped(program))]
    assert normalised(program) not in texts
    assert len({compile(text, "", "exec").co_consts[0] for text in texts}) == len(texts)


@pytest.mark.parametrize("source", ["def f(:", "\0", "", "'only text'", "pass"])
def test_nothing_to_mutate(source: str) -> None:
    assert mutants(source) == []


@given(st.sampled_from(DOES), st.sampled_from(DOES))
def test_programs_together_have_the_mutants_of_each(
    first: tuple[str, str, set[str]], second: tuple[str, str, set[str]]
) -> None:
    both = wrapped(first[1]) + wrapped(second[1]).replace("def g", "def h")
    assert len(mutants(both)) == sum(len(mutants(wrapped(one[1]))) for one in (first, second))


def test_another_process_makes_the_same() -> None:
    imports = "import random, sys\nfrom semi_instruct.harness.analysis.mutants import some_mutants\n"
    program = imports + "print([one.source for one in some_mutants(sys.argv[1], 30, random.Random(5))])"
    command = [sys.executable, "-c", program, PROGRAM]
    told = subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[3]).stdout
    assert ast.literal_eval(told.decode()) == [mutant.source for mutant in some_mutants(PROGRAM, 30, Random(5))]


def test_some_mutants_are_a_choice_of_all() -> None:
    some = [some_mutants(PROGRAM, 9, Random(seed)) for seed in (0, 0, 1)]
    assert some[0] == some[1] != some[2]
    assert len({mutant.source for mutant in some[0]}) == 9
    assert [mutant.line for mutant in some[0]] == sorted(mutant.line for mutant in some[0])
    # Of those that compile alike there is one.
    assert len(some_mutants(PROGRAM, 10_000, Random(0))) == len(mutants(PROGRAM))
    assert some_mutants("not python (", 9, Random(0)) == []
