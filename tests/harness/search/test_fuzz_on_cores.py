"""Searching in several processes: the rows of one, whatever dies, and errors when it is their turn."""

from __future__ import annotations

import json
import os
import pickle
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from multiprocess import active_children

from semi_instruct.engine import Engine, Outcome, Program, Status
from semi_instruct.harness.cli import app
from semi_instruct.harness.errors import BadRow
from semi_instruct.harness.search.fuzz import Finding, Settings
from semi_instruct.harness.search.fuzz_on_cores import MIN_PROBLEMS_PER_PROCESS, News, fuzz_on_cores
from semi_instruct.harness.search.fuzz_request import Wanted
from tests.harness.support.fake_engine import ScriptedEngine, ended, printed
from tests.harness.support.problem_rows import function_row, problem, stdin_row, write_rows

CORES = 2
ENOUGH = MIN_PROBLEMS_PER_PROCESS * CORES
PROBLEMS = 6
DEADLY = "# deadly"
FAILING = "# failing"
SUM = "print(sum(map(int, input().split())))"
WRONG_SUM = "print(sum(set(map(int, input().split()))))"
PAIR = "def f(a: int, b: int) -> tuple[int, set[int]]:\n    return a, {a, b}"
WRONG_PAIR = PAIR.replace("{a, b}", "{a, min(b, 9)}")
SETTINGS = Settings(seed=3, inputs=14)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many processes, wherever the tests run."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(CORES)))


def row(number: int) -> dict[str, Any]:
    """A problem with a right and a wrong candidate, of either kind in turn."""
    right, wrong = (PAIR, WRONG_PAIR) if number % 2 else (SUM, WRONG_SUM)
    candidates = [{"id": "right", "source": right}, {"id": "wrong", "source": wrong}]
    common = {"id": f"p{number}", "oracles": [right], "candidates": candidates}
    if number % 2:
        return function_row(entry="f", examples=[{"input": [number, 20]}], **common | {"kind": "function"})
    return stdin_row(examples=[{"input": f"4 {number} 9\n"}], **common)


def wanted(rows: Iterable[dict[str, Any]]) -> Iterator[Wanted]:
    for one in map(problem, rows):
        yield Wanted(one, one.candidates)


def found(rows: Iterable[dict[str, Any]], open_engine: Any = Engine, on_news: Any = lambda _: None) -> list[Finding]:
    return list(fuzz_on_cores(wanted(rows), open_engine, SETTINGS, on_news))


def as_written(findings: Iterable[Finding]) -> list[str]:
    return [json.dumps(finding.to_json()) for finding in findings]


