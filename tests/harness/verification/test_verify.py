"""Verdicts: from outcomes to rows, in the order of the input whatever order the runs end in."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from semi_instruct.engine import InvalidRequest, Limits, Outcome, Program, SandboxUnavailable, Status
from semi_instruct.harness.inputs.sources import Sources
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow, failure_of
from semi_instruct.harness.verification.scheduler import verify
from tests.harness.support.fake_engine import ScriptedEngine, SubprocessEngine, ended, printed, returned
from tests.harness.support.problem_rows import function_row, problem, stdin_row
from tests.timing import allow_seconds


def echo(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
    """``right`` answers with its input, ``wrong`` with 0 or None, and the name of a status ends that way."""
    source = str(program.source)
    if source in tuple(Status):
        return ended(Status(source), stdout=b"so far", stderr=b"Traceback\nValueError: no", detail="")
    if program.entry is not None:
        return returned(args[0] if source == "right" else None)
    return printed(stdin.decode() if source == "right" else "0")


def judge(*rows: dict[str, Any], script: Any = echo, workers: int = 2, **options: Any) -> list[VerdictRow]:
    with ScriptedEngine(script, workers) as engine:
        return list(verify(map(problem, rows), engine, **{"planned": 0, **options}))


def numbers(count: int) -> list[dict[str, str]]:
    return [{"input": f"{number}\n"} for number in range(1, count + 1)]


def candidates(*sources: str) -> list[dict[str, str]]:
    return [{"id": f"c{index}", "source": source} for index, source in enumerate(sources)]


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("right", Verdict.ACCEPTED),
        ("wrong", Verdict.WRONG_ANSWER),
        ("nonzero_exit", Verdict.RUNTIME_ERROR),
        ("signaled", Verdict.RUNTIME_ERROR),
        ("process_limit", Verdict.RUNTIME_ERROR),
        ("time_limit", Verdict.TIME_LIMIT),
        ("memory_limit", Verdict.MEMORY_LIMIT),
        ("output_limit", Verdict.OUTPUT_LIMIT),
        ("forbidden_syscall", Verdict.FORBIDDEN_SYSCALL),
        ("compile_error", Verdict.COMPILE_ERROR),
        ("sandbox_error", Verdict.SANDBOX_ERROR),
    ],
)
@pytest.mark.parametrize("row", [stdin_row, function_row])
def test_each_status_has_its_verdict(row: Any, source: str, verdict: Verdict) -> None:
    [judged] = judge(row(candidates=candidates(source)))
    assert judged.verdict is verdict
    assert judged.passed == (judged.test_cases if verdict is Verdict.ACCEPTED else 0)


def test_a_row_has_the_promised_shape() -> None:
    examples = [{"input": "0\n"}, {"input": "7\n", "output": "7"}, {"input": "8\n", "output": "9"}]
    [row] = judge(stdin_row(examples=examples, candidates=candidates("wrong")))
    assert row.to_json() == {
        "problem": "p1",
        "candidate": "c0",
        "verdict": "wrong_answer",
        "passed": 1,
        "test_cases": 2,
        "counterexample": {"input": "7\n", "expected": "7\n", "actual": "0", "provenance": "example"},
        "strength": {"branch_coverage": None, "mutants_killed": None},
        "dropped_inputs": {"contradicts_example": 1},
        "detail": "",
        "seconds": 0.02,
    }


def test_a_function_row_shows_values() -> None:
    examples = [{"input": [{"$tuple": [1, 2]}]}]
    [row] = judge(function_row(examples=examples, candidates=candidates("wrong")))
    assert row.counterexample is not None
    assert row.counterexample.to_json() == {
        "input": [{"$tuple": [1, 2]}],
        "expected": {"$tuple": [1, 2]},
        "actual": None,
        "provenance": "example",
    }


def test_leaving_a_function_by_exit_zero_is_no_answer() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        return returned(None) if program.source == "right" else Outcome(Status.OK, exit_code=0)

    [row] = judge(function_row(candidates=candidates("exit"), examples=[{"input": [1]}]), script=script)
    assert row.verdict is Verdict.RUNTIME_ERROR
    assert "before its function returned" in row.detail


def test_the_first_failing_case_in_order_decides() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        number = int(stdin)
        # Later cases end first.
        time.sleep(0.03 / number)
        if program.source == "right" or number == 1:
            return printed(f"{number}")
        return ended(Status.SIGNALED, signal=11) if number == 2 else printed("wrong")

    [row] = judge(stdin_row(examples=numbers(4), candidates=candidates("mixed")), script=script, workers=8)
    assert (row.verdict, row.passed, row.test_cases) == (Verdict.RUNTIME_ERROR, 1, 4)
    assert row.counterexample is not None
    assert row.counterexample.input == "2\n"


def test_why_a_run_failed_is_told() -> None:
    [row] = judge(stdin_row(candidates=candidates("nonzero_exit")))
    assert row.detail == "ValueError: no"
    assert row.counterexample is not None
    assert row.counterexample.actual == "so far"


@pytest.mark.parametrize("status", ["time_limit", "memory_limit", "output_limit"])
def test_a_candidate_that_uses_up_limits_is_not_run_on_everything(status: str) -> None:
    with ScriptedEngine(echo) as engine:
        rows = list(
            verify(
                [problem(stdin_row(examples=numbers(60), candidates=candidates(status, "right")))], engine, planned=0
            )
        )
        runs = sum(source == status for source, _, _ in engine.asked)
    assert [row.verdict for row in rows] == [status, "accepted"]
    assert (rows[0].passed, rows[0].test_cases) == (0, 60)
    assert "57 test cases not run" in rows[0].detail
    assert 3 <= runs <= 8


def test_what_counts_does_not_depend_on_which_run_ends_first() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        time.sleep(random.random() / 500)
        number = int(stdin)
        if program.source == "right" or number % 3:
            return printed(f"{number}")
        return ended(Status.TIME_LIMIT)

    row = stdin_row(examples=numbers(30), candidates=candidates("every third"))
    results = {judge(row, script=script, workers=workers)[0].passed for workers in (1, 2, 3, 8, 8, 8)}
    assert results == {6}


def test_a_candidate_that_does_not_compile_is_not_run_on_everything() -> None:
    with ScriptedEngine(echo) as engine:
        [row] = verify(
            [problem(stdin_row(examples=numbers(60), candidates=candidates("compile_error")))], engine, planned=0
        )
        runs = sum(source == "compile_error" for source, _, _ in engine.asked)
    assert (row.verdict, row.counterexample) == (Verdict.COMPILE_ERROR, None)
    assert "59 test cases not run" in row.detail
    assert runs <= 5


def test_an_answer_unlike_all_known_ones_makes_no_test_case() -> None:
    def prints_none_for_two(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        return printed("None" if stdin == b"2\n" else "7")

    examples = [{"input": "1\n", "output": "7"}, {"input": "2\n"}, {"input": "3\n"}]
    [row] = judge(stdin_row(examples=examples), script=prints_none_for_two)
    assert (row.verdict, row.test_cases, row.dropped_inputs) == (Verdict.ACCEPTED, 2, {"strange": 1})


PROBED = [{"input": f"{len(row.split())}\n{row}\n"} for row in ("5 1 9", "7 6", "1 12 3 10 2 8")]


def test_probes_are_asked_of_oracles_only() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        return printed("accepted") if program.source == "checker" else echo(program, stdin, args)

    by_checker = {"kind": "checker", "checker": "checker"}
    with ScriptedEngine(script) as engine:
        row = stdin_row(examples=PROBED, candidates=candidates("right "), oracles=["right"], comparison=by_checker)
        [judged] = verify([problem(row)], engine, planned=20)
    asked = {
        source: {stdin for program, stdin, _ in engine.asked if program == source} for source in ("right", "right ")
    }
    assert asked["right "] < asked["right"]
    assert judged.test_cases == len(asked["right "])
    assert judged.dropped_inputs == {}


def test_at_probes_oracles_take_a_look_where_they_can() -> None:
    with ScriptedEngine(echo) as engine:
        row = stdin_row(examples=PROBED, candidates=candidates("right "), oracles=["right"])
        [judged] = verify([problem(row)], engine, planned=20, sources=Sources.FORMAT)
    asked = {
        source: {stdin for program, stdin, _ in engine.asked if program == source} for source in ("right", "right ")
    }
    looks = [source for source, _, _ in engine.asked if "run_repeatedly" in source]
    assert looks
    assert not any("b'right '" in source for source in looks)
    assert asked["right "] == asked["right"]
    assert judged.test_cases == len(asked["right"])


def judge_by_size(of_candidate: dict[str, Any], oracle_s: Any, planned: int = 80, **changes: Any) -> list[VerdictRow]:
    """The verdicts on candidates that take so many CPU seconds, or end with a status, by the greatest number they read.

    Args:
        of_candidate: by source, a function of that number.
        oracle_s: the same for the oracle.
    """

    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "checker":
            return printed("accepted")
        greatest = max(map(int, stdin.split()))
        took = (oracle_s if program.source == "right" else of_candidate[str(program.source)])(greatest)
        return ended(took, cpu=99.0) if isinstance(took, Status) else printed("fine", cpu=took)

    by_checker = {"kind": "checker", "checker": "checker"}
    row = stdin_row(
        **({"examples": PROBED, "candidates": candidates(*of_candidate), "comparison": by_checker} | changes)
    )
    with ScriptedEngine(script) as engine:
        return list(verify([problem(row)], engine, planned=planned))


@pytest.mark.parametrize("status", [Status.TIME_LIMIT, Status.MEMORY_LIMIT, Status.OUTPUT_LIMIT, Status.PROCESS_LIMIT])
def test_what_the_oracle_does_within_half_of_the_limits_a_candidate_must_do(status: Status) -> None:
    verdict = failure_of(status)
    rows = judge_by_size(
        {
            "gives up beyond": lambda greatest: status if greatest > 100 else 0.01,
            "gives up": lambda greatest: status if greatest > 10 else 0.01,
            "three times as slow": lambda greatest: 6.7 if greatest > 100 else 0.03,
        },
        lambda greatest: 2.24 if greatest > 100 else 0.01,  # of 4.5 s
    )
    assert [row.verdict for row in rows] == [verdict, verdict, Verdict.ACCEPTED]
    assert [row.excused for row in rows] == [0, 0, 0]
    assert "excused" not in rows[0].to_json()


def beyond(*given: int) -> list[dict[str, Any]]:
    return [{"input": f"{number}\n", "beyond": True} for number in given]


# 40 inputs like the examples and 40 larger ones; on each fifth of these the oracle takes 3 of 4.5 s.
EIGHTY = [*numbers(40), *beyond(*range(101, 141))]


def is_hard(number: int) -> bool:
    return number > 100 and number % 5 == 0


@pytest.mark.parametrize("status", [Status.TIME_LIMIT, Status.MEMORY_LIMIT, Status.OUTPUT_LIMIT])
def test_a_limit_is_excused_where_no_oracle_stays_within_half_of_them(status: Status) -> None:
    gives_up, elsewhere, honest = judge_by_size(
        {
            "gives up where the oracle takes long": lambda number: status if is_hard(number) else 0.01,
            "gives up elsewhere": lambda number: status if is_hard(number + 1) else 0.01,
            "right ": lambda _: 0.01,
        },
        lambda number: 3.0 if is_hard(number) else 0.01,
        planned=0,
        examples=EIGHTY,
    )
    verdicts = (gives_up.verdict, elsewhere.verdict, honest.verdict)
    assert verdicts == (Verdict.ACCEPTED, failure_of(status), Verdict.ACCEPTED)
    assert (gives_up.passed, gives_up.excused, gives_up.test_cases) == (72, 8, 80)
    assert "limits excused on 8 test cases" in gives_up.detail
    assert gives_up.to_json()["excused"] == 8


def test_a_size_of_which_nothing_was_judged_leaves_it_undecided() -> None:
    # The slow program and the oracle do the same work, and the task may have no input as large: it is not rejected.
    [row] = judge_by_size(
        {"slow": lambda number: Status.TIME_LIMIT if number > 10**6 else 0.01},
        lambda number: 3.0 if number > 10**6 else 0.01,
        planned=0,
        examples=[*EIGHTY, *beyond(10**6 + 1, 10**6 + 2)],
    )
    assert (row.verdict, row.counterexample, row.excused) == (Verdict.UNDECIDED, None, 2)
    assert row.detail.startswith("no test case judged of 1 of 3 size classes")


def test_who_needs_many_excuses_is_undecided_and_not_run_on_everything() -> None:
    [row] = judge_by_size(
        {"gives up": lambda number: Status.MEMORY_LIMIT if number > 100 else 0.01},
        lambda number: 3.0 if number > 100 else 0.01,
        planned=0,
        examples=EIGHTY,
    )
    assert (row.verdict, row.counterexample, row.passed, row.excused) == (Verdict.UNDECIDED, None, 40, 11)
    assert row.detail.startswith("limits were excused on 11 of 80 test cases")
    assert "29 test cases not run, as limits were hit on more than 10 test cases" in row.detail


def test_on_an_example_no_limit_is_excused() -> None:
    [row] = judge_by_size(
        {"gives up": lambda greatest: Status.MEMORY_LIMIT if greatest > 5 else 0.01}, lambda _: 3.0, planned=0
    )
    assert (row.verdict, row.excused) == (Verdict.MEMORY_LIMIT, 0)


def test_an_excused_time_limit_is_confirmed_first_as_any_other() -> None:
    asked: list[bytes] = []

    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "waits for a core":
            asked.append(stdin)
            if asked.count(stdin) == 1:
                return ended(Status.TIME_LIMIT)
        return printed("1", cpu=3.0)

    examples = [{"input": "1\n"}, {"input": "22222\n", "beyond": True}]
    [row] = judge(stdin_row(examples=examples, candidates=candidates("waits for a core")), script=script)
    assert (row.verdict, row.passed, row.excused) == (Verdict.ACCEPTED, 2, 0)


def test_a_row_about_a_time_limit_says_nothing_that_depends_on_the_load() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "right":
            return printed("1")
        return ended(Status.TIME_LIMIT, detail="wall time of 3.14 s", stdout=b"0\n" * 314, stderr=b"step 314\n")

    [row] = judge(stdin_row(candidates=candidates("slow"), oracles=["right"]), script=script)
    assert row.counterexample is not None
    assert (row.verdict, row.counterexample.actual) == (Verdict.TIME_LIMIT, "")
    assert "14" not in row.detail


def test_a_fault_of_ours_at_probes_gives_the_problem_up() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        is_look = b"run_repeatedly" in program.source_bytes
        return ended(Status.SANDBOX_ERROR) if is_look else echo(program, stdin, args)

    with ScriptedEngine(script) as engine:
        [judged] = verify([problem(stdin_row(examples=PROBED))], engine, planned=20, sources=Sources.FORMAT)
    assert judged.verdict is Verdict.SANDBOX_ERROR


def test_dropped_inputs_are_counted_by_reason() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        number = int(stdin)
        if number == 1 and program.source == "second":
            return ended(Status.NONZERO_EXIT)
        if number == 2 and program.source == "second":
            return printed("other")
        return printed(f"{number}")

    examples = [{"input": f"{number}", "output": "9" if number == 3 else f"{number}"} for number in range(1, 6)]
    row = stdin_row(oracles=["first", "second"], examples=examples)
    [judged] = judge(row, script=script)
    assert judged.dropped_inputs == {"crash": 1, "disagree": 1, "contradicts_example": 1}
    assert (judged.verdict, judged.passed, judged.test_cases) == (Verdict.ACCEPTED, 2, 2)


@pytest.mark.parametrize("examples", [[], numbers(2)])
def test_without_a_test_case_nothing_is_said_of_the_candidate(examples: list[dict[str, str]]) -> None:
    [row] = judge(stdin_row(oracles=["right", "wrong"], examples=examples))
    assert (row.verdict, row.passed, row.test_cases, row.counterexample) == (Verdict.NO_ORACLE, 0, 0, None)


def test_why_oracles_crashed_is_told() -> None:
    [row] = judge(stdin_row(oracles=["right", "nonzero_exit"]))
    assert (row.verdict, row.dropped_inputs) == (Verdict.NO_ORACLE, {"crash": 2})
    assert row.detail == "oracle 2 failed on input 1: ValueError: no"


def test_a_fault_of_the_sandbox_is_never_the_oracles() -> None:
    [row] = judge(stdin_row(oracles=["right", "sandbox_error"]))
    assert row.verdict is Verdict.SANDBOX_ERROR
    assert row.dropped_inputs == {}


def test_a_candidate_gains_nothing_from_a_fault_of_the_sandbox() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "right":
            return echo(program, stdin, args)
        return ended(Status.SANDBOX_ERROR) if stdin == b"1\n" else printed("wrong")

    [row] = judge(stdin_row(candidates=candidates("crafty")), script=script)
    assert row.verdict is Verdict.WRONG_ANSWER


def test_oracles_that_never_end_do_not_run_on_everything() -> None:
    with ScriptedEngine(echo) as engine:
        [row] = verify([problem(stdin_row(oracles=["time_limit"], examples=numbers(60)))], engine, planned=0)
        assert len(engine.asked) <= 8
    assert row.verdict is Verdict.NO_ORACLE
    assert row.dropped_inputs == {"crash": 3}
    assert "only 3 inputs taken" in row.detail


def test_now_and_then_an_oracle_may_use_up_its_limits() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        return ended(Status.TIME_LIMIT) if int(stdin) % 2 else printed(stdin.decode())

    [row] = judge(stdin_row(examples=numbers(20)), script=script)
    assert (row.verdict, row.test_cases, row.dropped_inputs) == (Verdict.ACCEPTED, 10, {"crash": 10})


def test_the_budget_ends_the_taking_of_inputs_for_all_candidates_alike() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        return printed(stdin.decode(), cpu=1.0)

    row = stdin_row(examples=numbers(60), candidates=candidates("right", "right"))
    rows = judge(row, script=script, budget=9.0)
    assert {row.verdict for row in rows} == {Verdict.ACCEPTED}
    assert len({row.test_cases for row in rows}) == 1
    assert 3 <= rows[0].test_cases <= 6
    assert "budget" in rows[0].detail
    assert "budget" not in judge(row, script=script, budget=1_000.0)[0].detail


def test_examples_that_take_long_leave_time_for_small_inputs() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        is_large = len(stdin) > 6 and b"run_repeatedly" not in program.source_bytes
        return printed(stdin.decode(), cpu=2.0 if is_large else 0.001)

    examples = [{"input": "1 2\n"}, *({"input": f"{number} 1000\n"} for number in range(1001, 1004))]
    with ScriptedEngine(script, workers=1) as engine:
        [row] = verify([problem(stdin_row(examples=examples))], engine, budget=20.0)
        small = {stdin for _, stdin, _ in engine.asked if len(stdin) < 6}
    assert len(small) > 10
    assert row.test_cases > 10


def test_a_candidate_cannot_spend_the_budget_of_the_hidden_cases() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "wastes time on the case it knows":
            return printed("1", cpu=100.0)
        return printed(stdin.decode(), cpu=0.1)

    row = stdin_row(examples=numbers(8), candidates=candidates("wastes time on the case it knows", "right"))
    forged, honest = judge(row, script=script, budget=50.0, workers=1)
    assert (forged.verdict, forged.test_cases) == (Verdict.WRONG_ANSWER, 8)
    assert (honest.verdict, honest.passed) == (Verdict.ACCEPTED, 8)


def test_one_that_sleeps_is_judged_on_fewer_test_cases_too() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        return printed(stdin.decode(), cpu=0.01, wall_time_s=8.0 if program.source == "sleeps" else 0.02)

    row = stdin_row(examples=numbers(200), candidates=candidates("sleeps", "right"))
    sleeps, right = judge(row, script=script, budget=20.0, workers=1)
    assert (sleeps.verdict, right.verdict, right.passed) == (Verdict.UNDECIDED, Verdict.ACCEPTED, 200)
    assert sleeps.passed < 60
    assert f"only {sleeps.passed} of 200 test cases judged" in sleeps.detail
    assert "test cases not run, as it takes more than its share of the budget" in sleeps.detail


def test_one_that_wastes_time_is_judged_on_fewer_test_cases_but_not_on_those_it_knows_alone() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "slow":
            return printed(stdin.decode(), cpu=4.0)
        if program.source == "slow, and right on what it knows":
            return printed(stdin.decode() if int(stdin) < 8 else "1", cpu=4.0)
        return printed(stdin.decode(), cpu=0.01)

    ids = ("slow", "slow, and right on what it knows", "right")
    row = stdin_row(examples=numbers(200), candidates=candidates(*ids))
    slow, forged, right = judge(row, script=script, budget=20.0, workers=1)
    assert (slow.verdict, forged.verdict) == (Verdict.UNDECIDED, Verdict.WRONG_ANSWER)
    assert "only 13 of 200 test cases judged" in slow.detail
    assert slow.passed == 5 + 8  # 4 times a quarter of 20 s; then the 1st, 2nd, 4th, 8th, ... 128th of the others
    assert "not run, as it takes more than its share of the budget" in slow.detail
    assert (right.verdict, right.passed, right.test_cases) == (Verdict.ACCEPTED, 200, 200)
    assert slow.seconds + forged.seconds < 100


def test_the_limits_are_those_of_the_problem() -> None:
    with ScriptedEngine(echo) as engine:
        list(verify([problem(stdin_row(time_limit_s=1.0, memory_limit_mib=64))], engine, planned=0))
        assert set(engine.limits) == {Limits(cpu_time=2.5, memory=64 << 20)}


def test_rows_come_in_the_order_of_the_input() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        time.sleep(random.random() / 200)
        return echo(program, stdin, args)

    rows = [stdin_row(id=f"p{index}", candidates=candidates("right", "wrong")) for index in range(40)]
    judged = judge(*rows, script=script, workers=8)
    assert [(row.problem, row.candidate) for row in judged] == [
        (f"p{index}", f"c{number}") for index in range(40) for number in range(2)
    ]
    assert [row.verdict for row in judged] == [Verdict.ACCEPTED, Verdict.WRONG_ANSWER] * 40


def test_problems_are_taken_lazily_and_runs_are_bounded() -> None:
    taken = 0

    def endless() -> Iterator[Problem]:
        nonlocal taken
        while True:
            taken += 1
            yield problem(stdin_row(id=f"p{taken}"))

    with ScriptedEngine(echo, workers=2) as engine:
        rows = verify(endless(), engine, planned=0)
        assert [next(rows).problem for _ in range(10)] == [f"p{index}" for index in range(1, 11)]
        rows.close()  # type: ignore[attr-defined]  # a generator, whatever it is declared as
        assert engine.most_at_once <= 4
    assert taken < 40


def test_a_slow_problem_does_not_leave_workers_idle() -> None:
    many_are_done = threading.Event()
    quick_runs = itertools.count(1)

    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if stdin == b"slow":
            assert many_are_done.wait(allow_seconds(30)), "the others wait for the slow one"
        elif next(quick_runs) >= 10:
            many_are_done.set()
        return printed(stdin.decode())

    slow = stdin_row(id="slow", examples=[{"input": "slow"}])
    quick = [stdin_row(id=f"q{index}", examples=[{"input": "1"}]) for index in range(15)]
    rows = judge(slow, *quick, script=script, workers=3)  # two of which the slow one takes
    assert [row.problem for row in rows] == ["slow", *(f"q{index}" for index in range(15))]


def test_problems_without_candidates_or_examples_are_no_hindrance() -> None:
    rows = [stdin_row(id=f"p{index}", candidates=[]) for index in range(200)]
    with ScriptedEngine(echo) as engine:
        judged = list(verify(map(problem, [*rows, stdin_row(id="last")]), engine, planned=0))
        assert len(engine.asked) == 4
    assert [row.problem for row in judged] == ["last"]
    assert list(verify([], ScriptedEngine(echo))) == []


def test_an_engine_that_refuses_a_run_is_our_fault() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        raise InvalidRequest("arguments cannot cross")

    [row] = judge(stdin_row(), script=script)
    assert row.verdict is Verdict.SANDBOX_ERROR
    assert "cannot cross" in row.detail


def test_a_candidate_that_the_engine_refuses_is_not_excused() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "too large":
            raise InvalidRequest("a source may have so many bytes")
        return echo(program, stdin, args)

    refused, honest = judge(stdin_row(candidates=candidates("too large", "right")), script=script)
    assert (refused.verdict, honest.verdict) == (Verdict.COMPILE_ERROR, Verdict.ACCEPTED)
    assert "so many bytes" in refused.detail


def test_an_engine_without_walls_ends_everything() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        raise SandboxUnavailable("cgroup", "read-only", "remount it")

    with pytest.raises(SandboxUnavailable):
        judge(stdin_row(), script=script)


def test_long_and_strange_text_is_cut_and_escaped() -> None:
    def script(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if program.source == "right":
            return printed("é" * 5_000)
        return Outcome(Status.OK, exit_code=0, stdout=b"\xff\x00")

    [row] = judge(stdin_row(examples=[{"input": "x" * 5_000}], candidates=candidates("wrong")), script=script)
    assert row.counterexample is not None
    assert row.counterexample.input == "x" * 2_000 + "... [cut: 5000 bytes in all]"
    assert row.counterexample.expected == "é" * 2_000 + "... [cut: 10000 bytes in all]"
    assert row.counterexample.actual == "\\xff\x00"


def test_expectations_of_people_are_kept() -> None:
    rows = judge(
        stdin_row(
            candidates=[
                {"id": "a", "source": "right", "expect": "accepted"},
                {"id": "b", "source": "wrong", "expect": ["time_limit", "wrong_answer"]},
                {"id": "c", "source": "wrong", "expect": "accepted"},
                {"id": "d", "source": "wrong"},
            ]
        )
    )
    assert [row.as_expected for row in rows] == [True, True, False, True]
    assert rows[1].to_json()["expect"] == ["time_limit", "wrong_answer"]
    assert "expect" not in rows[3].to_json()


def test_programs_that_really_run() -> None:
    double = "print(int(input()) * 2)"
    whole = stdin_row(
        id="double",
        oracles=[double, "n = int(input())\nprint(n + n)"],
        examples=[{"input": "21\n", "output": "42"}, {"input": "x\n"}],
        candidates=candidates(double, "print(42)", "print(input() * 2)", "raise SystemExit(3)"),
    )
    function = function_row(
        id="inc",
        entry="inc",
        oracles=["def inc(x): return x + 1"],
        examples=[{"input": [1], "output": 2}, {"input": [0.5]}],
        candidates=candidates("def inc(x): return x + 1.0", "def inc(x): return 2"),
    )
    with SubprocessEngine() as engine:
        rows = list(verify(map(problem, [whole, function]), engine, planned=0))
    assert [row.verdict for row in rows] == [
        Verdict.ACCEPTED,
        Verdict.ACCEPTED,
        Verdict.WRONG_ANSWER,
        Verdict.RUNTIME_ERROR,
        Verdict.ACCEPTED,
        Verdict.WRONG_ANSWER,
    ]
    assert rows[0].dropped_inputs == {"crash": 1}
