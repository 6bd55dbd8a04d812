"""From natural codes to verified pairs, with a model of which every text is known."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from semi_instruct.engine import Engine, Outcome, Program
from semi_instruct.generator.errors import ModelUnusable
from semi_instruct.generator.model import Finish, Request, Text
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.synthesis import Generated, Plan, generate
from semi_instruct.harness.synthesis.inputs import inputs_by_types
from semi_instruct.harness.synthesis.meter import Meter
from semi_instruct.harness.synthesis.plan import seed_for
from semi_instruct.harness.synthesis.report import Funnel
from tests.harness.support.fake_engine import ScriptedEngine, SubprocessEngine, printed
from tests.harness.support.problem_rows import function_row, problem, stdin_row
from tests.timing import allow_seconds

LARGEST = "n=int(input())\nprint(max(map(int,input().split())))\n"
CLEAN = (
    'def largest(numbers: list[int]) -> int:\n    """The largest."""\n    return max(numbers)\n\n\n'
    "input()\nprint(largest([int(word) for word in input().split()]))\n"
)
WRONG = CLEAN.replace("max(numbers)", "max(0, *numbers)")
MORE_WRONG = CLEAN.replace("max(numbers)", "min(numbers)")
EXAMPLES = [{"input": "3\n1 5 2\n", "output": "5\n"}, {"input": "2\n-4 -7\n", "output": "-4\n"}]

Writes = Callable[[Request], list[str]]


class Scripted:
    """A model that writes what a function says, and keeps what it was asked."""

    name = "scripted"

    def __init__(self, writes: Writes, lanes: int = 2) -> None:
        self.lanes = lanes
        self.asked: list[Request] = []
        self.most_at_once = 0
        self._writes = writes
        self._now = 0
        self._lock = threading.Lock()

    def generate(self, requests: Sequence[Request]) -> list[list[Text]]:
        with self._lock:
            self.asked += requests
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            return [[Text(text, tokens=len(text) // 4) for text in self._writes(request)] for request in requests]
        finally:
            with self._lock:
                self._now -= 1

    def close(self) -> None:
        pass

    def prompts(self, word: str) -> list[str]:
        return [one.messages[-1].content for one in self.asked if word in one.messages[-1].content]


def pair(code: str) -> str:
    return f"Instruction: Read numbers and print the largest of them.\n```python\n{code}```"


def inputs(*texts: Any) -> str:
    return json.dumps({"inputs": texts})


def is_repair(request: Request) -> bool:
    return "is wrong:" in request.messages[-1].content


def writer(lists: Sequence[str], pairs: Sequence[str], repairs: Sequence[str] = ()) -> Writes:
    """Writes these texts, each list and each repair once."""
    coming, repaired = iter(lists), iter(repairs)

    def write(request: Request) -> list[str]:
        if request.schema is not None:
            return [next(coming)]
        return [next(repaired)] if is_repair(request) else list(pairs)

    return write


def made(row: Problem, model: Scripted, plan: Plan) -> Generated:
    with SubprocessEngine() as engine:
        [one] = generate([row], model, engine, plan, Meter())
    return one


def stdin_problem(**fields: Any) -> Problem:
    return problem(stdin_row(**({"oracles": [LARGEST], "examples": EXAMPLES, "candidates": []} | fields)))


NO_PAIRS = Plan(inputs=3, samples=0, planned=0)


def test_inputs_are_tried_and_the_model_is_told_the_natural_codes_own_error() -> None:
    model = Scripted(writer([inputs("1\n7\n", "2\n1 x\n", "1\n"), inputs("2\n8 9\n", "1\n7\n")], []))
    one = made(stdin_problem(), model, NO_PAIRS)
    assert one.inputs.valid == ["1\n7\n", "2\n8 9\n"]
    first, second = one.inputs.rounds
    assert (first.task, first.proposed, first.valid) == ("inputs", 3, 1)
    assert (second.task, second.proposed, second.valid) == ("feedback", 1, 1)  # what is known is not counted again
    told = model.asked[1].messages[-1].content
    assert "ValueError: invalid literal for int() with base 10: 'x'" in told
    assert '"1\\n": ' in told
    assert "Write 2 new" in told


def test_copies_of_examples_are_no_inputs() -> None:
    model = Scripted(writer([inputs(EXAMPLES[0]["input"], "3\n1 5 2", "1\n7\n"), inputs(EXAMPLES[1]["input"])], []))
    one = made(stdin_problem(), model, NO_PAIRS)
    first, second = one.inputs.rounds
    assert one.inputs.valid == ["1\n7\n"]
    assert (first.known, first.proposed, first.valid) == (1, 1, 1)  # the parser knows that two of them are the same
    assert (second.known, second.proposed) == (1, 0)
    assert "Write 2 new" in model.asked[1].messages[-1].content


def test_no_feedback_is_given_where_none_is_asked_for() -> None:
    model = Scripted(writer([inputs("x\n")], []))
    one = made(stdin_problem(), model, Plan(inputs=3, feedback=0, samples=0))
    assert (len(model.asked), one.inputs.valid) == (1, [])


def test_living_mutants_are_shown_when_all_inputs_are_valid() -> None:
    model = Scripted(writer([inputs("1\n0\n", "1\n1\n", "1\n2\n"), inputs("2\n1 2\n")], []))
    natural = "n=int(input())\na=input().split()\nprint(max(a) if n > 1 else a[0])\n"
    made(stdin_problem(oracles=[natural]), model, NO_PAIRS)
    assert "in place of" in model.asked[1].messages[-1].content


@pytest.mark.parametrize("text", ["", "Sure!", '{"inputs": ["', "[" * 5_000, '{"inputs": [1, 2]}', "\ud800"])
def test_bad_lists_are_counted_and_the_work_goes_on(text: str) -> None:
    model = Scripted(writer([text, text], [pair(CLEAN)]))
    one = made(stdin_problem(), model, Plan(samples=1, planned=0))
    assert (one.inputs.rounds[0].parsed, one.inputs.rounds[0].proposed) == (False, 0)
    assert one.inputs.rounds[0].fault is not None
    assert one.pairs.pairs[0].accepted


def test_candidates_are_judged_on_the_models_inputs_too() -> None:
    fields = {"examples": EXAMPLES[:1]}
    unseen = made(stdin_problem(**fields), Scripted(writer([], [pair(WRONG)])), Plan(0, samples=1, planned=0))
    assert [one.accepted for one in unseen.pairs.pairs] == [True]
    model = Scripted(writer([inputs("2\n-5 -6\n"), inputs()], [pair(WRONG)]))
    seen = made(stdin_problem(**fields), model, Plan(1, samples=1, planned=0, repairs=0))
    assert [one.row.verdict for one in seen.pairs.pairs] == [Verdict.WRONG_ANSWER]


def test_each_pair_has_its_verdict_and_bad_texts_their_kind() -> None:
    texts = [pair(CLEAN), pair(WRONG), pair(CLEAN), pair(LARGEST), "", pair("print((")]
    one = made(stdin_problem(), Scripted(writer([], texts)), Plan(0, samples=6, planned=0))
    assert [(each.row.verdict, each.documented) for each in one.pairs.pairs] == [
        (Verdict.ACCEPTED, True),
        (Verdict.WRONG_ANSWER, True),
    ]
    assert (one.pairs.texts, one.pairs.doubles) == (6, 1)
    assert one.pairs.faults == {"copied": 1, "empty": 1, "not_python": 1}
    assert one.pairs.suite is not None
    assert {example.input for example in one.pairs.suite.examples} <= {each["input"] for each in EXAMPLES}


def test_a_rejected_candidate_is_given_back_with_its_counterexample() -> None:
    model = Scripted(writer([], [pair(WRONG)], [f"```python\n{CLEAN}```"]))
    one = made(stdin_problem(), model, Plan(0, samples=1, planned=0))
    sample, repair = one.pairs.pairs
    assert (sample.row.verdict, repair.row.verdict) == (Verdict.WRONG_ANSWER, Verdict.ACCEPTED)
    assert (sample.code, repair.code) == (WRONG, CLEAN)  # a repair is a new candidate
    assert (repair.repaired, repair.instruction) == (sample.row.candidate, sample.instruction)
    [asked] = model.prompts("is wrong:")
    for shown in (WRONG.strip(), "2\n-4 -7", "\n-4\n", "it gives '0\\n'"):
        assert shown in asked


def test_right_codes_without_an_instruction_share_one_that_is_asked_for() -> None:
    also = CLEAN.replace("largest", "greatest")
    asked: list[str] = []

    def write(request: Request) -> list[str]:
        prompt = request.messages[-1].content
        if "The largest." in prompt:
            asked.append(prompt)
            return ["no", "Instruction: Print the largest of n numbers."]
        return [f"```python\n{code}```" for code in (WRONG, CLEAN, also)]

    one = made(stdin_problem(), Scripted(write), Plan(0, samples=3, planned=0))
    assert [(each.is_right, each.accepted) for each in one.pairs.pairs] == [(False, False), (True, True), (True, True)]
    assert [each.instruction for each in one.pairs.pairs] == [None, *["Print the largest of n numbers."] * 2]
    assert one.pairs.instruction_faults == {"no_instruction": 1}
    assert len(asked) == 1
    assert asked[0].endswith("Output:\n5")  # an example is shown


def test_a_right_code_without_an_instruction_is_no_pair() -> None:
    texts = iter([[f"```python\n{CLEAN}```"], ["", "```python\nx\n```"]])
    one = made(stdin_problem(), Scripted(lambda _: next(texts)), Plan(0, samples=1, planned=0))
    [found] = one.pairs.pairs
    assert (found.is_right, found.accepted) == (True, False)
    funnel = Funnel()
    funnel.count(one)
    assert (funnel.accepted, funnel.with_pair, funnel.verdicts["accepted"]) == (0, 0, 1)
    assert funnel.instruction_faults == {"empty": 1, "no_instruction": 1}


def test_repairs_go_on_for_as_many_rounds_as_planned_and_no_longer_than_needed() -> None:
    def repairs(rounds: int, *codes: str) -> int:
        texts = [f"```python\n{code}```" for code in codes]
        model = Scripted(writer([], [pair(WRONG)], texts))
        made(stdin_problem(), model, Plan(0, samples=1, planned=0, repairs=rounds))
        return len(model.prompts("is wrong:"))

    assert repairs(0) == 0
    assert repairs(3, CLEAN) == 1
    assert repairs(1, MORE_WRONG) == 1
    assert repairs(2, MORE_WRONG, CLEAN) == 2


def test_no_more_samples_are_asked_for_once_one_is_accepted() -> None:
    batches = iter([[WRONG, MORE_WRONG], [CLEAN, WRONG], ["never asked for"]])
    model = Scripted(lambda _: [pair(code) for code in next(batches)])
    one = made(stdin_problem(), model, Plan(0, samples=6, at_once=2, planned=0))
    assert [request.count for request in model.asked] == [2, 2]
    assert model.asked[0].seed != model.asked[1].seed
    assert (one.pairs.texts, one.pairs.doubles) == (4, 1)
    assert len({each.row.candidate for each in one.pairs.pairs}) == 3
    assert [each.accepted for each in one.pairs.pairs] == [False, False, True]


def test_functions_are_called_with_the_models_arguments(engine: Engine) -> None:
    row = problem(
        function_row(
            entry="f",
            oracles=["def f(a,k):\n    return [x for x in a if x>k]"],
            examples=[{"input": [[1, 5], 2], "output": [5]}],
            candidates=[],
        )
    )
    code = "def f(numbers: list[int], least: int) -> list[int]:\n    return [n for n in numbers if not n <= least]\n"
    wrong = "def f(numbers, least):\n    return [n for n in numbers if n > least][:1]\n"
    model = Scripted(writer([inputs([[3, 4, 5], 1], [[1], "x"], [[1]])], [pair(code), pair(wrong)]))
    [one] = generate([row], model, engine, Plan(1, feedback=0, samples=2, planned=0, repairs=0), Meter())
    assert one.inputs.valid == [[[3, 4, 5], 1]]
    [first] = one.inputs.rounds
    assert "TypeError" in first.why_invalid[0]
    assert (first.proposed, first.valid, first.whole) == (3, 1, False)
    assert first.why_invalid[1:] == ["expected a list of 2 arguments"]
    assert [each.row.verdict for each in one.pairs.pairs] == [Verdict.ACCEPTED, Verdict.WRONG_ANSWER]


PROGRAMS = """
from random import Random

