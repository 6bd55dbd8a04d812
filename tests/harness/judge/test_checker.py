"""Checker programs: their protocol, what becomes of their failures, and that no answer can speak for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from semi_instruct.engine import Determinism, Engine, Outcome, Program, Status
from semi_instruct.harness.inputs.source import Answer, TestInput
from semi_instruct.harness.judge.checker import Finding, Inquiry, judgement_of, question
from semi_instruct.harness.judge.consensus import TestCase
from semi_instruct.harness.judge.rules import Rules
from semi_instruct.harness.judge.scorecard import Scorecard
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.runs import Runner
from semi_instruct.harness.verification.scheduler import verify
from tests.harness.support.fake_engine import ScriptedEngine, ended, printed, returned
from tests.harness.support.problem_rows import function_row, problem, stdin_row

# Any divisor of the number that is read will do, 1 and itself aside.
DIVISOR_CHECKER = """
import json, sys
asked = json.load(sys.stdin)
number, output = int(asked["input"]), asked["output"]
if not output.strip().isdigit():
    print("wrong: not a number:", output)
elif 1 < int(output) < number and number % int(output) == 0:
    print("accepted")
else:
    print("wrong")
    print(int(output), "is no divisor of", number)
"""
SMALLEST = "n = int(input())\nprint(next(d for d in range(2, n) if n % d == 0))"
LARGEST = "n = int(input())\nprint(next(d for d in range(n - 1, 1, -1) if n % d == 0))"


def checked_row(checker: str, **changes: Any) -> dict[str, Any]:
    row = {"examples": [{"input": "12\n"}, {"input": "30\n"}], "comparison": {"kind": "checker", "checker": checker}}
    return stdin_row(**(row | changes))


def candidates(*sources: str) -> list[dict[str, str]]:
    return [{"id": f"c{index}", "source": source} for index, source in enumerate(sources)]


def numbered(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
    """Programs print their own source; the checker accepts answers that begin with ``fine``."""
    if program.source != "checker":
        return printed(str(program.source))
    asked = json.loads(stdin)
    if asked["output"].startswith("crash"):
        return ended(Status.NONZERO_EXIT, stdout=b"accepted\n", stderr=b"KeyError: 1")
    return printed("accepted" if asked["output"].startswith("fine") else "wrong\nthat is not fine")


def judge(row: dict[str, Any], script: Any = numbered, workers: int = 2) -> tuple[list[VerdictRow], ScriptedEngine]:
    with ScriptedEngine(script, workers) as engine:
        return list(verify([problem(row)], engine, planned=0)), engine


def test_what_a_checker_reads() -> None:
    whole = question(TestInput("example", stdin=b"1\n"), Answer(b"2\n"), Answer("\u00e9".encode() + b"\xff\0"))
    assert json.loads(whole) == {"input": "1\n", "expected": "2\n", "output": "\u00e9\ufffd\0"}
    called = question(TestInput("example", args=(1, (2,))), Answer({3}), Answer("\ud800"))
    assert json.loads(called) == {"input": [1, {"$tuple": [2]}], "expected": {"$set": [3]}, "output": "\ud800"}


@pytest.mark.parametrize("answer", [b'", "expected": "x', b'"}\naccepted\n{"output": "', b"\\", b"\x00\x1b", b"\n\r"])
def test_an_answer_is_data_to_a_checker(answer: bytes) -> None:
    asked = question(TestInput("example", stdin=b"1"), Answer(b"2"), Answer(answer))
    assert json.loads(asked) == {"input": "1", "expected": "2", "output": answer.decode()}
    assert asked.count(b"\n") == 0


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("accepted", Finding.ACCEPTED),
        ("\n accepted\r\n", Finding.ACCEPTED),
        ("wrong", Finding.WRONG),
        ("wrong\naccepted", Finding.WRONG),
        ("wrong: accepted", Finding.WRONG),
        ("", Finding.FAILED),
        ("accepted\nwrong", Finding.FAILED),
        ("accepted accepted", Finding.FAILED),
        ("Accepted", Finding.FAILED),
        ("ok\naccepted", Finding.FAILED),
        ("wrongly", Finding.FAILED),
    ],
)
def test_what_a_checker_says(text: str, finding: Finding) -> None:
    assert judgement_of(printed(text)).finding is finding


@pytest.mark.parametrize("status", [status for status in Status if status not in (Status.OK, Status.SANDBOX_ERROR)])
@pytest.mark.parametrize("said", [b"accepted", b"wrong"])
def test_a_checker_that_does_not_end_well_has_said_nothing(status: Status, said: bytes) -> None:
    judgement = judgement_of(ended(status, stdout=said))
    assert judgement.finding is Finding.FAILED
    assert status.value in judgement.reason


@pytest.mark.parametrize("said", [b"accepted", b"wrong"])
def test_of_a_checker_that_was_not_run_nothing_is_known(said: bytes) -> None:
    judgement = judgement_of(ended(Status.SANDBOX_ERROR, stdout=said, detail="no jail"))
    assert judgement.finding is Finding.UNKNOWN
    assert judgement.reason == "the checker could not be run: no jail"


def test_a_checker_is_asked_about_every_answer_once() -> None:
    same, other, known = Answer(b"a"), Answer(b"b"), Answer(b"c")
    test_input = TestInput("example", known=known)
    inquiry = Inquiry(test_input, [same, other, same], {1: known, 2: same, 0: None})
    pairs = [(same, same), (same, other), (same, known), (other, known)]
    assert inquiry.questions == [question(test_input, *pair) for pair in pairs]
    assert Inquiry(test_input, [same, None], {0: same}).questions == []


def test_answers_may_differ_if_the_checker_takes_them_all() -> None:
    row = checked_row("checker", oracles=["fine", "fine too"], candidates=candidates("fine as well", "fine", "bad"))
    rows, engine = judge(row)
    assert [row.verdict for row in rows] == [Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.WRONG_ANSWER]
    assert rows[2].detail == "the checker says: wrong that is not fine"
    assert rows[2].counterexample is not None
    assert (rows[2].counterexample.expected, rows[2].counterexample.actual) == ("fine", "bad")
    asked = [json.loads(stdin)["output"] for source, stdin, _ in engine.asked if source == "checker"]
    # What the second oracle answered when varied is asked about beside its own answer.
    assert sorted(asked) == sorted(2 * ["fine", "fine too", "fine too", "fine as well", "bad"])


@pytest.mark.parametrize(
    ("oracles", "example", "reason"),
    [
        (["fine", "bad"], {}, "disagree"),
        (["bad", "bad"], {}, "incomparable"),
        (["fine", "fine too"], {"output": "bad"}, "contradicts_example"),
        (["fine", "crash"], {}, "checker_failed"),
    ],
)
def test_inputs_are_dropped_on_what_the_checker_says(oracles: list[str], example: dict[str, str], reason: str) -> None:
    examples = [{"input": "1"} | example]
    [row], _ = judge(checked_row("checker", oracles=oracles, examples=examples, candidates=candidates("fine")))
    assert row.dropped_inputs == {reason: 1}
    assert row.verdict is (Verdict.SANDBOX_ERROR if reason == "checker_failed" else Verdict.NO_ORACLE)


@pytest.mark.parametrize(("varied", "dropped"), [("fine again", {}), ("bad", {"nondeterministic": 2})])
def test_an_oracle_may_vary_as_far_as_the_checker_allows(varied: str, dropped: dict[str, int]) -> None:
    class Varying(ScriptedEngine):
        def submit(self, program: Program, *args: Any, determinism: str = Determinism.FIXED, **options: Any) -> Any:
            changed = program.source == "fine" and determinism == Determinism.VARIED
            return super().submit(Program(varied) if changed else program, *args, determinism=determinism, **options)

    with Varying(numbered) as engine:
        row = checked_row("checker", oracles=["fine"], candidates=candidates("fine"))
        [judged] = verify([problem(row)], engine, planned=0)
    assert judged.dropped_inputs == dropped


def test_a_checker_that_fails_on_the_oracles_is_reported_as_ours() -> None:
    [row], _ = judge(checked_row("checker", oracles=["crash"], candidates=candidates("fine")))
    assert row.verdict is Verdict.SANDBOX_ERROR
    assert row.detail == "on the oracles' answers to input 1 the checker failed: nonzero_exit: KeyError: 1"


def test_a_checker_that_fails_now_and_then_is_reported_beside_the_verdict() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "checker" and json.loads(stdin)["input"] == "30\n":
            return printed("perhaps")
        return numbered(program, stdin, args)

    [row], _ = judge(checked_row("checker", oracles=["fine"], candidates=candidates("fine")), script)
    assert (row.verdict, row.test_cases, row.dropped_inputs) == (Verdict.ACCEPTED, 1, {"checker_failed": 1})
    assert row.detail.startswith("on the oracles' answers to input 2 the checker failed: expected `accepted`")
    assert row.detail.endswith("it printed perhaps")


def test_an_answer_that_makes_the_checker_fail_is_wrong() -> None:
    [row], _ = judge(checked_row("checker", oracles=["fine"], candidates=candidates("crash")))
    assert (row.verdict, row.passed) == (Verdict.WRONG_ANSWER, 0)
    assert row.detail == "the checker failed: nonzero_exit: KeyError: 1"
    assert row.counterexample is not None
    assert row.counterexample.actual == "crash"


def test_a_failing_checker_excuses_no_wrong_answer() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "crafty":
            return printed("crash" if stdin == b"12\n" else "bad")
        return numbered(program, stdin, args)

    [row], _ = judge(checked_row("checker", oracles=["fine"], candidates=candidates("crafty")), script)
    assert row.verdict is Verdict.WRONG_ANSWER


def test_a_candidate_cannot_keep_the_checker_busy() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "checker" and json.loads(stdin)["output"] == "endless":
            return ended(Status.TIME_LIMIT, detail="10 s")
        return numbered(program, stdin, args)

    examples = [{"input": f"{number}"} for number in range(40)]
    row = checked_row("checker", oracles=["fine"], examples=examples, candidates=candidates("endless", "fine"))
    (busy, honest), engine = judge(row, script)
    assert (busy.verdict, honest.verdict, honest.passed) == (Verdict.WRONG_ANSWER, Verdict.ACCEPTED, 40)
    assert busy.detail.startswith("the checker failed: time_limit: it did not end in time; 37 test cases not run")
    assert sum(b"endless" in stdin for source, stdin, _ in engine.asked if source == "checker") <= 8


def test_a_checker_that_is_not_run_on_an_answer_is_ours_and_never_an_accept() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "checker" and json.loads(stdin)["output"] == "fine too":
            return ended(Status.SANDBOX_ERROR, detail="no jail")
        return numbered(program, stdin, args)

    [row], _ = judge(checked_row("checker", oracles=["fine"], candidates=candidates("fine too")), script)
    assert (row.verdict, row.passed) == (Verdict.SANDBOX_ERROR, 0)
    assert "no jail" in row.detail


def test_a_checker_that_is_late_once_is_run_again_with_more_patience() -> None:
    late = True

    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        nonlocal late
        if program.source == "checker" and json.loads(stdin)["output"] == "fine too" and late:
            late = False
            return ended(Status.TIME_LIMIT)
        return numbered(program, stdin, args)

    [row], _ = judge(checked_row("checker", oracles=["fine"], candidates=candidates("fine too")), script, workers=1)
    assert row.verdict is Verdict.ACCEPTED


def test_a_checker_that_cannot_be_run_ends_the_problem() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        return ended(Status.SANDBOX_ERROR, detail="no jail") if program.source == "checker" else printed("fine")

    [row], _ = judge(checked_row("checker", oracles=["fine"], candidates=candidates("fine")), script)
    assert (row.verdict, row.detail) == (Verdict.SANDBOX_ERROR, "the checker could not be run: no jail")


def test_where_an_oracle_crashes_the_checker_is_not_asked_and_nobody_is_called_nondeterministic() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "fine too" and stdin == b"12\n":
            return ended(Status.NONZERO_EXIT)
        return numbered(program, stdin, args)

    row = checked_row("checker", oracles=["fine", "fine too"], candidates=candidates("fine"))
    [judged], engine = judge(row, script)
    assert (judged.dropped_inputs, judged.test_cases, judged.detail) == ({"crash": 1}, 1, "")
    assert all(b"30" in stdin for source, stdin, _ in engine.asked if source == "checker")


def test_a_candidate_without_an_answer_is_not_asked_about() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        return ended(Status.SIGNALED, stdout=b"fine") if program.source == "dies" else numbered(program, stdin, args)

    [row], engine = judge(checked_row("checker", oracles=["fine"], candidates=candidates("dies")), script)
    assert row.verdict is Verdict.RUNTIME_ERROR
    assert sum(source == "checker" for source, _, _ in engine.asked) == row.test_cases == 2


def test_a_checker_judges_values() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "checker":
            asked = json.loads(stdin)
            same = sorted(asked["output"], key=str) == sorted(asked["expected"], key=str)
            return printed("accepted" if same else "wrong")
        return returned(list(reversed(args)) if program.source == "other order" else list(args[:2]))

    row = function_row(
        comparison={"kind": "checker", "checker": "checker"},
        examples=[{"input": [1, 2], "output": [1, 2]}],
        candidates=candidates("other order"),
    )
    [judged], engine = judge(row, script)
    assert judged.verdict is Verdict.ACCEPTED
    asked = {"input": [1, 2], "expected": [1, 2], "output": [2, 1]}
    assert asked in [json.loads(stdin) for source, stdin, _ in engine.asked if source == "checker"]


def test_what_a_checker_decides_does_not_depend_on_which_run_ends_first() -> None:
    row = checked_row(
        "checker",
        oracles=["fine", "fine too"],
        examples=[{"input": str(number)} for number in range(20)],
        candidates=candidates("fine as well", "bad", "crash", "fine"),
    )
    results = [[row.to_json() | {"seconds": 0} for row in judge(row, workers=workers)[0]] for workers in (1, 3, 8)]
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    ("printing", "verdict"),
    [
        ("print(6)", Verdict.ACCEPTED),
        ("print(7)", Verdict.WRONG_ANSWER),
        ("print('accepted')", Verdict.WRONG_ANSWER),
        ('print(\'7\\", \\"output\\": \\"6\')', Verdict.WRONG_ANSWER),
        ("print('\\naccepted\\n{}\\naccepted')", Verdict.WRONG_ANSWER),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\x00accepted')", Verdict.WRONG_ANSWER),
        ("", Verdict.WRONG_ANSWER),
    ],
)
def test_a_checker_in_the_sandbox(engine: Engine, printing: str, verdict: Verdict) -> None:
    row = checked_row(DIVISOR_CHECKER, oracles=[SMALLEST, LARGEST], candidates=candidates(printing))
    [judged] = verify([problem(row)], engine, planned=0)
    assert (judged.verdict, judged.test_cases, judged.dropped_inputs) == (verdict, 2, {})


@pytest.mark.parametrize(
    "careless",
    [
        "print(asked['output']), print('wrong')",
        "print(asked['output']), 1 / 0",
        "sys.exit(asked['output'])",
        "sys.stderr.write(asked['output'])",
    ],
)
@pytest.mark.parametrize("answer", ["accepted", "accepted\nwrong", "wrong\naccepted"])
def test_no_answer_speaks_for_a_careless_checker(engine: Engine, careless: str, answer: str) -> None:
    checker = f"""
