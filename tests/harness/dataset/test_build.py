"""A whole build: what is retained and on what evidence, what is exported, and that nothing is ever lost."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pyarrow import parquet

from semi_instruct.engine import Engine
from semi_instruct.extras import install_command
from semi_instruct.harness import dataset
from semi_instruct.harness.cli import app, build
from semi_instruct.harness.dataset.pairs import Evidence, JudgedTask, Pair
from semi_instruct.harness.dataset.report.charts import bars
from semi_instruct.harness.dataset.report.page import instructive
from semi_instruct.harness.dataset.settings import Settings
from semi_instruct.harness.dataset.stages import before, stages
from semi_instruct.harness.dataset.stages.replaying import problem_rows
from semi_instruct.harness.dataset.stages.retention import score, why_not
from semi_instruct.harness.dataset.state import InUse, State
from semi_instruct.harness.errors import BadRequest, BadRow
from semi_instruct.harness.problems.reader import ProblemFile
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.verification.scheduler import verify
from tests.harness.support.corpus_rows import DOUBLE, built, drops, pairs, settings, sharing, task_row, write_corpus
from tests.harness.support.fake_engine import SubprocessEngine

SUM = "print(int(input()) + 0 + 1)"
ADD = "n = int(input())\nprint(n + n)"
SHIFT = "import sys\nvalue = int(sys.stdin.read())\nprint(value << 1)"
TIMES = "def f(x):\n    return x * 2\n\n\nprint(f(int(input())))"
HERE = str(Path(__file__).parents[3])


def evidence(folder: Path) -> dict[str, str]:
    return {pair["id"]: pair["evidence"] for pair in pairs(folder)}


def corpus(tmp_path: Path, *codes: str, **more: Any) -> Path:
    return write_corpus(tmp_path / "c.jsonl", task_row("t", *codes, **more))


def replayed(walls: Engine, folder: Path) -> list[tuple[str, Verdict]]:
    with ProblemFile(folder / "dataset" / "problems.jsonl") as file:
        rows = list(file.rows())
        problems = [row for row in rows if isinstance(row, Problem)]
        assert len(problems) == len(rows)
        return [(row.candidate, row.verdict) for row in verify(problems, walls)]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([DOUBLE], {"t/0": "executed"}),
        ([DOUBLE, ADD], {"t/0": "oracle", "t/1": "oracle"}),
        ([DOUBLE, ADD, SHIFT], {"t/0": "oracle", "t/1": "oracle", "t/2": "consensus"}),
        ([DOUBLE, ADD, SHIFT, TIMES], dict.fromkeys(["t/0", "t/1", "t/2", "t/3"], "consensus")),
    ],
)
def test_a_natural_code_is_borne_out_by_the_others(tmp_path: Path, codes: list[str], expected: dict[str, str]) -> None:
    built(corpus(tmp_path, *codes), tmp_path / "b")
    assert evidence(tmp_path / "b") == expected
    for pair in pairs(tmp_path / "b"):
        assert (pair["evidence"] == "executed") == (pair["oracles"] == [])
        assert pair["id"].split("/")[1] not in pair["oracles"]


def doubtful(number: int, index: int, *right: str) -> dict[str, Any]:
    """A task of multiplication, with a wrong code among the right ones that its examples do not catch."""
    codes = list(right)
    codes.insert(index, "n = int(input())\nprint(n * 2 if n % 7 != 3 else 5)")
    examples = {f"{n}\n": f"{number * n}\n" for n in (1, 5, 30)}
    return task_row(f"t{number}", *(code.replace("2", str(number)) for code in codes), examples=examples)


def test_a_wrong_natural_code_is_found_wherever_it_stands(walls: Engine, tmp_path: Path) -> None:
    right = ("print(int(input()) * 2)", "import sys\nvalue = int(sys.stdin.read())\nprint(2 * value)", TIMES)
    rows = [doubtful(2 + index, index, *right) for index in (0, 3)]
    made = built(write_corpus(tmp_path / "c.jsonl", *rows), tmp_path / "b", planned=60, engine=sharing(walls), near=1.0)
    wrong = {f"t{2 + index}/{index}" for index in (0, 3)}
    assert set(evidence(tmp_path / "b")) == {f"t{2 + each}/{index}" for each in (0, 3) for index in range(4)} - wrong
    assert drops(made) == {"wrong_answer": 2}
    shown = [row for row in exported_cases(tmp_path / "b") if row["role"] == "counterexample"]
    assert {name for row in shown for name in row["candidates"]} == wrong
    told = {(row["input"].strip(), row["expected"].strip(), row["actual"].strip()) for row in shown}
    assert told == {("3", "6", "5"), ("3", "15", "5")}


def test_two_that_differ_are_both_in_doubt(walls: Engine, tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "c.jsonl", doubtful(2, 1, DOUBLE))
    made = built(path, tmp_path / "b", planned=60, engine=sharing(walls))
    assert evidence(tmp_path / "b") == {}
    assert drops(made) == {"wrong_answer": 1, "no_oracle": 1}


def exported_cases(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "dataset" / "test_cases.jsonl").read_text().splitlines()]


def function_task() -> dict[str, Any]:
    codes = ("def f(x, y=1): return [x, y]", "def f(x, y=1):\n    a = [x]\n    a.append(y)\n    return a")
    examples = [{"input": [1], "output": [1, 1]}, {"input": ["é", 10**30]}]
    return task_row("f", *codes) | {"kind": "function", "entry": "f", "examples": examples, "title": "Both in a list"}


def test_the_export_stands_by_itself(walls: Engine, tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "c.jsonl", task_row("t", DOUBLE, ADD, SHIFT, SUM), function_task())
    made = built(path, tmp_path / "b", engine=sharing(walls))
    found = pairs(tmp_path / "b")
    assert made.pairs == len(found) == 5
    assert sorted(replayed(walls, tmp_path / "b")) == sorted((pair["id"], Verdict.ACCEPTED) for pair in found)
    for name, rows in (("pairs", found), ("test_cases", exported_cases(tmp_path / "b"))):
        assert parquet.read_table(tmp_path / "b" / "dataset" / "data" / f"{name}.parquet").to_pylist() == rows
    first = found[0]
    assert [message["role"] for message in first["messages"]] == ["user", "assistant"]
    assert first["messages"][0]["content"] == first["instruction"]
    assert f"```python\n{first['output'].rstrip()}\n```" == first["messages"][1]["content"]
    assert (first["file"], first["line"], first["corpus"], first["verdict"]) == ("c.jsonl", 1, "problems", "accepted")
    values = [row for row in exported_cases(tmp_path / "b") if row["problem"] == "f"]
    many = "1" + "0" * 30
    assert (values[1]["input"], values[1]["expected"]) == (f'["é", {many}]', f'["é", {many}]')
    assert json.loads(values[0]["comparison"])["kind"] == "value"


def test_datasets_opens_it(tmp_path: Path) -> None:
    import datasets

    built(corpus(tmp_path, DOUBLE, ADD), tmp_path / "b")
    folder = str(tmp_path / "b" / "dataset")
    opened = datasets.load_dataset(folder, cache_dir=str(tmp_path / "cache"))
    assert [row["id"] for row in opened["train"]] == ["t/0", "t/1"]
    cases = datasets.load_dataset(folder, "test_cases", cache_dir=str(tmp_path / "cache"))
    assert cases["train"].num_rows == len(exported_cases(tmp_path / "b"))


def test_pairs_are_retained_by_threshold_rank_and_limit(walls: Engine, tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "c.jsonl", task_row("a", DOUBLE, ADD, SHIFT), task_row("b", TIMES, title="B"))
    assert drops(built(path, tmp_path / "few", least_cases=4)) == {"few_test_cases": 4}
    assert drops(built(path, tmp_path / "each", pairs_a_task=1)) == {"enough_of_the_task": 2}
    made = built(path, tmp_path / "limit", limit=2)
    assert (made.pairs, drops(made)) == (2, {"over_the_limit": 2})
    assert len(replayed(walls, tmp_path / "limit")) == 2


def pair(**changes: Any) -> Pair:
    facts: dict[str, Any] = {"passed": 10, "test_cases": 10, "mutants_killed": 0.9, "branch_coverage": 1.0}
    plain = Pair("t", "0", "i", "s", "stdin", Evidence.ORACLE, Verdict.ACCEPTED)
    return msgspec.structs.replace(plain, **(facts | changes))


def test_the_score_ranks_by_share_strength_number_and_difficulty() -> None:
    assert score(pair()) > score(pair(passed=9)) > score(pair(passed=0)) == score(pair(test_cases=0)) == 0
    assert score(pair()) > score(pair(mutants_killed=0.5)) > score(pair(mutants_killed=None))
    assert score(pair()) > score(pair(branch_coverage=0.5))
    assert score(pair(passed=50, test_cases=50)) > score(pair())
    assert score(pair(pass_rate=0.1)) > score(pair(pass_rate=0.9))
    assert score(pair(pass_rate=0.9)) - score(pair()) < 0.001


def test_weak_suites_retain_nothing(tmp_path: Path) -> None:
    asked = settings(corpus(tmp_path, DOUBLE), least_killed=0.6)
    assert why_not(pair(mutants_killed=0.5), asked) == ("weak_test_cases", "they kill 50% of the mutants")
    assert why_not(pair(mutants_killed=None), asked) is None
    assert why_not(pair(verdict=Verdict.TIME_LIMIT), asked) == ("time_limit", "")


def test_bad_rows_are_reported_with_their_lines_and_strict_stops(tmp_path: Path) -> None:
    path = write_corpus(
        tmp_path / "c.jsonl", task_row("t", DOUBLE), "{", task_row("t", ADD), task_row("u", SHIFT, title="U")
    )
    made = built(path, tmp_path / "b")
    assert (made.bad_rows, made.pairs) == (2, 2)
    report = (tmp_path / "b" / "report.html").read_text()
    assert "not JSON" in report
    assert "is the id of line 1 too" in report
    assert ">2</td>" in report
    with pytest.raises(BadRow, match=r"^c\.jsonl:2: row: not JSON"):
        built(path, tmp_path / "strict", strict=True)


def test_the_report_is_one_page_that_loads_nothing(walls: Engine, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    row = doubtful(2, 0, f"{DOUBLE}# {hostile}", SHIFT, TIMES) | {"title": hostile}
    made = built(write_corpus(tmp_path / "c.jsonl", row), tmp_path / "b", planned=60, engine=sharing(walls))
    page = made.report.read_text()
    assert hostile not in page
    assert "n % 7 != 3" in page[page.index("counterexamples") :]
    assert page.count("<svg") >= 8
    assert "http" not in page
    assert "<link" not in page


def test_rows_of_tasks_have_names_of_their_own() -> None:
    def task(name: str) -> JudgedTask:
        pairs = [
            Pair(name, str(suite), "Double.", DOUBLE, "stdin", Evidence.ORACLE, Verdict.ACCEPTED, suite=suite)
            for suite in (0, 1, 2)
        ]
        return JudgedTask(tuple(pairs), ({}, {}, {}))

    names = [
        row["id"]
        for name in ("x", "x#2", "x##2", "x#")
        for row in problem_rows(task(name), [f"{name}/{suite}" for suite in (0, 1, 2)])
    ]
    assert names[:3] == ["x", "x#2", "x#3"]
    assert len(set(names)) == 12


def test_what_stands_beside_a_bar_is_within_the_chart() -> None:
    chart = bars([("propose", 51, "51 codes proposed, and more"), ("read", 48, "48")])
    right = [float(x) + 7 * len(text) for x, text in re.findall(r'<text x="([\d.]+)"[^>]*class="value">([^<]*)', chart)]
    assert max(right) < 640
    assert len(right) == 2


def test_the_most_instructive_are_nearly_right_small_and_of_different_tasks() -> None:
    def failed(task: str, passed: int, given: str) -> Pair:
        shown = {"input": given, "expected": "1", "actual": "2"}
        facts = {"task": task, "code": given, "passed": passed, "counterexample": shown}
        return msgspec.structs.replace(pair(verdict=Verdict.WRONG_ANSWER), **facts)

    given = [failed("a", 1, "x"), failed("a", 9, "xx"), failed("a", 9, "x"), failed("b", 5, "x")]
    chosen = instructive(given, 3)
    assert [(one.task, one.passed, one.code) for one in chosen] == [("a", 9, "x"), ("b", 5, "x"), ("a", 9, "xx")]


# Nothing lost.


def tree(folder: Path) -> dict[str, str]:
    files = sorted(file for file in (folder / "dataset").rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def larger(tmp_path: Path) -> Path:
    rows: list[dict[str, Any] | str] = []
    for number in range(6):
        codes = [code.replace("2", f"{number + 2}") for code in (DOUBLE, TIMES)] + ["print(0)", f"{DOUBLE}#"]
        examples = {f"{n}\n": f"{(number + 2) * n}\n" for n in (4, -1, 30)}
        rows.append(task_row(f"t{number}", *codes, examples=examples))
    return write_corpus(tmp_path / "c.jsonl", *rows[:3], "{", *rows[3:])


_KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from tests.harness.support.corpus_rows import built

left = {events}
def count(progress):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

from semi_instruct.harness.dataset import state
state.COMMIT_EVERY_S = 0.0
built(Path({corpus!r}), Path({folder!r}), resume=True, on_progress=count)
"""


