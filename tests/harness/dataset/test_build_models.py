"""Semi and self mode with a language model as the generator: one of which every text is known."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from semi_instruct.generator.cache import Cache, CachedModel
from semi_instruct.generator.errors import ModelUnusable
from semi_instruct.generator.model import Cost, Message, Request, Text
from semi_instruct.generator.parsing.adapted import adapted_in
from semi_instruct.generator.parsing.code import Wanted
from semi_instruct.harness.cli import app
from semi_instruct.harness.dataset.report.funnel import Step
from semi_instruct.harness.problems.schema import Example
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.synthesis.model_generator import ModelGenerator
from semi_instruct.harness.synthesis.proposals import Ask, Proposal, Rejection, Repair
from tests.harness.support.corpus_rows import DOUBLE, built, drops, pairs, task_row, write_corpus

CLEAN = 'def twice(number: int) -> int:\n    """Twice the number."""\n    return number + number\n\n\n'
RIGHT = f"{CLEAN}print(twice(int(input())))\n"
WRONG = f"{CLEAN}print(twice(abs(int(input()))))\n"
TRIPLE = "Write a function `triple(n)` that returns three times a number."


def pair(code: str) -> str:
    return f"Instruction: Read a number and print its double.\n```python\n{code}```"


def block(code: str) -> str:
    return f"```python\n{code}```"


class Known:
    """Writes by what it is asked for, told by the schema or the words of the prompt."""

    name = "known"
    cost = Cost(prompt_tokens=7_654)

    def __init__(self, *, lanes: int = 1, fails_after: int = 10**6, **texts: list[str]) -> None:
        self.lanes = lanes
        self.asked: list[str] = []
        self.seeds: set[int] = set()
        self.threads: set[str] = set()
        self._texts = texts
        self._left = fails_after
        self._all_lanes = threading.Barrier(lanes)

    def generate(self, requests: Sequence[Request]) -> list[list[Text]]:
        return [self._write(request) for request in requests]

    def close(self) -> None:
        pass

    def _write(self, request: Request) -> list[Text]:
        self._left -= 1
        if self._left < 0:
            raise ModelUnusable("the server is gone")
        kind = kind_of(request)
        self.asked.append(kind)
        self.seeds.add(request.seed)
        if (thread := threading.current_thread().name) not in self.threads:
            self.threads.add(thread)
            self._all_lanes.wait(60)  # a lane that is never used leaves the others waiting
        known = self._texts.get(kind, [])
        return [Text(known[index] if index < len(known) else "", tokens=100) for index in range(request.count)]


def kind_of(request: Request) -> str:
    last = request.messages[-1].content
    if request.schema is not None:
        return next(iter(request.schema["properties"]))
    if request.messages[0].content.startswith("You write the task"):
        return "instruction"
    if request.messages[0].content.startswith("You turn Python programs into functions"):
        return "functions"
    kinds = {" new tasks, numbered": "instructions", "is wrong:": "repair", "Write the function": "codes"}
    return next((kind for words, kind in kinds.items() if words in last), "pairs")


def corpus(tmp_path: Path, *names: str) -> Path:
    rows = []
    for number, name in enumerate(names or ("t",), 2):
        answers = {f"{n}\n": f"{n * number}\n" for n in (4, 1, 30)}
        rows.append(task_row(name, DOUBLE.replace("2", str(number)), examples=answers, title=f"Times {number}"))
    return write_corpus(tmp_path / "c.jsonl", *rows)


def semi(tmp_path: Path, model: Known, **more: Any) -> tuple[Any, list[dict[str, Any]]]:
    made = built(corpus(tmp_path), tmp_path / "b", mode="semi", generator=ModelGenerator(model), **more)
    return made, pairs(tmp_path / "b")


def step(made: Any, stage: str) -> Step:
    return next(one for one in made.steps if one.stage == stage)


def test_what_a_model_writes_of_a_natural_code_is_judged_on_the_inputs_it_writes(tmp_path: Path) -> None:
    model = Known(inputs=['{"inputs": ["7\\n", "-5\\n"]}'], pairs=[pair(WRONG), pair(RIGHT), pair(RIGHT), pair(DOUBLE)])
    made, found = semi(tmp_path, model)
    assert [(one["output"], one["instruction"], one["written_by"]) for one in found] == [
        (RIGHT, "Read a number and print its double.", "known")
    ]
    assert (found[0]["evidence"], found[0]["test_cases"]) == ("oracle", 5)
    assert (step(made, "propose").left, step(made, "propose").dropped) == (2, {"copied": 1})
    assert drops(made)["wrong_answer"] == 1


def test_an_instruction_is_written_when_the_code_is_known_to_be_right(tmp_path: Path) -> None:
    written = ["I would rather not.\n```python\n1\n```", "Instruction: Read a number and print its double."]
    model = Known(pairs=[block(WRONG.replace("abs", "round")), block(RIGHT)], instruction=written)
    made, found = semi(tmp_path, model)
    assert {one["instruction"] for one in found} == {"Read a number and print its double."}
    assert (len(found), model.asked) == (2, ["pairs", "inputs", "instruction"])
    silent = Known(pairs=[block(RIGHT)])
    made = built(corpus(tmp_path), tmp_path / "silent", mode="semi", generator=ModelGenerator(silent))
    assert drops(made)["no_instruction"] == 1


ADAPTED = """from math import floor

