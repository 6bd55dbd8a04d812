"""Verification in several processes: the rows of one, whatever dies, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from multiprocess import active_children

from semi_instruct.engine import Engine, SandboxUnavailable
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.verdicts import VerdictRow
from semi_instruct.harness.verification.on_cores import MIN_PROBLEMS_PER_PROCESS, verify_on_cores
from semi_instruct.harness.verification.row_faults import unjudged_rows
from semi_instruct.harness.verification.scheduler import judge, verify
from tests.engine_processes import groups
from tests.harness.support.fake_engine import SubprocessEngine
from tests.harness.support.problem_rows import problem, stdin_row, write_rows
from tests.timing import allow_seconds, until

ROOT = Path(__file__).parents[3]
CORES = 2
ENOUGH = MIN_PROBLEMS_PER_PROCESS * CORES
DOUBLE = "print(int(input()) * 2)"
SOURCES = (DOUBLE, "print(42)", "1 / 0", "import os\nos.kill(os.getpid(), 9)", "import os\nos.killpg(0, 9)")
SLOW = "import time\ntime.sleep(0.2)\n" + DOUBLE


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many processes, wherever the tests run."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(CORES)))


def rows_of_problems(count: int, *sources: str) -> list[dict[str, Any]]:
    candidates = [{"id": f"c{index}", "source": source} for index, source in enumerate(sources or SOURCES)]
    common = {
        "oracles": [DOUBLE],
        "examples": [{"input": "21\n", "output": "42\n"}, {"input": "-4\n"}],
        "time_limit_s": 0.5,
        "candidates": candidates,
    }
    return [stdin_row(id=f"p{index}", **common) for index in range(count)]


def problems(count: int, *sources: str) -> Iterator[Problem]:
    return map(problem, rows_of_problems(count, *sources))


def judged(count: int, *sources: str, workers: int | None = None, open_engine: Any = Engine, **told: Any) -> Any:
    judging = partial(verify, planned=0, seed=3)
    return verify_on_cores(
        problems(count, *sources),
        open_engine,
        judging,
        lost=unjudged_rows,
        workers=workers,
        on_runs=told.get("on_runs", lambda _: None),
    )


def as_written(rows: Any) -> list[str]:
    return [json.dumps(row.to_json() | {"seconds": None}) for row in rows]


def pool_processes(parent: int) -> list[psutil.Process]:
    """Those of another process; of this one they are ``active_children()``."""
    return [child for child in psutil.Process(parent).children() if "spawn_main" in " ".join(command_line(child))]


def command_line(process: psutil.Process) -> list[str]:
    """Empty when the process has ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # or a zombie, which is one of these
        return []


@pytest.fixture(scope="module")
def expected() -> list[str]:
    """The rows of one process."""
    with Engine(workers=1) as engine:
        return as_written(verify(problems(ENOUGH), engine, planned=0, seed=3))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_same_rows_for_any_number_of_processes(workers: int, expected: list[str]) -> None:
    assert as_written(judged(ENOUGH, workers=workers)) == expected


def test_a_process_killed_in_the_middle_changes_no_row(expected: list[str]) -> None:
    killed: set[int | None] = set()

    def kill_one(_: int) -> None:
        # While fewer have been killed than there are, another is there, whether or not those have been replaced.
        if len(killed) < CORES:
            process = next(each for each in active_children() if each.pid not in killed)
            killed.add(process.pid)
            process.kill()

    assert as_written(judged(ENOUGH, on_runs=kill_one)) == expected
    assert len(killed) == CORES


def test_suites_come_from_the_processes_too() -> None:
    def suites(workers: int) -> list[str]:
        keep = partial(judge, planned=0, keeps_suites=True)
        finished = verify_on_cores(
            problems(ENOUGH),
            Engine,
            keep,
            lost=lambda *_: pytest.fail("a problem was lost"),
            workers=workers,
            on_runs=lambda _: None,
        )
        return [json.dumps(judged.suite.to_json()) for judged in finished]

    in_two = suites(CORES)
    assert [json.loads(row)["id"] for row in in_two] == [f"p{index}" for index in range(ENOUGH)]
    assert suites(1) == in_two