def test_killed_anywhere_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    path = larger(tmp_path)
    whole = built(path, tmp_path / "whole")
    assert whole.pairs == 12
    kills = 0
    for events in (3, 9, 11, 17, 14, 30, 1000):
        script = _KILLED.format(here=HERE, events=events, corpus=str(path), folder=str(tmp_path / "killed"))
        done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        kills += done.returncode != 0
        if not done.returncode:
            break
    assert kills >= 3
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")
    again = built(path, tmp_path / "killed", resume=True)
    assert (again.pairs, again.steps) == (whole.pairs, whole.steps)
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")


def test_what_was_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = larger(tmp_path)
    built(path, tmp_path / "b")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a program was run again")

    monkeypatch.setattr(SubprocessEngine, "submit", never)
    assert built(path, tmp_path / "b", resume=True).pairs == 12


def test_an_item_that_is_half_written_is_not_there(tmp_path: Path) -> None:
    asked = settings(corpus(tmp_path, DOUBLE))

    def interrupted() -> None:
        with State(tmp_path / "b", asked) as state:
            state.first_with("code", b"hash", 1, "0")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with State(tmp_path / "b", asked, resume=True) as state:
        assert state.first_with("code", b"hash", 1, "0") is None
        state.put("stage", 1, ["done"])
    with State(tmp_path / "b", asked, resume=True) as state:
        assert state.first_with("code", b"hash", 2, "0") == (1, "0")
        assert state.get("stage", 1, list) == ["done"]