def parse(text: str) -> list:
    return [floor(int(text))]

LEAST = 0

def twice(number: int) -> int:
    return helper(number) + LEAST

def helper(number):
    return number + number

def doubled(number: int) -> int:
    return twice(number)

def show(value: int) -> str:
    return str(value)

print(show(doubled(*parse("4"))))
"""


def test_a_function_may_stand_for_a_whole_program(tmp_path: Path) -> None:
    lazy = ADAPTED.replace("floor(int(text))", "2 * int(text)").replace("number + number", "number")
    nothing = "def parse(text):\n    return []\n\ndef show(value):\n    return value\n"
    model = Known(
        pairs=[pair(RIGHT)],
        functions=[block(lazy), block(ADAPTED), block(nothing), block(ADAPTED)],
        instruction=["Instruction: Write a function `doubled(number)`."],
    )
    made = built(
        corpus(tmp_path), tmp_path / "b", mode="semi", generator=ModelGenerator(model, functions=4), functions=4
    )
    program, function = pairs(tmp_path / "b")
    assert (program["kind"], program["instruction"]) == ("stdin", "Read a number and print its double.")
    assert (function["kind"], function["entry"]) == ("function", "doubled")
    assert function["instruction"] == "Write a function `doubled(number)`."
    assert function["adapter"]["parse"].splitlines()[:2] == ["from math import floor", ""]
    assert "print" not in function["output"]
    assert "def helper" in function["output"]
    assert step(made, "propose").dropped["wrong_names"] == 1
    assert drops(made)["runtime_error"] == 1  # whose parse solves the task
    assert model.asked == ["pairs", "functions", "inputs", "instruction"]


def test_statements_on_one_line_are_there_once() -> None:
    text = Text(block(ADAPTED.replace("LEAST = 0", "import sys; import os; LEAST = 0; REST = []")))
    found = adapted_in(text, Wanted()).value
    assert found is not None
    assert found.function.count("LEAST = 0") == 1
    assert found.parse.count("import os") == 1


def test_no_function_is_asked_for_where_the_task_is_one(tmp_path: Path) -> None:
    row = task_row("t", "def f(x):\n    return x * 2") | {"kind": "function", "entry": "f"}
    row["examples"] = [{"input": [3], "output": 6}]
    model = Known()
    built(
        write_corpus(tmp_path / "c.jsonl", row),
        tmp_path / "b",
        mode="semi",
        generator=ModelGenerator(model, functions=4),
    )
    assert model.asked == ["pairs", "inputs"]


def test_the_report_says_what_the_model_had_to_do(tmp_path: Path) -> None:
    model = Known(pairs=[block(RIGHT)], instruction=["Instruction: Read a number and print its double."])
    semi(tmp_path, model, samples=3)
    page = (tmp_path / "b" / "report.html").read_text("utf-8")
    spent = page[page.index("tokens written") :]
    propose = spent[spent.index("<td>propose</td>") :].partition("</tr>")[0]
    assert '<td class="n">4</td><td class="n">400</td>' in propose  # 3 codes, and a list of inputs
    assert "6 texts of 600 tokens" in page  # and an instruction, twice
    natural = built(corpus(tmp_path), tmp_path / "natural")
    assert "tokens" not in natural.report.read_text("utf-8")


def test_without_its_inputs_the_examples_say_less(tmp_path: Path) -> None:
    model = Known(pairs=[pair(WRONG)])
    generator = ModelGenerator(model, listed=0)
    built(corpus(tmp_path), tmp_path / "b", mode="semi", generator=generator)
    assert [one["output"] for one in pairs(tmp_path / "b")] == [WRONG]
    assert model.asked == ["pairs"]


def test_codes_may_be_proposed_for_some_of_the_natural_codes_alone(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "c.jsonl", task_row("t", DOUBLE, "n = int(input())\nprint(n + n)", "print(0)"))
    model = Known(pairs=[pair(RIGHT)])
    built(path, tmp_path / "b", mode="semi", generator=ModelGenerator(model), codes_a_task=1)
    assert [(one["evidence"], one["oracles"]) for one in pairs(tmp_path / "b")] == [("consensus", ["0", "1"])]
    assert model.asked == ["pairs", "inputs"]


def test_a_rejected_code_is_shown_its_counterexample(tmp_path: Path) -> None:
    model = Known(inputs=['{"inputs": ["-5\\n"]}'], pairs=[pair(WRONG)], repair=[block(RIGHT)])
    _, found = semi(tmp_path, model, repairs=1)
    assert [(one["id"], one["output"]) for one in found] == [("t/0.0r", RIGHT)]
    rejected = Proposal(Ask("Double it.", "stdin"), WRONG)
    assert ModelGenerator(model).repair(Repair(rejected, Rejection(Verdict.RUNTIME_ERROR)), 0).values == ()
    shown = Repair(rejected, Rejection(Verdict.WRONG_ANSWER, "3\n", "6\n", "5\n"))
    assert ModelGenerator(model).repair(shown, 0).values == (RIGHT,)


def test_tasks_are_invented_and_candidates_and_tests_have_to_agree(tmp_path: Path) -> None:
    loop = "def triple(n):\n    return sum([n, n, n])\n"
    right = "def triple(n):\n    return n * 3\n"
    tests = [{"input": [2], "output": 6}, {"input": [0], "output": 0}, {"input": [1], "output": 1}]
    model = Known(
        instructions=[f"1. {TRIPLE}\n2. short"],
        codes=[block("def triple(n):\n    return n + 3\n"), block(right), block(loop), "no code"],
        tests=[json.dumps({"tests": tests})],
    )
    built(corpus(tmp_path), tmp_path / "b", mode="self", generator=ModelGenerator(model))
    [found] = pairs(tmp_path / "b")
    assert (found["output"], found["instruction"], found["entry"]) == (right, TRIPLE, "triple")
    assert (found["evidence"], found["pass_rate"]) == ("agreement", 0.6667)
    assert model.asked == ["instructions", "codes", "tests"]


@pytest.mark.parametrize(
    ("instruction", "asked"),
    [
        ("Write a function `f(x)` that halves.", ("function", "f")),
        ("Implement `half(x)`.", ("function", "half")),
        ("Write a function named half(x).", ("function", "half")),
        ("Read two numbers and print (only) their sum.", ("stdin", None)),
        ("Write a function that halves.", ("stdin", None)),
    ],
)
def test_an_instruction_that_names_a_function_asks_for_one(instruction: str, asked: tuple[str, str | None]) -> None:
    [ask] = ModelGenerator(Known(instructions=[f"1. {instruction}"])).invent(["Add two numbers."], 3, 0)
    assert (ask.kind, ask.entry) == asked


@pytest.mark.parametrize("text", ["", "I would rather not.", "```python\n(", '{"inputs": 5}', "\ud800" * 50])
def test_bad_output_proposes_nothing(tmp_path: Path, text: str) -> None:
    kinds = ("inputs", "pairs", "instructions", "codes", "tests", "repair")
    generator = ModelGenerator(Known(**{kind: [text] * 4 for kind in kinds}))
    made = built(corpus(tmp_path), tmp_path / "b", mode="semi", generator=generator)
    assert (made.pairs, sum(step(made, "propose").dropped.values())) == (0, 4)
    ask = Ask(TRIPLE, "function", "triple")
    nothing: list[Callable[[], Any]] = [
        lambda: generator.invent([], 3, 0),
        lambda: generator.solve(ask, 4, 0),
        lambda: generator.tests(ask, 0),
        lambda: generator.repair(Repair(Proposal(ask, RIGHT), Rejection(Verdict.WRONG_ANSWER, [1], 3, 4)), 0).values,
    ]
    assert [list(call()) for call in nothing] == [[], [], [], []]


def test_tests_are_examples_with_answers() -> None:
    model = Known(tests=['{"tests": [{"input": "3", "output": "6"}, {"input": 3, "output": 6}]}'])
    assert ModelGenerator(model).tests(Ask("Double the number that is read.", "stdin"), 0) == [Example("3\n", "6\n")]


def test_several_tasks_are_asked_about_at_once_in_order_each_with_its_own_seed(tmp_path: Path) -> None:
    names = [f"t{number}" for number in range(5)]
    right = [pair(RIGHT.replace("twice(", f"times{factor}(")) for factor in range(4)]
    found = []
    for lanes in (1, 3):
        model = Known(lanes=lanes, pairs=right)
        folder = tmp_path / str(lanes)
        built(corpus(tmp_path, *names), folder, mode="semi", generator=ModelGenerator(model), near=1.0)
        found.append((folder / "dataset" / "pairs.jsonl").read_text())
        assert len(model.threads) == lanes
        assert len(model.seeds) == len(model.asked)
    assert found[0] == found[1] != ""


# On the command line.


def run(*arguments: object) -> int:
    return app.main([str(argument) for argument in arguments])


def test_a_build_that_lost_its_model_goes_on_with_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = corpus(tmp_path, "t", "u", "v")
    models = [Known(pairs=[pair(RIGHT)], fails_after=3), Known(pairs=[pair(RIGHT)]), Known(pairs=[pair(RIGHT)])]
    coming = iter(models)
    monkeypatch.setattr("semi_instruct.harness.synthesis.opening.model_named", lambda *_: next(coming))
    usual = ["--mode", "semi", "--inputs", 0, "--workers", 1, "--min-mutants-killed", 0]
    command = ["build", path, "-o", tmp_path / "b", "--model", "known", *usual]
    assert run(*command) == 2
    heard = capsys.readouterr().err.splitlines()[-1]
    assert heard.startswith("semi-instruct: the server is gone (--resume goes on with what is in ")
    assert run(*command, "--resume") == 0
    assert "propose" in capsys.readouterr().out
    assert len(models[0].asked) + len(models[1].asked) == 6
    assert run("build", path, "-o", tmp_path / "whole", "--model", "known", *usual) == 0
    assert pairs(tmp_path / "b") == pairs(tmp_path / "whole") != []
    # The texts alone make the same dataset once more.
    cached = ["--cache", tmp_path / "b" / "texts.sqlite"]
    assert run("build", path, "-o", tmp_path / "again", *cached, *usual) == 0
    assert pairs(tmp_path / "again") == pairs(tmp_path / "whole")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--mode", "semi"], "--mode semi: needs --model NAME, or --cache FILE"),
        (["--mode", "self", "--model", "magic"], "expected llamacpp:FILE.gguf"),
        (["--model", "llamacpp:x.gguf"], "natural mode asks no model"),
        (["--mode", "semi", "--cache", "{folder}/two.sqlite"], "has texts of 2 models"),
        (["--mode", "self", "--model", "x.gguf", "--repairs", "1"], "in semi mode alone"),
        (["--mode", "semi", "--model", "x.gguf", "--round-trip", "2"], "expected a share from 0 to 1"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Cache(tmp_path / "two.sqlite") as cache:
        for name in ("one", "two"):
            model = Known()
            model.name = name
            CachedModel(cache, model).generate([Request((Message("user", "Hello"),))])
    given = [option.format(folder=tmp_path) for option in options]
    assert run("build", corpus(tmp_path), "-o", tmp_path / "b", *given) == 2
    heard = capsys.readouterr().err
    assert said in heard
    assert heard.count("\n") == 1
