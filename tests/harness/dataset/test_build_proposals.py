"""Semi and self mode, driven by a generator that proposes what is prepared: only what is right becomes a pair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from semi_instruct.engine import Engine
from semi_instruct.harness.dataset.settings import Settings
from semi_instruct.harness.dataset.stages.agreement import standing_together
from semi_instruct.harness.dataset.stages.semi import EveryCode
from semi_instruct.harness.problems.reader import ProblemFile
from semi_instruct.harness.problems.schema import Example, Problem
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.synthesis.flow import Propose, propose
from semi_instruct.harness.synthesis.proposals import Adapter, Ask, Proposal, Subject
from semi_instruct.harness.verification.scheduler import verify
from tests.harness.support.corpus_rows import DOUBLE, built, drops, pairs, sharing, task_row, write_corpus
from tests.harness.support.fake_generator import FakeGenerator
from tests.harness.support.problem_rows import problem, stdin_row

TWICE = "Double the number that is read."
ADAPTER = Adapter("def parse(text):\n    return [int(text)]\n", "def show(value):\n    return f'{value}\\n'\n")
WHOLE = Ask(TWICE, "stdin")
FUNCTION = Ask("Return twice the number.", "function", "twice", ADAPTER)
SPACED = "number = int(input())\nprint(number + number)\n"
HALF = "number = int(input())\nprint(number // 2)\n"
FUNCTION_CODE = 'def twice(number: int) -> int:\n    """Twice the number."""\n    return number * 2\n'


def semi(
    walls: Engine, tmp_path: Path, *proposals: Proposal, **more: Any
) -> tuple[FakeGenerator, Any, list[dict[str, Any]]]:
    generator = FakeGenerator(rewrites={"t": list(proposals)}, **more.pop("prepared", {}))
    path = write_corpus(tmp_path / "c.jsonl", more.pop("row", task_row("t", DOUBLE)))
    made = built(path, tmp_path / "b", mode="semi", generator=generator, engine=sharing(walls), **more)
    return generator, made, pairs(tmp_path / "b")


def accepted_again(walls: Engine, folder: Path) -> set[tuple[str, Verdict]]:
    with ProblemFile(folder / "dataset" / "problems.jsonl") as file:
        problems = [row for row in file.rows() if isinstance(row, Problem)]
        return {(row.candidate, row.verdict) for row in verify(problems, walls)}


def test_proposals_are_judged_by_the_natural_code(walls: Engine, tmp_path: Path) -> None:
    generator, made, found = semi(
        walls, tmp_path, Proposal(WHOLE, SPACED), Proposal(WHOLE, HALF), Proposal(FUNCTION, FUNCTION_CODE)
    )
    assert [(pair["id"], pair["kind"], pair["evidence"]) for pair in found] == [
        ("t/0.0", "stdin", "oracle"),
        ("t/0.2", "function", "oracle"),
    ]
    assert drops(made)["wrong_answer"] == 1
    assert {pair["pass_rate"] for pair in found} == {0.6667}
    function = found[1]
    assert (function["output"], function["entry"], function["adapter"]) == (
        FUNCTION_CODE,
        "twice",
        msgspec.to_builtins(ADAPTER),
    )
    assert (function["written_by"], function["instruction_by"]) == (generator.name, generator.name)
    assert accepted_again(walls, tmp_path / "b") == {(pair["id"], Verdict.ACCEPTED) for pair in found}


SHOW_ALL = "def show(value):\n    return str(value)\n"


@pytest.mark.parametrize(
    ("adapter", "code", "why"),
    [
        # What parse makes up may be the answer.
        (Adapter("def parse(text):\n    return [int(text) * 2]\n", ADAPTER.show), "return number", "not in the input"),
        (
            Adapter("def parse(text):\n    return [int(text), int(text) * 2]\n", SHOW_ALL),
            "return x",
            "not in the input",
        ),
        (Adapter("def parse(text):\n    return [[str(2 * int(text))]]\n", ADAPTER.show), "return {0: a}", "not in the"),
        (
            Adapter("def parse(text):\n    return [int(text.split()[1])]\n", ADAPTER.show),
            None,
            "parse failed on example 1",
        ),
        (Adapter("import sys\ndef parse(text):\n    sys.exit(0)\n", ADAPTER.show), None, "parse may not use"),
        (Adapter("def parse(text):\n    return int(text)\n", ADAPTER.show), None, "no list"),
        (Adapter("def parse(text):\n    while True: pass\n", ADAPTER.show), None, "parse failed on example 1"),
        # What show makes of any value may be, too.
        (Adapter(ADAPTER.parse, "def show(value):\n    return str(2 * value)\n"), "return number", "solves the"),
        (
            Adapter(ADAPTER.parse, "def show(value):\n    return str(2 * value[0])\n"),
            "return (number,)",
            "solves the task",
        ),
        # Nothing is handed on behind the function's back.
        (
            Adapter("import math\ndef parse(text):\n    math.x = text\n    return [4]\n", SHOW_ALL),
            None,
            "objects to store in",
        ),
        (Adapter("import re\ndef parse(text):\n    re.enum.x(text)\n    return [4]\n", SHOW_ALL), None, "re.enum"),
        (
            Adapter("import re as m\ndef parse(text):\n    f(m)\n    return [4]\n", SHOW_ALL),
            None,
            "a module as a value",
        ),
        (Adapter("from re import enum\ndef parse(text):\n    return [4]\n", SHOW_ALL), None, "these imports"),
        (Adapter("from math import *\ndef parse(text):\n    return [4]\n", SHOW_ALL), None, "these imports"),
        (Adapter("import json\ndef parse(text):\n    return [4]\n", SHOW_ALL), None, "these imports"),
        (Adapter("def parse(text):\n    return [getattr(text, 'x')]\n", SHOW_ALL), None, "getattr"),
        (Adapter("def parse(text):\n    return text.__class__\n", SHOW_ALL), None, "__class__"),
        (Adapter("def parse(text):\n    return '{0.a}'.format(text)\n", SHOW_ALL), None, "format"),
        (Adapter("def parse(text):\n    global x\n    return [4]\n", SHOW_ALL), None, "global"),
        (Adapter("def parse(:\n", SHOW_ALL), None, "no Python"),
        (None, None, "no adapter"),
    ],
)
def test_an_adapter_that_may_solve_the_task_or_cannot_read_it_is_refused(
    walls: Engine, tmp_path: Path, adapter: Adapter | None, code: str | None, why: str
) -> None:
    source = f"def twice(number, *more):\n    {code}\n" if code else FUNCTION_CODE
    _, made, found = semi(walls, tmp_path, Proposal(msgspec.structs.replace(FUNCTION, adapter=adapter), source))
    assert found == []
    assert drops(made) == {"runtime_error": 1}
    from semi_instruct.harness.dataset.state import State

    with State(tmp_path / "b", _settings(tmp_path), resume=True) as state:
        [(_, drop)] = state.drops("retain")
    assert why in drop.detail


def test_what_is_no_text_is_no_adapter() -> None:
    fine = Proposal(FUNCTION, FUNCTION_CODE)
    half = Proposal(msgspec.structs.replace(FUNCTION, adapter=Adapter(ADAPTER.parse, "'\ud800'")), FUNCTION_CODE)
    generator = FakeGenerator(rewrites={"t": [half, fine]})
    subject = Subject("t/0", problem(stdin_row(id="t")), name="0")
    rules = EveryCode(Settings("semi", 0, "c.jsonl", 0, "auto"))
    found = propose(generator, [subject], Propose(0, 4, frozenset()), rules, 0, lambda _: ())
    assert found.codes == (fine.named("0.0"),)


def test_an_example_without_an_answer_is_no_proof(walls: Engine, tmp_path: Path) -> None:
    lazy = Adapter(ADAPTER.parse, "def show(value):\n    return str(2 * value)\n")
    row = task_row("t", DOUBLE)
    row["examples"] = [*row["examples"], {"input": "12\n"}]
    same = Proposal(msgspec.structs.replace(FUNCTION, adapter=lazy), "def twice(number):\n    return number\n")
    _, made, found = semi(walls, tmp_path, same, row=row)
    assert (found, drops(made)) == ([], {"runtime_error": 1})


def test_an_adapter_that_shows_something_else_is_a_wrong_answer(walls: Engine, tmp_path: Path) -> None:
    framed = Adapter(ADAPTER.parse, "def show(value):\n    return f'<{value}>'\n")
    _, made, found = semi(walls, tmp_path, Proposal(msgspec.structs.replace(FUNCTION, adapter=framed), FUNCTION_CODE))
    assert (found, drops(made)) == ([], {"wrong_answer": 1})


@pytest.mark.parametrize(
    "parse",
    [
        "def parse(text):\n    for _ in range(1):\n        number, = text.split()\n    return [float(number)]\n",
        "import re\ndef parse(text):\n    return [int(found) for found in re.findall('-?[0-9]+', text)]\n",
        "from collections import deque\ndef parse(text):\n    return (int(deque(text.split()).popleft()),)\n",
    ],
)
def test_an_honest_adapter_reads_as_it_likes(walls: Engine, tmp_path: Path, parse: str) -> None:
    show = "import math\ndef show(value):\n    return str(math.floor(value))\n"
    proposal = Proposal(msgspec.structs.replace(FUNCTION, adapter=Adapter(parse, show)), FUNCTION_CODE)
    _, _, found = semi(walls, tmp_path, proposal)
    assert [pair["entry"] for pair in found] == ["twice"]


def _settings(tmp_path: Path) -> Any:
    import sqlite3

    with sqlite3.connect(tmp_path / "b" / "state.sqlite") as base:
        [data] = base.execute("SELECT value FROM facts WHERE name = 'settings'").fetchone()
    return msgspec.json.decode(data, type=Settings)


def test_functions_of_another_name_stand_for_a_function(walls: Engine, tmp_path: Path) -> None:
    row = task_row("t", "def f(x):\n    return x * 2") | {"kind": "function", "entry": "f"}
    row["examples"] = [{"input": [3], "output": 6}, {"input": [0]}]
    _, _, found = semi(walls, tmp_path, Proposal(FUNCTION, FUNCTION_CODE), row=row)
    assert [(pair["id"], pair["entry"], pair["output"]) for pair in found] == [("t/0.0", "twice", FUNCTION_CODE)]


def test_proposed_inputs_are_answered_by_the_natural_code(walls: Engine, tmp_path: Path) -> None:
    sly = "n = int(input())\nprint(n * 2 if n != 12345 else 0)"
    _, made, found = semi(
        walls,
        tmp_path,
        Proposal(WHOLE, SPACED),
        Proposal(WHOLE, sly),
        prepared={"given_inputs": {"t": ["12345\n", "no number\n", 7, ["x"]]}},
    )
    assert [pair["id"] for pair in found] == ["t/0.0"]
    assert drops(made) == {"wrong_answer": 1}


def test_rejected_proposals_may_be_repaired(walls: Engine, tmp_path: Path) -> None:
    generator, _, found = semi(walls, tmp_path, Proposal(WHOLE, HALF), prepared={"repairs": {HALF: SPACED}}, repairs=2)
    assert [pair["id"] for pair in found] == ["t/0.0r"]
    assert [(failure.verdict, str(failure.input).strip() != "") for failure in generator.rejections] == [
        ("wrong_answer", True)
    ]


def test_an_instruction_has_to_say_enough(walls: Engine, tmp_path: Path) -> None:
    vague = Ask("Do something with the number.", "stdin")
    solutions = {TWICE: [SPACED, SPACED + "\n", HALF], vague.instruction: [HALF]}
    _, made, found = semi(
        walls,
        tmp_path,
        Proposal(WHOLE, SPACED),
        Proposal(vague, "print(2 * int(input()))  # another way\n"),
        prepared={"solutions": solutions},
        least_round_trip=0.5,
    )
    assert [(pair["id"], pair["round_trip"]) for pair in found] == [("t/0.0", 0.6667)]
    assert drops(made) == {"round_trip": 1}


def test_what_is_no_text_or_a_benchmark_goes_no_further(walls: Engine, tmp_path: Path) -> None:
    _, made, found = semi(
        walls,
        tmp_path,
        Proposal(WHOLE, "print('\ud800')"),
        Proposal(Ask("  ", "stdin"), SPACED),
        Proposal(WHOLE, SPACED),
        Proposal(WHOLE, f"{SPACED}# again"),
    )
    assert [pair["id"] for pair in found] == ["t/0.1"]
    assert drops(made) == {"exact_duplicate_of_code": 1, "no_instruction": 1}


def test_what_has_no_instruction_is_given_one_when_it_is_right(walls: Engine, tmp_path: Path) -> None:
    silent = Ask("", "stdin")
    again = "def main():\n    print(2 * int(input()))\n\n\nmain()\n"
    generator, made, found = semi(
        walls,
        tmp_path,
        Proposal(silent, HALF),
        Proposal(silent, SPACED),
        Proposal(silent, again),
        prepared={"instructions": {SPACED: f" {TWICE}", HALF: "Halve it."}},
    )
    assert [(pair["id"], pair["instruction"]) for pair in found] == [("t/0.1", TWICE), ("t/0.2", TWICE)]
    assert generator.asked.count("instruct t") == 1
    assert drops(made) == {"wrong_answer": 1}


@pytest.mark.parametrize(
    ("passed", "believed"),
    [
        ([{0, 1}, {0, 1}, {2}], ([0, 1], {0, 1})),
        ([{0, 1, 2}, {0}, {0}], ([0], {0, 1, 2})),
        ([{0}, {1}], ([0], {0})),
        ([set(), set(), {1}], ([2], {1})),
        ([set(), set()], ([0, 1], set())),
        ([], ([], set())),
    ],
)
def test_who_stands_together(passed: list[set[int]], believed: tuple[list[int], set[int]]) -> None:
    assert standing_together([frozenset(tests) for tests in passed]) == (believed[0], frozenset(believed[1]))


def test_without_a_natural_code_independent_candidates_have_to_agree(walls: Engine, tmp_path: Path) -> None:
    triple, lonely = Ask("Triple the number.", "function", "triple"), Ask("Return one more.", "function", "more")
    right = "def triple(n):\n    return n * 3\n"
    generator = FakeGenerator(
        inventions=[triple, lonely],
        solutions={
            triple.instruction: [
                "def triple(n):\n    return n + 3\n",
                right,
                right + "# the same\n",
                "def triple(n):\n    return n + n + n\n",
            ],
            lonely.instruction: ["def more(n):\n    return n + 1\n"],
        },
        written_tests={
            triple.instruction: [Example([2], 6), Example([0], 0), Example([5], 8), Example("no call", 1)],
            lonely.instruction: [Example([1], 2), Example([7], 8), Example([7], 9)],
        },
    )
    path = write_corpus(tmp_path / "c.jsonl", task_row("t", DOUBLE, title="Double"))
    made = built(path, tmp_path / "b", mode="self", generator=generator, engine=sharing(walls))
    found = {pair["id"]: (pair["evidence"], pair["output"]) for pair in pairs(tmp_path / "b")}
    assert found == {
        "t+0/1": ("agreement", right),
        "t+1/0": ("executed", "def more(n):\n    return n + 1\n"),
    }
    assert drops(made) == {"no_oracle": 2}
    assert accepted_again(walls, tmp_path / "b") == {(name, Verdict.ACCEPTED) for name in found}
    cases = [json.loads(line) for line in (tmp_path / "b" / "dataset" / "test_cases.jsonl").read_text().splitlines()]
    assert {"[5]"} & {case["input"] for case in cases if case["expected"] == "8"} == set()


def test_a_resumed_build_asks_no_generator_twice(walls: Engine, tmp_path: Path) -> None:
    generator, _, found = semi(walls, tmp_path, Proposal(WHOLE, SPACED))
    asked = list(generator.asked)
    built(tmp_path / "c.jsonl", tmp_path / "b", mode="semi", generator=generator, engine=sharing(walls), resume=True)
    assert (generator.asked, pairs(tmp_path / "b")) == (asked, found)