def test_a_second_build_on_one_folder_is_refused(tmp_path: Path) -> None:
    asked = settings(corpus(tmp_path, DOUBLE))
    with State(tmp_path / "b", asked), pytest.raises(InUse, match=r"^.*: another build is at work here"):
        State(tmp_path / "b", asked, resume=True)
    with pytest.raises(BadRequest, match="--resume goes on with it"):
        State(tmp_path / "b", asked)
    with pytest.raises(BadRequest, match="another seed and near"):
        State(tmp_path / "b", Settings(**(fields(asked) | {"seed": 1, "near": 0.5})), resume=True)
    options = build.Options(
        corpus=tmp_path / "c.jsonl", folder=tmp_path / "b", mode="semi", model="gone.gguf", resume=True
    )
    with State(tmp_path / "b", asked, resume=True), pytest.raises(InUse):
        build.execute(options)  # it would take a while to load a model
    with pytest.raises(BadRequest, match="holds a build already"):
        build.execute(replace(options, resume=False))
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "state.sqlite").write_text("no data base at all, but long enough to be looked at" * 30)
    with pytest.raises(BadRequest, match="not the state of a build"):
        State(tmp_path / "else", asked, resume=True)


def fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


# On the command line, in real sandboxes.


def run(*arguments: object) -> int:
    return app.main([str(argument) for argument in arguments])


