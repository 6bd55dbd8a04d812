"""J: earning an excuse, as far as judging can give one. What the engine can give is in ``test_j_engine``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from semi_instruct.engine import Engine, Outcome, Program, Status
from semi_instruct.harness.inputs.sources import Sources
from semi_instruct.harness.judge.resource_rule import MIN_JUDGED_SHARE
from semi_instruct.harness.problems.schema import Problem, parse_row
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.search.fuzz import Finding, Search, Settings
from semi_instruct.harness.verification.scheduler import verify
from tests.attacks.conftest import Arena
from tests.harness.support.fake_engine import ScriptedEngine, ended, printed

DOES_NOT_APPLY: dict[str, str] = {}

RIGHT = "n = int(input())\na = [int(x) for x in input().split()]\nprint(sum(a))\n"
# Right on what examples show, whose longest list has 5 numbers.
KNOWS_SMALL = "n = int(input())\na = [int(x) for x in input().split()]\nif n > 5:\n    {otherwise}\nprint(sum(a))\n"
# Whether many inputs are given in one sandbox.
BATCHED = """
import sys
def batched():
    frame = sys._getframe()
    while frame:
        if frame.f_code.co_name == 'run_repeatedly':
            return True
        frame = frame.f_back
    return False
"""


def summing(*candidates: str, **changes: Any) -> Problem:
    """A task to add up numbers, with examples of at most 5."""
    row = {
        "id": "sum",
        "kind": "stdin",
        "time_limit_s": 0.1,
        "memory_limit_mib": 64,
        "oracles": [RIGHT, RIGHT.replace("print(sum(a))", "t = 0\nfor x in a: t += x\nprint(t)")],
        "examples": [{"input": "3\n4 7 2\n"}, {"input": "5\n1 2 3 9 5\n"}, {"input": "1\n8\n"}],
        "candidates": [{"id": f"c{number}", "source": source} for number, source in enumerate(candidates)],
    }
    return parse_row(json.dumps(row | changes), "sum", 1)


def judge(engine: Any, problem: Problem, **options: Any) -> list[VerdictRow]:
    return list(verify([problem], engine, **({"planned": 40, "sources": Sources.FORMAT} | options)))


def search(engine: Any, problem: Problem, inputs: int = 100) -> list[Finding]:
    return Search(problem, problem.candidates, engine, Settings(inputs=inputs)).findings()


EVERYTHING = {
    "allocates": ("kept = [bytearray(b'x' * (1 << 20)) for _ in range(3000)]", Verdict.MEMORY_LIMIT),
    "asks for more than there is": ("kept = bytearray(3 << 40)", Verdict.RUNTIME_ERROR),
    "spins": ("while True: pass", Verdict.TIME_LIMIT),
    "sleeps": ("import time; time.sleep(1000)", Verdict.TIME_LIMIT),
    "prints": ("while True: print('x' * 100000)", Verdict.OUTPUT_LIMIT),
    "complains": ("import sys\n    while True: sys.stderr.write('x' * 100000)", Verdict.OUTPUT_LIMIT),
    "forks": ("import os\n    while True: os.fork()", Verdict.RUNTIME_ERROR),
    "starts threads": (
        "import threading, time\n    while True: threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
        Verdict.RUNTIME_ERROR,
    ),
}


def assert_rejected(engine: Engine, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """One that gives up beyond the examples is rejected; the others lose nothing."""
    monkeypatch.setattr(
        "semi_instruct.harness.judge.time_rule.PATIENCE", 1.5
    )  # the second run of one that sleeps takes all of it
    otherwise, verdict = EVERYTHING[name]
    problem = summing(KNOWS_SMALL.format(otherwise=otherwise), RIGHT)
    hostile, honest = judge(engine, problem)
    assert (hostile.verdict, hostile.excused) == (verdict, 0), hostile
    assert hostile.counterexample is not None
    assert int(hostile.counterexample.input.split()[0]) > 5
    assert (honest.verdict, honest.passed) == (Verdict.ACCEPTED, honest.test_cases)


@pytest.mark.parametrize("name", ["allocates", "asks for more than there is"])
def test_j02_allocates_beyond_the_sizes_of_the_examples(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert_rejected(arena.engine, monkeypatch, name)


@pytest.mark.parametrize("name", [name for name in EVERYTHING if not name.startswith("a")])
def test_j03_gives_up_otherwise_beyond_the_sizes_of_the_examples(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert_rejected(arena.engine, monkeypatch, name)


def test_j03_in_a_search_for_differences(arena: Arena) -> None:
    problem = summing(KNOWS_SMALL.format(otherwise=EVERYTHING["allocates"][0]), RIGHT)
    found, nothing = search(arena.engine, problem, inputs=40)
    assert (found.verdict, nothing.verdict) == (Verdict.MEMORY_LIMIT, None)


def test_j03_gives_up_where_oracles_take_more_than_half_of_the_limits() -> None:
    """What cannot be held against it is no evidence for it: it is undecided, and another that is right is accepted."""

    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "checker":
            return printed("accepted")
        if "run_repeatedly" in str(program.source):
            return ended(Status.NONZERO_EXIT)
        is_large = max(map(int, stdin.split())) > 20
        if program.source == "gives up" and is_large:
            return ended(Status.MEMORY_LIMIT)
        return printed(str(sum(map(int, stdin.split()[1:]))), cpu=0.5 if is_large else 0.01)  # of 0.7 s

    checker = {"kind": "checker", "checker": "checker"}  # with one, probes are run as they are here
    with ScriptedEngine(script) as engine:
        hostile, honest = judge(engine, summing("gives up", "right", comparison=checker), planned=100)
    assert (hostile.verdict, hostile.counterexample) == (Verdict.UNDECIDED, None)
    assert hostile.excused > 10
    assert f"limits were excused on {hostile.excused} of {hostile.test_cases} test cases" in hostile.detail
    assert (honest.verdict, honest.excused, honest.passed) == (Verdict.ACCEPTED, 0, hostile.test_cases)
    with ScriptedEngine(script) as engine:
        hostile_too, honest_too = search(engine, summing("gives up", "right"))
    assert (hostile_too.verdict, hostile_too.to_json()["difference"]) == (Verdict.UNDECIDED, None)
    assert (honest_too.verdict, honest_too.excused) == (None, 0)


def test_j04_uses_up_its_share_on_its_first_inputs(arena: Arena) -> None:
    spins = "import time\nwhile time.process_time() < 0.4: pass\n"
    right, wrong = RIGHT, RIGHT.replace("sum(a)", "sum(a) if n < 6 else 0")
    problem = summing(spins + right, spins + wrong, RIGHT, oracles=[RIGHT])
    [alone] = judge(arena.engine, summing(RIGHT, oracles=[RIGHT]), budget=5.0)
    slow, forged, honest = judge(arena.engine, problem, budget=5.0)
    assert slow.verdict is Verdict.UNDECIDED
    assert slow.passed < MIN_JUDGED_SHARE * slow.test_cases
    assert f"only {slow.passed} of {slow.test_cases} test cases judged" in slow.detail
    assert forged.verdict is Verdict.WRONG_ANSWER
    assert (honest.verdict, honest.passed) == (Verdict.ACCEPTED, alone.test_cases)


def test_j04_sleeps_its_share_away() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        slept = 4.0 if "slow" in str(program.source) else 0.02
        return printed(str(sum(map(int, stdin.split()[1:]))), cpu=0.01, wall_time_s=slept)

    with ScriptedEngine(script, workers=1) as engine:
        slow, honest = judge(engine, summing("slow", "right"), budget=8.0, planned=100)
    assert (slow.verdict, honest.verdict) == (Verdict.UNDECIDED, Verdict.ACCEPTED)
    assert honest.passed == honest.test_cases > 80


def _is_long(stdin: bytes) -> bool:
    return int(stdin.split()[0]) > 3


class _Faulty:
    """An engine whose sandboxes fail on what ``faulty`` names, after using time.

    Attributes:
        failed: how often they have.
    """

    def __init__(self, times: int = 10**9) -> None:
        self.failed = 0
        self._times = times

    def __call__(self, program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        source = program.source_bytes.decode()
        if "run_repeatedly" in source:
            return ended(Status.NONZERO_EXIT)
        if source == "faulty" and _is_long(stdin) and self.failed < self._times:
            self.failed += 1
            return ended(Status.SANDBOX_ERROR, cpu=0.5, wall_time_s=9.5, detail="the jail died")
        wrong = source == "faulty and wrong" and _is_long(stdin)
        return printed("0" if wrong else str(sum(map(int, stdin.split()[1:]))), cpu=0.01)


def test_j05_runs_that_the_sandbox_fails_to_make_are_no_excuse() -> None:
    faulty = _Faulty()
    with ScriptedEngine(faulty, workers=1) as engine:
        hostile, honest = judge(engine, summing("faulty", "right"), budget=8.0, planned=100)
    assert hostile.verdict is Verdict.SANDBOX_ERROR
    assert "the jail died" in hostile.detail
    # 8 s of 16 are its share: at 0.5 s of CPU and a tenth of 9 idle ones, 6 failed runs; then powers of two.
    assert 6 <= faulty.failed <= 6 + 8 + 4
    assert hostile.seconds >= 0.5 * faulty.failed
    assert (honest.verdict, honest.passed) == (Verdict.ACCEPTED, honest.test_cases)
    assert honest.test_cases > 80


def test_j05_judging_makes_no_run_again() -> None:
    """The engine has made it again already."""
    with ScriptedEngine(_Faulty(times=1), workers=1) as engine:
        [row] = judge(engine, summing("faulty"))
        runs = [stdin for source, stdin, _ in engine.asked if source == "faulty"]
    assert (row.verdict, row.passed) == (Verdict.SANDBOX_ERROR, row.test_cases - 1)
    assert len(runs) == len(set(runs)) == row.test_cases


def test_j05_in_a_search_for_differences_it_costs_the_others_nothing() -> None:
    with ScriptedEngine(_Faulty(), workers=1) as engine:
        hostile, wrong, right = search(engine, summing("faulty", "faulty and wrong", "right"), inputs=40)
    assert (hostile.verdict, hostile.to_json()["difference"]) == (Verdict.SANDBOX_ERROR, None)
    assert (wrong.verdict, right.verdict) == (Verdict.WRONG_ANSWER, None)


@pytest.mark.parametrize(
    "answer", ["'9' * 1000000", "'nan'", "''", "'[' * 5000", "'\\ud800'.encode('utf-8', 'surrogatepass')"]
)
def test_j05_an_answer_that_the_checker_fails_on_is_wrong(arena: Arena, answer: str) -> None:
    checker = "import json, sys\nasked = json.load(sys.stdin)\n"
    checker += "print('accepted' if int(asked['output']) == int(asked['expected']) else 'wrong')"
    forger = (
        f"import sys\nanswer = {answer}\nsys.stdout.buffer.write(answer if type(answer) is bytes else answer.encode())"
    )
    problem = summing(forger, RIGHT, comparison={"kind": "checker", "checker": checker})
    forged, honest = judge(arena.engine, problem, planned=0)
    assert (forged.verdict, forged.passed) == (Verdict.WRONG_ANSWER, 0)
    assert "the checker failed" in forged.detail
    assert honest.verdict is Verdict.ACCEPTED


def test_j06_right_in_batches_and_wrong_in_fresh_sandboxes(arena: Arena) -> None:
    forger = BATCHED + RIGHT.replace("sum(a)", "sum(a) if n < 6 or batched() else 0")
    [row] = judge(arena.engine, summing(forger), sources=Sources.FEEDBACK)
    assert row.verdict is Verdict.WRONG_ANSWER
    [found] = search(arena.engine, summing(forger))
    assert found.verdict is Verdict.WRONG_ANSWER


def test_j06_wrong_in_fresh_sandboxes_on_few_inputs(arena: Arena) -> None:
    forger = BATCHED + RIGHT.replace("sum(a)", "sum(a) + (sum(a) % 7 == 5 and n > 1 and not batched())")
    [found] = search(arena.engine, summing(forger), inputs=200)
    assert found.verdict is Verdict.WRONG_ANSWER


def test_j06_right_in_fresh_sandboxes_and_wrong_in_batches(arena: Arena) -> None:
    accused = BATCHED + RIGHT.replace("sum(a)", "0 if batched() else sum(a)")
    [row] = judge(arena.engine, summing(accused), sources=Sources.FEEDBACK)
    assert (row.verdict, row.passed) == (Verdict.ACCEPTED, row.test_cases)
    [found] = search(arena.engine, summing(accused))
    assert found.verdict is None


@pytest.mark.parametrize("first", ["right", "wrong"])
def test_j06_right_for_the_first_calls_or_after_them(arena: Arena, first: str) -> None:
    """In a sandbox of its own every call is the first one."""
    function = "calls = 0\ndef f(x: int) -> int:\n    global calls\n    calls += 1\n"
    condition = "calls < 4" if first == "right" else "calls > 4"
    function += f"    return x * x + 1 if {condition} else 0"
    problem = summing(
        function,
        kind="function",
        entry="f",
        oracles=["def f(x: int) -> int: return x * x + 1", "def f(x: int) -> int: return x ** 2 + 1"],
        examples=[{"input": [3]}, {"input": [-12]}, {"input": [257]}],
    )
    [row] = judge(arena.engine, problem, sources=Sources.FEEDBACK)
    [found] = search(arena.engine, problem, inputs=60)
    if first == "right":
        assert (row.verdict, row.passed, found.verdict) == (Verdict.ACCEPTED, row.test_cases, None)
    else:
        assert (row.verdict, row.passed, found.verdict) == (Verdict.WRONG_ANSWER, 0, Verdict.WRONG_ANSWER)
