"""Searching for differences, and ``semi-instruct fuzz``: what it reads, shows, writes and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from semi_instruct.engine import Engine, Outcome, Program, Status
from semi_instruct.harness.cli import app
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.search.confirm import key_of
from semi_instruct.harness.search.fuzz import Finding, Search, Settings
from semi_instruct.harness.search.fuzz_inputs import FuzzInputs
from tests.harness.support.fake_engine import ScriptedEngine, printed
from tests.harness.support.problem_rows import function_row, problem, stdin_row, write_rows

SORTED = "n = int(input())\na = list(map(int, input().split()))\nprint(*sorted(a))\n"
EXAMPLES = [{"input": "3\n4 -7 2\n"}, {"input": "5\n1 2 3 -9 5\n"}]


def sorting(*sources: str, **changes: Any) -> dict[str, Any]:
    candidates = [{"id": f"c{number}", "source": source} for number, source in enumerate(sources)]
    return stdin_row(oracles=[SORTED], examples=EXAMPLES, candidates=candidates, **changes)


def search(engine: Engine, row: dict[str, Any], **settings: Any) -> list[Finding]:
    one = problem(row)
    return Search(one, one.candidates, engine, Settings(**({"inputs": 120} | settings))).findings()


def smallest(finding: Finding) -> Any:
    assert finding.difference is not None
    return finding.difference.row.counterexample and finding.difference.row.counterexample.input


def test_it_finds_what_examples_miss_and_nothing_where_there_is_nothing(engine: Engine) -> None:
    right, wrong = search(engine, sorting(SORTED, SORTED.replace("sorted(a)", "sorted(set(a))")), inputs=240)
    assert (right.difference, right.inputs, right.test_cases) == (None, 240, 240)
    assert smallest(wrong) == "2\n0 0\n"
    assert wrong.inputs < 240


def test_few_inputs_are_a_whole_plan(engine: Engine) -> None:
    [wrong] = search(engine, sorting(SORTED.replace("sorted(a)", "sorted(set(a))")), inputs=60)
    assert smallest(wrong) == "2\n0 0\n"


def test_probes_accuse_nobody_and_are_not_counted(engine: Engine) -> None:
    # That values differ is a guess. Equal ones are tried; as the oracle fails on some of them, they are no inputs.
    picky = SORTED.replace("print", "assert len(set(a)) == len(a) or sum(a) % 3\nprint")
    wrong_on_probes = SORTED.replace("sorted(a)", "sorted(set(a))")
    [finding] = search(engine, sorting(wrong_on_probes) | {"oracles": [picky]}, inputs=100)
    assert (finding.inputs, finding.difference) == (100, None)


def test_an_answer_unlike_all_known_ones_accuses_nobody(engine: Engine) -> None:
    oracle = "n = int(input())\nprint(n if n % 2 else None)"
    row = stdin_row(
        oracles=[oracle],
        examples=[{"input": "3\n", "output": "3\n"}, {"input": "5\n", "output": "5\n"}],
        candidates=[{"id": "c", "source": "n = int(input())\nprint(n)"}],
    )
    [finding] = search(engine, row, inputs=60)
    assert finding.difference is None
    assert finding.dropped_inputs["strange"] > 0


def test_a_function(engine: Engine) -> None:
    oracle = 'def f(text: str) -> str:\n    """f("Ab c") is "aB C"."""\n    return text.swapcase()'
    candidates = [{"id": "c", "source": oracle.replace("swapcase", "lower")}]
    [finding] = search(engine, function_row(oracles=[oracle], examples=[], candidates=candidates))
    [word] = smallest(finding)
    assert len(word) == 1
    assert word.islower()


def test_oracles_that_take_all_the_time_there_is_end_the_search(engine: Engine) -> None:
    oracle = "def f(n: int) -> int:\n    while n > 30:\n        pass\n    return n"
    row = function_row(oracles=[oracle], candidates=[{"id": "c", "source": oracle}], time_limit_s=0.1)
    [finding] = search(engine, row | {"examples": [{"input": [1]}, {"input": [20]}]}, inputs=400)
    assert finding.detail == "oracles hit limits on 3 inputs running"
    assert finding.test_cases > 20


def test_time_is_measured_against_the_oracles_and_a_limit_is_confirmed() -> None:
    def script(program: Program, *_: Any) -> Outcome:
        if "run_repeatedly" in program.source_bytes.decode() or program.source == SORTED:
            return printed("1", cpu=1.0) if program.source == SORTED else Outcome(Status.NONZERO_EXIT)
        return Outcome(Status.TIME_LIMIT, cpu_time_s=9.0) if program.source == "slow" else printed("1")

    one = problem(sorting("slow", "right", time_limit_s=0.1))
    with ScriptedEngine(script, workers=1) as engine:
        slow, right = Search(one, one.candidates, engine, Settings(inputs=20)).findings()
        limits = [limit for limit, (source, *_) in zip(engine.limits, engine.asked, strict=True) if source == "slow"]
    assert (slow.verdict, right.verdict) == (Verdict.TIME_LIMIT, None)
    assert {limit.cpu_time for limit in limits} == {4.0}  # times what the oracle takes
    assert [limit.wall_time is None for limit in limits[:2]] == [True, False]


def test_a_program_that_keeps_state_is_not_accused(engine: Engine) -> None:
    oracle = "def f(n: int) -> int:\n    return n + 1"
    keeping = "seen = []\ndef f(n: int) -> int:\n    seen.append(n)\n    return n + len(seen)"
    candidates = [{"id": "c", "source": oracle}, {"id": "k", "source": keeping}]
    row = function_row(oracles=[oracle], examples=[{"input": [1]}, {"input": [5]}], candidates=candidates)
    assert [each.difference for each in search(engine, row, inputs=40)] == [None, None]
    of_keeping = search(engine, row | {"oracles": [keeping]}, inputs=40)
    assert [each.difference for each in of_keeping] == [None, None]
    assert of_keeping[0].test_cases > 20


def test_a_program_that_behaves_only_when_watched_alone_is_caught_on_the_examples(engine: Engine) -> None:
    lying = (
        "import sys\ndef f(n: int) -> int:\n    return n + (2 if '__cached__' in globals() and not depth() else 1)\n"
    )
    lying += "def depth():\n    frame, deep = sys._getframe(), 0\n"
    lying += "    while frame:\n        frame, deep = frame.f_back, deep + (frame.f_code.co_name == 'run_repeatedly')\n"
    lying += "    return deep\n"
    oracle = "def f(n: int) -> int:\n    return n + 1"
    row = function_row(oracles=[oracle], examples=[{"input": [1]}], candidates=[{"id": "c", "source": lying}])
    [finding] = search(engine, row)
    assert finding.difference is not None


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("print((", Verdict.COMPILE_ERROR),
        ("1 / 0", Verdict.RUNTIME_ERROR),
        ("import os; os.kill(os.getpid(), 9)", Verdict.RUNTIME_ERROR),
        ("while True: pass", Verdict.TIME_LIMIT),
        ("while True: print('x' * 10**6)", Verdict.OUTPUT_LIMIT),
        ("print('[true, 1]')", Verdict.WRONG_ANSWER),
    ],
)
def test_whatever_a_candidate_does_the_others_are_searched(engine: Engine, source: str, verdict: Verdict) -> None:
    bad, wrong, right = search(
        engine, sorting(source, SORTED.replace("sorted(a)", "a"), SORTED, time_limit_s=0.1), inputs=60
    )
    assert bad.difference is not None
    assert bad.difference.row.verdict is verdict
    assert smallest(wrong) == "2\n2 1\n"  # no example shows a zero
    assert right.difference is None


def test_the_same_seed_finds_the_same(engine: Engine) -> None:
    row = sorting(SORTED.replace("sorted(a)", "sorted(a)[:4]"), SORTED.replace("(a)", "(a, key=abs)"))
    first, second = ([finding.to_json() for finding in search(engine, row, seed=7)] for _ in range(2))
    assert first == second


def test_a_budget_ends_the_search_and_says_so(engine: Engine) -> None:
    [finding] = search(engine, sorting(SORTED), inputs=100_000, budget=0.1)
    assert finding.inputs < 100_000
    assert finding.detail == "the budget of 0.1 CPU seconds is spent"


def test_inputs_come_once_and_beyond_the_first_plan() -> None:
    one = problem(sorting(SORTED))
    source = FuzzInputs(one, 0, 400, None)
    keys = []
    while batch := source.take(30):
        keys += [key_of(each) for each in batch if not each.probe]
        source.report([True] * len(batch))
    assert len(keys) == len(set(keys)) == 400


def test_inputs_end_where_there_are_no_more() -> None:
    source = FuzzInputs(problem(stdin_row(examples=[{"input": "a\n"}, {"input": "a\n"}])), 0, 400, None)
    taken = 0
    while batch := source.take(30):
        taken += len(batch)
        source.report([True] * len(batch))
    assert 1 <= taken < 400


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> Path:
    """A folder of files, and commands that use the engine of all tests."""

    class Shared:
        def __init__(self, workers: int, runtime: object = None) -> None:
            pass

        def __enter__(self) -> Engine:
            return engine

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr("semi_instruct.harness.cli.fuzz.Engine", Shared)
    monkeypatch.chdir(tmp_path)
    files = {
        "right.py": SORTED,
        "wrong.py": SORTED.replace("sorted(a)", "sorted(set(a))"),
        "silent.py": "raise SystemExit(1)",
        "in.txt": EXAMPLES[1]["input"],
        "format.txt": "N: int 3\nA: N * int 7..8\n",
        "f.py": "def f(a, b):\n    return a + b",
        "g.py": "def f(a, b):\n    return a + b if a < 40 else 0",
        "args.json": "[1, 2]",
        "bad.json": "{}",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    write_rows(
        tmp_path / "two.jsonl", sorting(SORTED, files["wrong.py"]), function_row(id="p2", oracles=[files["f.py"]])
    )
    return tmp_path


def fuzz(*words: str) -> int:
    return app.main(["fuzz", *words])


FILES = ("--oracle", "right.py", "--candidate", "wrong.py")


@pytest.mark.usefixtures("programs")
def test_two_files_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz(*FILES, "--example", "in.txt", "--inputs", "80") == 1
    shown = capsys.readouterr().out
    assert "wrong.py: wrong_answer" in shown
    for word in ("input", "expected", "candidate", "-0 0", "+0"):
        assert word in shown


@pytest.mark.usefixtures("programs")
def test_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz("--oracle", "right.py", "--candidate", "right.py", "--example", "in.txt", "--inputs", "40") == 0
    assert "no difference found (40 inputs tried, 40 of them test cases)" in capsys.readouterr().out


@pytest.mark.usefixtures("programs")
def test_undecided_is_not_no_difference(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def undecided(search: Search) -> list[Finding]:
        [candidate] = search.candidates
        why = "only 3 of 9 test cases judged"
        return [Finding(search.problem, candidate, None, None, 9, 9, {}, "", undecided=why, excused=1)]

    monkeypatch.setattr("semi_instruct.harness.search.fuzz.Search.findings", undecided)
    assert fuzz(*FILES, "--example", "in.txt") == 1
    assert "wrong.py: undecided: only 3 of 9 test cases judged (9 inputs tried" in capsys.readouterr().out
    assert fuzz(*FILES, "--example", "in.txt", "--json") == 1
    row = json.loads(capsys.readouterr().out)
    assert (row["verdict"], row["difference"], row["excused"]) == ("undecided", None, 1)
    assert row["detail"] == "only 3 of 9 test cases judged"


@pytest.mark.usefixtures("programs")
def test_a_function_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--oracle", "f.py", "--candidate", "g.py", "--entry", "f", "--example", "args.json", "--json")
    assert fuzz(*words) == 1
    row = json.loads(capsys.readouterr().out)
    assert row["candidate"] == "g.py"
    assert row["difference"] is True
    assert row["counterexample"] == {"input": [40, 1], "expected": 41, "actual": 0, "provenance": "shrunk"}


@pytest.mark.usefixtures("programs")
def test_rows_of_a_problem_file_go_to_a_file_too(capsys: pytest.CaptureFixture[str], programs: Path) -> None:
    words = ("two.jsonl", "--problem", "p1", "--candidate", "c1", "--json", "-o", "rows.jsonl", "--inputs", "80")
    assert fuzz(*words) == 1
    rows = capsys.readouterr().out
    assert (programs / "rows.jsonl").read_text() == rows
    assert json.loads(rows)["counterexample"] == {
        "input": "2\n0 0\n",
        "expected": "0 0\n",
        "actual": "0\n",
        "provenance": "shrunk",
    }


@pytest.mark.usefixtures("programs")
def test_a_format_is_shown_edited_and_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz("two.jsonl", "--problem", "p1", "--show-format") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("N: int ")
    assert fuzz(*FILES, "--format", "format.txt", "--show-format") == 0
    assert capsys.readouterr().out == "N: int 3\nA: N * int 7..8\n"
    assert fuzz(*FILES, "--format", "format.txt", "--json") == 1
    assert json.loads(capsys.readouterr().out)["counterexample"]["input"] == "3\n7 7 7\n"


WRONG = [
    ((), "nothing to search"),
    (FILES, "nothing says what the inputs look like"),
    (("--oracle", "none.py", "--candidate", "wrong.py", "--example", "in.txt"), "none.py: No such file"),
    (("two.jsonl", "--oracle", "right.py"), "leave out PROBLEMS.jsonl"),
    (("--problem", "p1", *FILES), "name the file PROBLEMS.jsonl"),
    (("two.jsonl", "--problem", "p9"), "two.jsonl: no problem 'p9'"),
    (("two.jsonl", "--candidate", "c9"), "no problem with a candidate 'c9'"),
    (("two.jsonl", "--show-format"), "name it with --problem"),
    (("two.jsonl", "--problem", "p2", "--show-format"), "a function has arguments"),
    (("two.jsonl", "--problem", "p1", "--format", "in.txt"), "in.txt: line 1"),
    (("--oracle", "right.py", "--example", "in.txt"), "name the program in question"),
    (("two.jsonl", "--problem", "p1", "--budget", "0"), "--budget"),
    (("two.jsonl", "--problem", "p1", "-o", "two.jsonl"), "would overwrite"),
    (("--oracle", "f.py", "--candidate", "g.py", "--entry", "f", "--example", "bad.json"), "expected the arguments"),
    (("--oracle", "f.py", "--candidate", "g.py", "--entry", "no name", "--example", "args.json"), "entry"),
    (("--oracle", "silent.py", "--candidate", "wrong.py", "--example", "in.txt"), "agree on no input"),
]


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize(("words", "reason"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_used_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], reason: str
) -> None:
    assert fuzz(*words) == 2
    error = capsys.readouterr().err
    # A machine that takes long for it has said before how far it is.
    [line] = [line for line in error.splitlines() if " candidates searched, " not in line]
    assert reason in line


@pytest.mark.usefixtures("programs")
def test_ctrl_c_leaves_the_rows_so_far(
    capsys: pytest.CaptureFixture[str], programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Search) -> list[Finding]:
        raise KeyboardInterrupt

    monkeypatch.setattr("semi_instruct.harness.search.fuzz.Search.findings", interrupted)
    assert fuzz("two.jsonl", "-o", "rows.jsonl") == 130
    assert "rows.jsonl.partial" in capsys.readouterr().err
    assert not (programs / "rows.jsonl").exists()


@pytest.mark.usefixtures("programs")
def test_what_a_program_prints_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str], programs: Path) -> None:
    (programs / "wrong.py").write_text("print('\\x1b[2J[red]x')")
    assert fuzz(*FILES, "--example", "in.txt", "--inputs", "20") == 1
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\\x1b[2J[red]x" in shown


def test_the_search_and_the_shrinking_are_bounded_in_runs() -> None:
    def script(program: Program, *_: Any) -> Outcome:
        known = program.source in (SORTED, "wrong")
        return printed("0" if program.source == SORTED else "1") if known else Outcome(Status.NONZERO_EXIT)

    one = problem(sorting("wrong"))
    with ScriptedEngine(script, workers=1) as engine:
        [finding] = Search(one, one.candidates, engine, Settings(inputs=60)).findings()
        assert finding.difference is not None
        assert len(engine.asked) < 500
        looks, smaller = 2.0, 0.5 + 4 * 0.01
        assert {limits.cpu_time for limits in engine.limits} == {one.limits.cpu_time, looks, smaller}