def test_build_and_verify_in_sandboxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_corpus(tmp_path / "c.jsonl", doubtful(2, 3, DOUBLE, ADD, SHIFT), function_task())
    assert run("build", path, "-o", tmp_path / "b", "--min-mutants-killed", 0, "--workers", 1) == 0
    said = capsys.readouterr()
    assert "retain" in said.out
    assert "(dropped: 1 wrong_answer)" in said.out
    assert "report.html" in said.out
    assert run("verify", tmp_path / "b" / "dataset" / "problems.jsonl", "-o", tmp_path / "verdicts.jsonl") == 0
    assert "5 of 5 as expected" in capsys.readouterr().out
    assert run("build", path, "-o", tmp_path / "b") == 2
    assert "holds a build already" in capsys.readouterr().err
    assert run("build", path, "-o", tmp_path / "c", "--mode", "semi") == 2
    assert "--mode semi: needs --model NAME" in capsys.readouterr().err
    assert run("build", path, "-o", tmp_path / "c", "--benchmark", "mbpp") == 2
    assert "expected NAME=FILE" in capsys.readouterr().err


def test_what_is_not_installed_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "datasketch", None)
    path = write_corpus(tmp_path / "c.jsonl", task_row("t", DOUBLE))
    assert run("build", path, "-o", tmp_path / "b") == 2
    assert capsys.readouterr().err == f"semi-instruct: build needs the extra build: {install_command('build')}\n"