def generate(seed: int) -> str:
    random = Random(seed)
    count = random.randint(0, 3)
    return f"{count}\\n" + " ".join(str(random.randint(-9, 9)) for _ in range(count)) + "\\n"

def valid(text: str) -> bool:
    return int(text.split()[0]) > 0
"""


def test_input_programs_run_in_the_sandbox_and_their_validators_judge(engine: Engine) -> None:
    model = Scripted(lambda _: [f"```python{PROGRAMS}```"])
    plan = Plan(inputs=0, programs=1, samples=0)
    [one] = generate([stdin_problem()], model, engine, plan, Meter())
    [found] = one.inputs.rounds
    assert (found.task, found.parsed) == ("programs", True)
    assert found.valid == found.proposed == len(one.inputs.valid) > 2
    assert all(not text.startswith("0") for text in one.inputs.valid)
    hostile = Scripted(lambda _: ["```python\nimport os\nos._exit(0)\ndef generate(s): 0\ndef valid(t): 0\n```"])
    [other] = generate([stdin_problem()], hostile, engine, plan, Meter())
    assert other.inputs.valid == []


def test_input_programs_may_make_any_value(engine: Engine) -> None:
    row = problem(function_row(entry="f", oracles=["def f(a):\n    return len(a)"], examples=[], candidates=[]))
    code = (
        "def generate(seed):\n    return [{seed} if seed % 2 else {1: 2}]\n\ndef valid(arguments):\n    return True\n"
    )
    model = Scripted(lambda _: [f"```python\n{code}```"])
    [one] = generate([row], model, engine, Plan(inputs=0, programs=1, samples=0), Meter())
    [found] = one.inputs.rounds
    assert found.proposed == found.valid == 5  # {1: 2} is made four times
    json.dumps(one.to_json(), allow_nan=False)


def test_results_come_in_order_and_little_is_taken_ahead() -> None:
    taken: list[int] = []

    def problems() -> Any:
        for number in range(30):
            taken.append(number)
            yield stdin_problem(id=f"p{number}")

    both_lanes = threading.Barrier(2, timeout=allow_seconds(30))

    def write(request: Request) -> list[str]:
        if len(model.asked) <= 2:
            both_lanes.wait()
        time.sleep(0.02 if request.seed % 2 else 0.0)
        return [inputs("1\n7\n")]

    model = Scripted(write, lanes=2)
    with SubprocessEngine() as engine:
        coming = generate(problems(), model, engine, Plan(inputs=1, feedback=0, samples=0), Meter())
        assert next(coming).problem.id == "p0"
        assert len(taken) <= 14
        assert [one.problem.id for one in coming] == [f"p{number}" for number in range(1, 30)]
    assert model.most_at_once == 2


def test_the_model_writes_while_programs_run() -> None:
    """The second text, and the first run after the first text, both end only when the other has begun."""
    meeting = threading.Barrier(2, timeout=allow_seconds(30))
    first_is_written, has_met = threading.Event(), threading.Lock()

    def write(_: Request) -> list[str]:
        if len(model.asked) > 1:
            meeting.wait()
        first_is_written.set()
        return [inputs("1\n7\n")]

    def run(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if first_is_written.is_set() and has_met.acquire(blocking=False):
            meeting.wait()
        return printed("7")

    problems = [stdin_problem(id=f"p{number}") for number in range(2)]
    model = Scripted(write, lanes=1)
    with ScriptedEngine(run) as engine:
        list(generate(problems, model, engine, Plan(1, feedback=0, samples=0), Meter()))
    assert len(model.asked) == 2


def test_a_model_that_cannot_be_reached_ends_the_work_with_its_reason() -> None:
    def write(_: Request) -> list[str]:
        raise ModelUnusable("the server is gone")

    with SubprocessEngine() as engine, pytest.raises(ModelUnusable, match="the server is gone"):
        list(generate([stdin_problem()] * 3, Scripted(write), engine, Plan(), Meter()))


def test_who_gives_up_waits_for_no_further_texts() -> None:
    plan = Plan(3, samples=0)
    first = {seed_for(plan.seed, "p0", task) for task in ("inputs", "feedback 0")}

    def write(request: Request) -> list[str]:
        time.sleep(0.0 if request.seed in first else allow_seconds(2))
        return [inputs("x\n")]

    model = Scripted(write, lanes=2)
    with SubprocessEngine() as engine:
        coming = generate([stdin_problem(id=f"p{number}") for number in range(6)], model, engine, plan, Meter())
        next(coming)
        asked = len(model.asked)
        coming.close()
    assert len(model.asked) <= asked + 1  # one may have got its turn just then; ten more are wanted


def test_the_same_texts_give_the_same_rows_whatever_the_number_of_lanes() -> None:
    def rows(lanes: int) -> list[str]:
        def write(request: Request) -> list[str]:
            time.sleep((request.seed % 7) / 200)
            if request.schema is not None:
                return [inputs(f"2\n{request.seed % 100} 5\n", "x")]
            return [f"```python\n{CLEAN}```"] if is_repair(request) else [pair(WRONG), pair(MORE_WRONG)]

        problems = [stdin_problem(id=f"p{number}") for number in range(3)]
        with SubprocessEngine() as engine:
            found = generate(problems, Scripted(write, lanes), engine, Plan(samples=2, planned=0), Meter())
            return [json.dumps(_without_times(one.to_json())) for one in found]

    assert rows(1) == rows(3)


def _without_times(row: dict[str, Any]) -> dict[str, Any]:
    for each in row["pairs"]:
        each["verdict"].pop("seconds")
    return row


def test_the_funnel_adds_up() -> None:
    lists = [inputs("1\n7\n", "2\n1 x\n"), inputs("2\n8 9\n")]
    model = Scripted(writer(lists, [pair(WRONG), ""], [f"```python\n{CLEAN}```"]))
    funnel = Funnel()
    funnel.count(made(stdin_problem(), model, Plan(inputs=2, samples=2, planned=0)))
    funnel.count(made(stdin_problem(), Scripted(writer(["nothing", ""], [])), Plan(inputs=2, samples=0)))
    told = funnel.to_json()
    assert told["lists"]["inputs"] == {
        "asked": 2,
        "parsed": 1,
        "whole": 1,
        "known": 0,
        "proposed": 2,
        "valid": 1,
    }
    assert told["valid_after_feedback"] == [2, 2]
    assert told["list_faults"] == {"prose": 1, "empty": 1}
    assert (told["texts"], told["pairs"], told["verdicts"]) == (3, 2, {"wrong_answer": 1, "accepted": 1})
    assert (told["with_sample"], told["with_pair"], told["repaired"]) == (0, 1, 1)


def test_what_was_refused_is_counted() -> None:
    class Refusing(Scripted):
        def generate(self, requests: Sequence[Request]) -> list[list[Text]]:
            return [[Text("too long", Finish.REFUSED)] * request.count for request in requests]

    one = made(stdin_problem(), Refusing(lambda _: []), Plan(samples=3))
    assert one.pairs.faults == {"refused": 3}
    assert one.inputs.rounds[0].fault == "refused"


def test_types_that_the_model_gives_make_further_calls(engine: Engine) -> None:
    natural = "def f(a,k):\n    return sorted(a)[:k]"
    typed = "def f(numbers: list[int], count: int):\n    ordered = sorted(numbers)\n    return ordered[:count]\n"
    wrong = "def f(numbers: list[int], count: int) -> list[int]:\n    return sorted(set(numbers))[:count]\n"
    row = problem(function_row(oracles=[natural], examples=[{"input": [[2, 1], 1], "output": [1]}], candidates=[]))
    model = Scripted(writer([], [pair(typed), pair(wrong)]))
    [one] = generate([row], model, engine, Plan(0, samples=2, planned=0, repairs=0), Meter())
    assert one.pairs.typed == (20, 20)
    assert [each.row.verdict for each in one.pairs.pairs] == [Verdict.ACCEPTED, Verdict.WRONG_ANSWER]


def test_types_of_the_natural_codes_own_are_left_to_the_harness() -> None:
    row = problem(function_row(oracles=["def f(n: int):\n    return n"]))
    assert inputs_by_types(row, ["def f(word: str):\n    return word"], 5, 0) == []
    assert inputs_by_types(problem(stdin_row()), ["def f(word: str):\n    return word"], 5, 0) == []
    untyped = problem(function_row(oracles=["def f(n):\n    return n"]))
    assert inputs_by_types(untyped, ["not python", "def f(n):\n    return n"], 5, 0) == []
    first = inputs_by_types(untyped, ["def f(n: str):\n    return n"], 5, 7)
    assert len(first) == 5
    assert all(isinstance(word, str) for [word] in first)
    assert inputs_by_types(untyped, ["def f(n: str):\n    return n"], 5, 7) == first
    two = problem(function_row(oracles=["def f(a, k):\n    return a"], examples=[], candidates=[]))
    made = inputs_by_types(two, ["def f(numbers: list[int], count: int):\n    return numbers"], 20, 0)
    assert len(made) == 20
    assert all(type(count) is int and all(type(one) is int for one in numbers) for numbers, count in made)
