"""The benchmark of verify: what it splits, keeps and counts is right, and it goes on where it was cut off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.verifying import __main__ as command
from benchmarks.verifying.figures import figures, mistakes
from benchmarks.verifying.judging import Judged, TaskResult
from benchmarks.verifying.ledger import Ledger, fingerprint
from benchmarks.verifying.tasks import CONTEST_MARKS, FUNCTION_MARKS, DataSet
from semi_instruct.harness.inputs.sources import Sources
from semi_instruct.harness.problems.verdicts import Verdict

DOUBLE = "print(int(input()) * 2)"


def contest_row(task: str = "t1", correct: int = 3) -> dict[str, Any]:
    """A task of ConDefects' shape: a faulty program that an example shows, and one that it does not."""
    faulty = {"example": "print(2)", "other": "n = int(input())\nprint(n * 2 if n >= 0 else n)"}
    return {
        "task": task,
        "difficulty": 100,
        "time_limit_s": 2.0,
        "samples": [{"input": "3\n", "output": "6\n"}, {"input": "20\n", "output": "40\n"}],
        "correct": [{"id": str(number), "source": f"{DOUBLE}  # {number}"} for number in range(correct)],
        "faulty": [{"id": name, "source": source, "killed_by_samples": False} for name, source in faulty.items()],
    }


def function_row() -> dict[str, Any]:
    """A task of HumanEvalPack's shape."""
    prompt = 'def double(x: int) -> int:\n    """Twice.\n    >>> double(2)\n    4\n    """\n'
    return {
        "task_id": "Python/0",
        "entry_point": "double",
        "prompt": prompt,
        "declaration": "def double(x: int) -> int:\n",
        "canonical_solution": "    return x * 2\n",
        "buggy_solution": "    return x ** 2\n",
        "bug_type": "operator misuse",
        "test": "def check(f):\n    assert f(3) == 6\n",
        "example_test": "",
    }