@pytest.mark.parametrize(
    ("changes", "between"),
    [
        ({}, ["validate"]),
        ({"mode": "self"}, ["propose", "validate"]),
        ({"mode": "semi"}, ["propose", "validate", "instruct"]),
        (
            {"mode": "semi", "repairs": 2, "least_round_trip": 0.5},
            [
                "propose",
                "validate",
                "repair 1",
                "validate 1",
                "repair 2",
                "validate 2",
                "instruct",
                "retell",
                "round trip",
            ],
        ),
    ],
)
def test_each_mode_has_its_stages_in_order(tmp_path: Path, changes: dict[str, Any], between: list[str]) -> None:
    found = settings(write_corpus(tmp_path / "c.jsonl"), **changes)
    order = ["read", "screen", "deduplicate", "decontaminate", *between, "retain", "diversify", "replay", "export"]
    assert list(stages(found)) == order
    assert [before(stage, found) for stage in order[1:]] == order[:-1]


def test_the_names_of_stages_are_in_the_list_alone() -> None:
    """A name that a file spells out again would not follow when the list changes."""
    names = {
        "screen",
        "deduplicate",
        "decontaminate",
        "propose",
        "validate",
        "retell",
        "round trip",
        "retain",
        "replay",
    }
    folder = Path(dataset.__file__).parent
    for path in folder.rglob("*.py"):
        if path.parent.name != "stages" or path.name != "__init__.py":
            texts = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
            assert not texts & names, path
