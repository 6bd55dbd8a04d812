"""Whatever a model writes is named by its kind, and nothing raises or takes long."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semi_instruct.generator.model import Finish, Message, Text
from semi_instruct.generator.parsing import Fault, Parsed
from semi_instruct.generator.parsing.code import Wanted, code_in
from semi_instruct.generator.parsing.examples import examples_in
from semi_instruct.generator.parsing.inputs import inputs_in
from semi_instruct.generator.parsing.instructions import instructions_in
from semi_instruct.generator.parsing.pairs import instruction_of, pair_in
from semi_instruct.generator.parsing.programs import programs_in
from semi_instruct.generator.tasks import Example

PROMPT = (Message("user", "Write the whole program anew in one block, and then some more words.\nAnd mind the rules!"),)
NATURAL = "n=int(input())\nprint(n*2)\n"
GOOD = "def double(n: int) -> int:\n    return n * 2\n\n\nprint(double(int(input())))\n"
WANTED = Wanted(PROMPT, not_these=(NATURAL,))


def pair(text: str, finish: Finish = Finish.STOP, wanted: Wanted = WANTED) -> Fault | str | None:
    read = pair_in(Text(text, finish), wanted)
    return read.fault if read.value is None else read.value.code


def block(code: str, language: str = "python") -> str:
    return f"Instruction: Read a number and print its double.\n\n```{language}\n{code}```\n"


@pytest.mark.parametrize(
    ("text", "finish", "fault"),
    [
        ("", Finish.STOP, Fault.EMPTY),
        (" \n\t ", Finish.STOP, Fault.EMPTY),
        ("the server is on fire", Finish.REFUSED, Fault.REFUSED),
        ("I cannot do that.", Finish.STOP, Fault.NO_CODE),
        ("Instruction: Double a number.\n```python\ndef f(", Finish.LENGTH, Fault.CUT_OFF),
        ("Instruction: Double a number. First of all, we", Finish.LENGTH, Fault.CUT_OFF),
        (block("fn main() {}\n", "rust"), Finish.STOP, Fault.WRONG_LANGUAGE),
        (block("int main() { return 0; }\n"), Finish.STOP, Fault.NOT_PYTHON),
        (block(GOOD) + "```python\nprint(1)\n```\n", Finish.STOP, Fault.TWO_BLOCKS),
        (block(NATURAL), Finish.STOP, Fault.COPIED),
        (block('"""Doubles."""\nn = int(input())  # read\nprint(n * 2)\n'), Finish.STOP, Fault.COPIED),
        (PROMPT[0].content, Finish.STOP, Fault.PROMPT_REPEATED),
        ("print(1)\n" * 20_000, Finish.STOP, Fault.DEGENERATE),
        (block("import os\n" + "".join(f"x{n} = {n * n}\n" for n in range(9_000))), Finish.STOP, Fault.TOO_LONG),
    ],
)
def test_bad_pairs_are_named(text: str, finish: Finish, fault: Fault) -> None:
    assert pair(text, finish) == fault


@pytest.mark.parametrize(
    "text",
    [
        block(GOOD),
        block(GOOD, ""),
        block(GOOD, "Python"),
        block(GOOD) + "Example:\n```text\n2\n```\nThis prints 4.\n```\n4\n```",
        "**Instruction:** Read a number and print its double.\n\n**Code:**\n```python\n" + GOOD + "```",
        "### Instruction:\nRead a number and\nprint its double.\n```python\n" + GOOD,  # never closed, but not cut off
        block(GOOD) + "Once more:\n```python\n" + GOOD + "```",
    ],
)
def test_usable_pairs_are_used(text: str) -> None:
    read = pair_in(Text(text), WANTED)
    assert read.value is not None, read.fault
    assert (read.value.instruction, read.value.code) == ("Read a number and print its double.", GOOD)


@pytest.mark.parametrize("text", [f"```python\n{GOOD}```", f"Instruction:\n```python\n{GOOD}```\nHope that helps!"])
def test_code_without_an_instruction_waits_for_one(text: str) -> None:
    read = pair_in(Text(text), WANTED)
    assert read.value is not None
    assert (read.value.instruction, read.value.code) == (None, GOOD)


def test_an_instruction_may_follow_its_code() -> None:
    read = pair_in(Text(f"```python\n{GOOD}```\n\nInstruction: Print the double.\n\nIt is simple."), WANTED)
    assert read.value is not None
    assert read.value.instruction == "Print the double."


@pytest.mark.parametrize(
    "text",
    [
        "Instruction: Read a number and print its double.",
        "**Instruction:**\nRead a number and\nprint its double.\n\nNote that it may be negative.",
        "**Instruction:**\n\nRead a number and print its double.",
        "Certainly! Here is the task:\n\nInstruction: Read a number and print its double.",
        f"Instruction: Read a number and print its double.\n\n```python\n{GOOD}```",
    ],
)
def test_an_instruction_alone_is_read(text: str) -> None:
    assert instruction_of(Text(text), PROMPT).value == "Read a number and print its double."


@pytest.mark.parametrize(
    ("text", "finish", "fault"),
    [
        ("", Finish.STOP, Fault.EMPTY),
        ("no", Finish.STOP, Fault.NO_INSTRUCTION),
        (f"```python\n{GOOD}```", Finish.STOP, Fault.NO_INSTRUCTION),
        ("Instruction: Read a number and then", Finish.LENGTH, Fault.CUT_OFF),
        (f"Instruction:\n{PROMPT[0].content}", Finish.STOP, Fault.PROMPT_REPEATED),
        ("I'm sorry, but I can't assist with that.", Finish.STOP, Fault.NO_INSTRUCTION),
        ("def main():\n    print(int(input()) * 2)", Finish.STOP, Fault.NO_INSTRUCTION),
        ("**Instruction:**\n\n", Finish.STOP, Fault.NO_INSTRUCTION),
        ("the server is on fire", Finish.REFUSED, Fault.REFUSED),
    ],
)
def test_bad_instructions_are_named(text: str, finish: Finish, fault: Fault) -> None:
    assert instruction_of(Text(text, finish), PROMPT).fault == fault


@pytest.mark.parametrize("around", ["{}", "Instruction: {}", "**Instruction:**\n\n{}", "Instruction: {}\nIt is easy."])
def test_the_example_of_the_prompt_is_no_instruction(around: str) -> None:
    prompt = (Message("assistant", "Instruction: Print the sum of all numbers that are read."),)
    text = around.format("Print the sum of all numbers that are read.")
    assert instruction_of(Text(text), prompt).value is None


def test_an_instruction_after_the_code_must_be_whole() -> None:
    text = f"```python\n{GOOD}```\nInstruction: Read a number and"
    read = pair_in(Text(text, Finish.LENGTH), WANTED)
    assert read.value is not None
    assert read.value.instruction is None


def test_instructions_are_looked_for_in_a_moment() -> None:
    started = time.process_time()
    assert instruction_of(Text(" \t\n_*#>" * 8_000 + "x" * 400), PROMPT).value is None
    assert time.process_time() - started < 1.0


def test_the_natural_code_with_documented_functions_is_no_copy() -> None:
    natural = "def double(n):\n    return n * 2\n"
    wanted = Wanted(functions=frozenset({"double"}), not_these=(natural,))
    documented = natural.replace("return", '"""Twice the number."""\n    return')
    assert pair(block(documented), wanted=wanted) == documented
    assert pair(block(natural.replace("return", "# twice\n    return")), wanted=wanted) == Fault.COPIED
    assert pair(block(documented), wanted=Wanted(not_these=(documented,))) == Fault.COPIED


MAIN = "def main() -> None:\n    print(int(input()) * 2)\n"


def test_a_main_that_nobody_calls_is_called() -> None:
    assert pair(block(MAIN)) == f"{MAIN}\n\nmain()\n"
    assert pair(block(f"import sys\n\n{MAIN}")) == f"import sys\n\n{MAIN}\n\nmain()\n"
    for ending in ("main()\n", "if __name__ == '__main__':\n    main()\n", "print(1)\n", "code = main()\n"):
        assert pair(block(MAIN + ending)) == MAIN + ending
    decorated = f"import atexit\n\n\n@atexit.register\n{MAIN}"
    assert pair(block(decorated)) == decorated
    mentioned = f"{MAIN}\n\nanswers = [run() for run in (main,)]\n"
    assert pair(block(mentioned)) == mentioned
    assert pair(block(MAIN.replace("main", "solve"))) == MAIN.replace("main", "solve")
    assert pair(block(MAIN.replace("()", "(n)", 1))) == MAIN.replace("()", "(n)", 1)
    assert pair(block(MAIN), wanted=Wanted(functions=frozenset({"main"}))) == MAIN


def test_code_that_is_whole_is_used_though_the_prose_after_it_is_cut_off() -> None:
    assert pair(block(GOOD) + "\nThis program first", Finish.LENGTH) == GOOD


def test_a_function_must_have_its_name() -> None:
    wanted = Wanted(functions=frozenset({"solve"}))
    assert pair(block("def solver(x):\n    return x\n"), wanted=wanted) == Fault.WRONG_NAMES
    assert pair(block("def solve(x):\n    return x\n"), wanted=wanted) == "def solve(x):\n    return x\n"


def test_programs_need_both_functions() -> None:
    both = "def generate(seed):\n    return '1\\n'\n\ndef valid(text):\n    return True\n"
    assert programs_in(Text(block(both)), Wanted()).value == both
    assert programs_in(Text(block(both.replace("valid", "check"))), Wanted()).fault == Fault.WRONG_NAMES


@pytest.mark.parametrize(
    ("text", "finish", "fault"),
    [
        ("", Finish.STOP, Fault.EMPTY),
        ("Here are some inputs: 1, 2 and 3.", Finish.STOP, Fault.PROSE),
        ('{"inputs": ["1\n', Finish.STOP, Fault.BROKEN_JSON),
        ('{"inputs": [', Finish.LENGTH, Fault.CUT_OFF),
        ('{"inputs": "1 2 3"}', Finish.STOP, Fault.WRONG_SHAPE),
        ('{"tests": ["1"]}', Finish.STOP, Fault.WRONG_SHAPE),
        ('{"inputs": [1, 2, {"a": null}]}', Finish.STOP, Fault.WRONG_SHAPE),
        ('{"inputs": [NaN]}', Finish.STOP, Fault.BROKEN_JSON),
        ('{"inputs": [1e999]}', Finish.STOP, Fault.BROKEN_JSON),
        ('{"inputs": [' + "9" * 5000 + "]}", Finish.STOP, Fault.DEGENERATE),
        ("[" * 90_000, Finish.LENGTH, Fault.DEGENERATE),
    ],
)
def test_bad_lists_are_named(text: str, finish: Finish, fault: Fault) -> None:
    read = inputs_in(Text(text, finish), None)
    assert (read.value, read.fault) == (None, fault)


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ('{"inputs": ["1\\n2\\n", "3"]}', ("1\n2\n", "3\n")),
        ('["1", "1", "2"]', ("1\n", "2\n")),
        ('Sure!\n```json\n{"inputs": ["1"]}\n```\nHave fun.', ("1\n",)),
        ('Sure, here: {"inputs": ["1"]} Enjoy!', ("1\n",)),
        ('{"inputs": ["2\\\\n1 2"]}', ("2\n1 2\n",)),  # the escape itself was escaped
        ('{"inputs": ["a", 5, ["b"]]}', ("a\n",)),
    ],
)
def test_usable_lists_are_used(text: str, inputs: tuple[str, ...]) -> None:
    read = inputs_in(Text(text), None)
    assert (read.fault, read.value and read.value.inputs) == (None, inputs)


def test_of_a_list_that_was_cut_off_the_whole_inputs_are_taken() -> None:
    read = inputs_in(Text('{"inputs": ["1\\n", "2\\n", "3 3 3 3', Finish.LENGTH), None)
    assert read.value is not None
    assert (read.value.inputs, read.fault) == (("1\n", "2\n"), Fault.CUT_OFF)
    endless = inputs_in(Text('{"inputs": ["1\\n", "' + "7 " * 20_000, Finish.LENGTH), None)
    assert endless.value is not None
    assert (endless.value.inputs, endless.fault) == (("1\n",), Fault.DEGENERATE)


def test_calls_have_as_many_arguments_as_the_function() -> None:
    read = inputs_in(Text('{"inputs": [[[1, 2], "a"], [[1, 2]], [], "x", [[1, 2], "a"]]}'), 2)
    assert read.value is not None
    assert (read.value.inputs, read.value.misfits) == (([[1, 2], "a"],), ([[1, 2]], [], "x"))


def test_instructions_are_numbered_lines() -> None:
    text = "Sure:\n1. Given a list, sum its even numbers.\n2) **Given a word, count its vowels.**\n\n3. short\n4. Given"
    read = instructions_in(Text(text, Finish.LENGTH), frozenset({"Given a list, sum its even numbers."}))
    assert read.value == ("Given a word, count its vowels.",)
    assert instructions_in(Text("I like trains and long walks.")).fault == Fault.PROSE


def test_tests_have_an_input_and_an_output() -> None:
    text = '{"tests": [{"input": "4", "output": "8\\\\n9"}, {"input": "4\\n", "output": "7"}, {"input": "x"}, 5]}'
    assert examples_in(Text(text), None).value == (Example("4\n", "8\n9\n"),)
    assert examples_in(Text(text), "f").fault == Fault.WRONG_SHAPE
    calls = '[{"input": [4], "output": 8}, {"input": [0], "output": null}, {"input": [1'
    assert examples_in(Text(calls, Finish.LENGTH), "f") == Parsed((Example([4], 8), Example([0], None)), Fault.CUT_OFF)


PARSERS: dict[str, Callable[[Text], Parsed[object]]] = {
    "pair": lambda text: pair_in(text, WANTED),
    "code": lambda text: code_in(text, WANTED),
    "instruction": lambda text: instruction_of(text, PROMPT),
    "programs": lambda text: programs_in(text, WANTED),
    "inputs": lambda text: inputs_in(text, None),
    "calls": lambda text: inputs_in(text, 2),
    "instructions": instructions_in,
    "tests": lambda text: examples_in(text, None),
    "tests of a function": lambda text: examples_in(text, "f"),
}
# 100,000 tokens of one character, and of what parsers have trouble with.
ENDLESS = [
    "a",
    " ",
    "\n",
    "[",
    "{",
    '"',
    "\\",
    "`",
    "```\n",
    "```python\n",
    "(",
    "-",
    "9",
    "1.\n",
    '{"inputs":',
    "\x00",
]


FRONTS = {
    "pair": "Instruction: Read a number, print it.\n```python\nx = ",
    "code": "```python\nx = ",
    "instruction": "Instruction: Read a number, print it.",
    "programs": "",
    "inputs": '{"inputs": ["1", ',
    "calls": '{"inputs": [[1, 2], [',
    "instructions": "1. ",
    "tests": '{"tests": [{"input": "1", ',
    "tests of a function": '{"tests": [{"input": [1], "output": [',
}


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("unit", [*ENDLESS, "\ud800", "a.", "not ", "Instruction:", '["', "lambda:"])
def test_endless_repetition_ends_soon_and_never_raises(parser: str, unit: str) -> None:
    started = time.process_time()
    for count, finish in ((100_000, Finish.LENGTH), (3_000, Finish.STOP)):
        for front in ("", FRONTS[parser]):
            read = PARSERS[parser](Text(front + unit * count, finish))
            assert read.fault is not None
    assert time.process_time() - started < 2.0


@given(
    st.sampled_from(sorted(PARSERS)),
    st.lists(
        st.sampled_from(
            ["```", "```python\n", "\n", "Instruction:", "def f(x):\n", '{"inputs": [', '"', "]", "}", "1", ",", " "]
        )
        | st.text(max_size=5),
        max_size=30,
    ).map("".join),
    st.sampled_from(Finish),
)
def test_no_text_raises_and_each_has_a_value_or_a_fault(parser: str, text: str, finish: Finish) -> None:
    read = PARSERS[parser](Text(text, finish))
    assert read.value is not None or read.fault is not None