def data(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def judged(candidate: str, verdict: Verdict, provenance: str | None = None, detail: str = "") -> Judged:
    example = {"input": "1\n", "expected": "", "actual": "", "provenance": provenance} if provenance else None
    return Judged(candidate, candidate.startswith("correct"), verdict, 1, 9, detail, example)


def result(*candidates: Judged, seed: int = 0, task: str = "t1", dropped: int = 0) -> TaskResult:
    return TaskResult(Sources.FORMAT, seed, task, 2, {"crash": dropped}, 10, 3.0, 1.0, 2.0, candidates)


@pytest.mark.parametrize(("correct", "oracles"), [(1, 1), (3, 2), (4, 2), (7, 4)])
def test_half_of_the_correct_programs_are_oracles_and_no_candidates(tmp_path: Path, correct: int, oracles: int) -> None:
    [task] = DataSet(data(tmp_path / "d.jsonl", contest_row(correct=correct))).tasks(seed=0)
    right = [candidate.source for candidate in task.problem.candidates if candidate.id in task.correct]
    assert len(task.problem.oracles) == oracles
    assert sorted([*task.problem.oracles, *right]) == [f"{DOUBLE}  # {number}" for number in range(correct)]
    assert {each.id for each in task.problem.candidates} - task.correct == {"faulty-example", "faulty-other"}


def test_the_split_is_fixed_by_the_seed(tmp_path: Path) -> None:
    path = data(tmp_path / "d.jsonl", contest_row(correct=8))
    splits = [DataSet(path).tasks(seed)[0].problem.oracles for seed in (0, 0, 1, 2)]
    assert splits[0] == splits[1]
    assert len(set(splits)) == 3


def test_a_sample_of_the_tasks_is_spread_over_the_file(tmp_path: Path) -> None:
    path = data(tmp_path / "d.jsonl", *(contest_row(f"t{number}") for number in range(10)))
    assert [task.problem.id for task in DataSet(path, most=3).tasks(0)] == ["t0", "t3", "t6"]
    assert len(DataSet(path, most=11)) == 10
    assert DataSet(path).marks == CONTEST_MARKS


def test_nothing_is_taken_from_the_tests_of_functions(tmp_path: Path) -> None:
    given = DataSet(data(tmp_path / "d.jsonl", function_row()))
    [task] = given.tasks(seed=0)
    assert given.marks == FUNCTION_MARKS
    assert (task.problem.examples, task.correct) == ((), {"canonical"})
    assert ">>> double(2)" in task.problem.oracles[0]


def test_undecided_counts_neither_as_accepted_nor_as_rejected() -> None:
    sums = figures(
        [
            result(
                judged("correct-1", Verdict.ACCEPTED),
                judged("correct-2", Verdict.NO_ORACLE),
                judged("correct-3", Verdict.WRONG_ANSWER, "edge"),
                judged("faulty-1", Verdict.ACCEPTED),
                judged("faulty-2", Verdict.SANDBOX_ERROR),
                judged("faulty-3", Verdict.COMPILE_ERROR),
                judged("faulty-4", Verdict.TIME_LIMIT, "stress"),
                judged("faulty-5", Verdict.WRONG_ANSWER, "mutation"),
                judged("faulty-6", Verdict.WRONG_ANSWER, "search"),
            ),
            result(seed=1),
        ]
    )
    assert (sums.accepted, sums.correct, sums.rejected, sums.faulty, sums.undecided) == (1, 3, 4, 6, 2)
    assert sums.found_by == dict.fromkeys(Sources, 1)
    assert (sums.runs, sums.run_seconds, sums.most_seconds) == (10, 3.0, 4.0)


def test_mistakes_are_listed_once_with_their_seeds_and_cause() -> None:
    spent = "the budget of 20 CPU seconds is spent: only {} inputs taken"
    found = mistakes(
        [
            result(judged("correct-1", Verdict.WRONG_ANSWER, "edge"), judged("faulty-1", Verdict.WRONG_ANSWER, "edge")),
            result(judged("faulty-2", Verdict.ACCEPTED, detail=spent.format(5)), seed=0),
            result(judged("faulty-2", Verdict.ACCEPTED, detail=spent.format(17)), seed=1),
            result(judged("faulty-3", Verdict.ACCEPTED), dropped=10),
            result(judged("faulty-4", Verdict.ACCEPTED), dropped=9),
        ]
    )
    assert [(mistake.candidate, mistake.cause, mistake.seeds) for mistake in found] == [
        ("correct-1", "wrong_answer on edge input", (0,)),
        ("faulty-2", "the budget of N CPU seconds is spent: only N inputs taken", (0, 1)),
        ("faulty-3", "most inputs dropped, the most of them for: crash", (0,)),
        ("faulty-4", "no input shows it", (0,)),
    ]


def test_a_ledger_cut_off_in_a_row_keeps_the_rows_before_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "d.jsonl"
    ledger = Ledger(path)
    strange = {"input": [10**30, "\ud800"], "expected": "", "actual": None, "provenance": "edge"}
    kept, lost = result(Judged("faulty-1", False, Verdict.WRONG_ANSWER, 1, 9, "", strange)), result(task="t2")
    ledger.add(kept)
    ledger.add(lost)
    path.write_bytes(path.read_bytes()[:-20])
    again = Ledger(path)
    assert again.results == {kept.key: kept}
    again.add(lost)
    assert Ledger(path).results == {kept.key: kept, lost.key: lost}


def test_results_of_other_data_or_settings_are_other_results(tmp_path: Path) -> None:
    path = data(tmp_path / "d.jsonl", contest_row())
    words = [fingerprint(path, (20.0, 80)), fingerprint(path, (20.0, 80)), fingerprint(path, (5.0, 80))]
    data(path, contest_row("t2"))
    words.append(fingerprint(path, (20.0, 80)))
    assert words[0] == words[1]
    assert len(set(words)) == 3


@pytest.mark.parametrize("wrong", [["none.jsonl"], [__file__, "--seeds", "0"], [__file__, "--tasks", "0"]])
def test_wrong_usage_is_said_in_a_line(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(wrong)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_the_command_counts_what_each_source_adds_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    contests, functions = data(tmp_path / "contests.jsonl", contest_row()), data(tmp_path / "f.jsonl", function_row())
    state, output = tmp_path / "state", tmp_path / "out.json"
    options = ["--seeds", "1", "--ablation", "--workers", "1", "--state", f"{state}", "-o", f"{output}"]
    written = []
    for _ in range(2):
        with pytest.raises(SystemExit):
            command.main([f"{contests}", f"{functions}", *options])
        written.append(output.read_text())
        [ledger] = state.glob("contests-*.jsonl")
        assert len(ledger.read_bytes().splitlines()) == len(Sources)
    assert written[0] == written[1]
    contest, function = json.loads(written[0])
    assert {name: each["rejected"] for name, each in contest["ablation"].items()}["examples"] == 1
    assert (contest["together"]["correct"], contest["together"]["faulty"]) == (1, 2)
    assert function["together"]["accepted"] == function["together"]["rejected"] == 1
    listed = (state / "contests-mistakes.txt").read_text()
    assert listed.startswith("Correct, not accepted: 0")
    for known in Ledger(ledger).results.values():
        assert known.runs > 0
        assert known.run_seconds > 0