def test_every_run_is_counted() -> None:
    counted: list[int] = []
    assert len(list(judged(ENOUGH, DOUBLE, open_engine=SubprocessEngine, on_runs=counted.append))) == ENOUGH
    in_one: list[int] = []
    assert len(list(judged(ENOUGH, DOUBLE, open_engine=SubprocessEngine, workers=1, on_runs=in_one.append))) == ENOUGH
    assert sum(counted) == sum(in_one)


def test_few_problems_stay_in_one_process() -> None:
    with closing(judged(ENOUGH - 1, DOUBLE, workers=2)) as rows:
        assert next(rows).as_expected
        assert active_children() == []
        assert len(list(rows)) == ENOUGH - 2


def without_walls(workers: int) -> Any:
    raise SandboxUnavailable("cgroup", "read-only", "remount it")


@pytest.mark.parametrize("count", [1, ENOUGH])
def test_without_walls_nothing_runs(count: int) -> None:
    with pytest.raises(SandboxUnavailable, match="cgroup: read-only") as caught:
        list(judged(count, open_engine=without_walls))
    assert caught.value.remedy == "remount it"
    assert active_children() == []


def deadly(problems: Any, engine: Any, *, on_run: Any) -> Iterator[VerdictRow]:
    """Judging that kills its process on one problem."""
    for each in problems:
        if each.id == "p1":
            os.kill(os.getpid(), signal.SIGKILL)
        yield from verify([each], engine, planned=0, on_run=on_run)


def test_a_problem_that_kills_processes_is_a_fault_of_ours() -> None:
    rows = list(
        verify_on_cores(
            problems(ENOUGH, DOUBLE, "print(42)"),
            SubprocessEngine,
            deadly,
            lost=unjudged_rows,
            workers=2,
            on_runs=lambda _: None,
        )
    )
    verdicts = {row.problem: [] for row in rows}
    for row in rows:
        verdicts[row.problem].append(row.verdict.value)
    assert list(verdicts) == [f"p{index}" for index in range(ENOUGH)]
    assert verdicts.pop("p1") == ["sandbox_error", "sandbox_error"]
    assert set(map(tuple, verdicts.values())) == {("accepted", "wrong_answer")}
    assert "signal 9" in rows[2].detail


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_a_command_that_is_ended(how: signal.Signals, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "problems.jsonl", *rows_of_problems(10 * ENOUGH, SLOW, SLOW))
    script = (
        "import os, sys\n"
        f"os.sched_getaffinity = lambda _: set(range({CORES}))\n"
        "from semi_instruct.harness.cli import app\n"
        f"sys.exit(app.main(['verify', {str(path)!r}, '--json', '--inputs', '0']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        first = json.loads(command.stdout.readline())
        assert first["verdict"] == "accepted"
        pool = [process.pid for process in until(lambda: at_work(command.pid), 60)]
        assert len(pool) == CORES
        processes = psutil.Process(command.pid).children(recursive=True)
        if how is signal.SIGINT:
            os.killpg(command.pid, how)  # as a terminal does
        else:
            command.send_signal(how)
        said = [line for line in command.stderr.read().splitlines() if b"runs in" not in line]  # the progress
    assert psutil.wait_procs(processes, timeout=allow_seconds(10))[1] == []
    assert [groups(owner) for owner in pool] == [[]] * CORES
    assert said == ([b"semi-instruct: interrupted"] if how is signal.SIGINT else [])


def at_work(command: int) -> list[psutil.Process]:
    """The processes of a command's pool, once each has an engine."""
    pool = pool_processes(command)
    return pool if len(pool) == CORES and all(groups(process.pid) for process in pool) else []