@contextmanager
def one_core() -> Iterator[None]:
    """Everything in one process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.sched_getaffinity", lambda _: {0})
        yield


@pytest.fixture(scope="module")
def expected() -> list[Finding]:
    """What one process finds."""
    with one_core():
        return found(map(row, range(PROBLEMS)))


def test_one_process_finds_what_there_is(expected: list[Finding]) -> None:
    assert [finding.difference is not None for finding in expected] == [False, True] * PROBLEMS


@pytest.mark.usefixtures("two_cores")
def test_processes_that_are_killed_change_no_row(expected: list[Finding]) -> None:
    killed: set[int | None] = set()

    def kill_one(_: News) -> None:
        # While fewer have been killed than there are, another is there, whether or not those have been replaced.
        if len(killed) < CORES:
            process = next(each for each in active_children() if each.pid not in killed)
            killed.add(process.pid)
            process.kill()

    assert as_written(found(map(row, range(PROBLEMS)), on_news=kill_one)) == as_written(expected)
    assert len(killed) == CORES


def test_findings_cross_as_they_are(expected: list[Finding]) -> None:
    assert pickle.loads(pickle.dumps(expected)) == expected


@pytest.mark.usefixtures("two_cores")
def test_all_processes_search_and_tell_how_far_they_are(expected: list[Finding]) -> None:
    seen: set[int | None] = set()
    news: dict[str, News] = {}
    runs = 0

    def note(latest: News) -> None:
        nonlocal runs
        seen.update(process.pid for process in active_children())
        news[latest.problem] = latest
        runs += latest.runs

    assert as_written(found(map(row, range(PROBLEMS)), on_news=note)) == as_written(expected)
    assert len(seen) == CORES
    assert runs > PROBLEMS
    last = {finding.problem.id: (finding.inputs, finding.test_cases) for finding in expected if not finding.difference}
    assert {each.problem: (each.tried, each.valid) for each in news.values()} == last


@pytest.mark.usefixtures("two_cores")
def test_few_problems_stay_in_one_process() -> None:
    rows = fuzz_on_cores(wanted(quick_rows()[: ENOUGH - 1]), Quick, SETTINGS, lambda _: None)
    assert next(rows).problem.id == "p0"
    assert active_children() == []
    assert len(list(rows)) == 2 * (ENOUGH - 1) - 1


class Quick(ScriptedEngine):
    """An engine without programs: all that is right prints 1. A marked program kills its process, or fails to run."""

    def __init__(self, workers: int, runtime: object = None) -> None:
        super().__init__(answer, workers)


def answer(program: Program, *_: Any) -> Outcome:
    """What a program does there."""
    if program.source == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    if program.source == FAILING:
        return ended(Status.SANDBOX_ERROR, detail="no memory")
    return printed("2" if program.source == WRONG_SUM else "1")


def quick_rows(second_oracle: str = SUM) -> list[dict[str, Any]]:
    """Problems for the quick engine; the oracle of the second one may be marked."""
    rows = [row(0) | {"id": f"p{number}"} for number in range(PROBLEMS)]
    rows[1]["oracles"] = [second_oracle]
    return rows


@pytest.fixture(scope="module")
def quickly_expected() -> list[str]:
    """What one process finds there."""
    with one_core():
        return as_written(found(quick_rows(), Quick))


@pytest.mark.usefixtures("two_cores")
def test_a_problem_that_kills_processes_is_not_searched_and_a_fault_of_ours(
    quickly_expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("semi_instruct.harness.cli.fuzz.Engine", Quick)
    file = write_rows(tmp_path / "problems.jsonl", *quick_rows(DEADLY))
    assert app.main(["fuzz", str(file), "--json", "--seed", "3", "--inputs", "14"]) == 3
    said = capsys.readouterr()
    rows = [json.loads(line) for line in said.out.splitlines()]
    why = "3 processes were ended by signal 9 (Killed) while they worked on it"
    lost = [each for each in rows if each["problem"] == "p1"]
    assert [(each["difference"], each["verdict"], each["detail"]) for each in lost] == [
        (None, "sandbox_error", why)
    ] * 2
    complaints = [line for line in said.err.splitlines() if " sandboxes; " not in line]  # but not the progress
    logged = f"semi-instruct: an item is given up: {why}"
    assert complaints == [logged, *(f"p1 {name}: not searched: {why}" for name in ("right", "wrong"))]
    others = [json.dumps(each) for each in rows if each not in lost]
    assert others == quickly_expected[:2] + quickly_expected[4:]


@pytest.mark.parametrize("cores", [1, CORES])
def test_a_run_that_fails_is_a_fault_of_its_problem_alone(
    cores: int, quickly_expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    findings = found(quick_rows(FAILING), Quick)
    faults = [finding.fault for finding in findings]
    assert faults == ["", "", *["an oracle could not be run: no memory"] * 2, *[""] * (2 * PROBLEMS - 4)]
    written = as_written(findings)
    assert written[:2] + written[4:] == quickly_expected[:2] + quickly_expected[4:]
    assert active_children() == []


@pytest.mark.parametrize("good", [1, ENOUGH])
@pytest.mark.usefixtures("two_cores")
def test_a_bad_row_ends_the_search_after_the_problems_before(good: int, quickly_expected: list[str]) -> None:
    def problems() -> Iterator[Wanted]:
        yield from wanted(quick_rows()[:good])
        raise BadRow("file", good + 1, "row", "bad")

    findings = fuzz_on_cores(problems(), Quick, SETTINGS, lambda _: None)
    assert as_written(islice(findings, 2 * good)) == quickly_expected[: 2 * good]
    with pytest.raises(BadRow):
        next(findings)