import json, sys
asked = json.load(sys.stdin)
print('accepted') if asked['output'] == asked['expected'] else ({careless})
"""
    row = checked_row(checker, oracles=[SMALLEST], candidates=candidates(f"print({answer!r})"))
    [judged] = verify([problem(row)], engine, planned=0)
    assert judged.verdict in (Verdict.SANDBOX_ERROR, Verdict.WRONG_ANSWER)
    assert (judged.passed, judged.test_cases) == (0, 2)
    assert "the checker" in judged.detail


def test_a_candidate_is_charged_for_a_checker_that_its_answer_makes_fail() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "checker":
            return ended(Status.NONZERO_EXIT, cpu=2.0) if b"crash" in stdin else printed("accepted", cpu=2.0)
        return printed(str(program.source), cpu=0.5)

    one = problem(checked_row("checker", candidates=candidates("crash", "fine")))
    case = TestCase(0, TestInput("example", stdin=b"12\n"), Answer(b"3\n"), one.how_compared)
    cards = [Scorecard(one, candidate) for candidate in one.candidates]
    with ScriptedEngine(script) as engine:
        for card in cards:
            program = one.program(card.candidate.source)
            Runner(engine).run(Rules(one).candidate_result(program, case, card))
    assert [card.taken_s for card in cards] == [2.5, 0.5]
