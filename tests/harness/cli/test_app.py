"""The command line: exit statuses, one line for what is wrong, and JSON alone where it is asked for."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from semi_instruct.engine import Limits, Outcome, Program, SandboxUnavailable, Status
from semi_instruct.harness.cli import app
from tests.harness.support.fake_engine import ScriptedEngine, SubprocessEngine, printed, returned
from tests.harness.support.problem_rows import function_row, stdin_row, write_rows

ECHO = "print(open(0).read(), end='')"
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands use the engine without walls."""
    for module in ("run", "verify"):
        monkeypatch.setattr(f"semi_instruct.harness.cli.{module}.Engine", SubprocessEngine)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "echo.py"
    path.write_text(ECHO)
    return path


def scripted(monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> list[Limits]:
    """Let every run have this outcome; returns the limits that were asked for."""
    asked: list[Limits] = []

    def start(workers: int, runtime: Path | None = None) -> ScriptedEngine:
        engine = ScriptedEngine(lambda *_: outcome, workers)
        engine.limits = asked
        return engine

    monkeypatch.setattr("semi_instruct.harness.cli.run.Engine", start)
    return asked


def judging(*rows: Any, folder: Path) -> str:
    return str(write_rows(folder / "problems.jsonl", *rows))


def rows_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing command"),
        (["frobnicate"], "frobnicate"),
        (["guess"], "guess"),
        (["run"], "Missing argument"),
        (["run", "--frobnicate"], "frobnicate"),
        (["run", "PROGRAM", "--cpu-time", "soon"], "--cpu-time"),
        (["run", "PROGRAM", "--cpu-time", "-1"], "--cpu-time -1: expected 0.001 to 86400"),
        (["run", "PROGRAM", "--cpu-time", "nan"], "--cpu-time"),
        (["run", "PROGRAM", "--memory", "1"], "--memory 1: expected 16 to 67108864 MiB"),
        (["run", "PROGRAM", "--processes", "0"], "--processes 0"),
        (["run", "PROGRAM", "--language", "cobol"], "cobol"),
        (["run", "PROGRAM", "--stdin", "absent"], "absent: No such file"),
        (["run", "PROGRAM", "--args", "[]"], "--entry"),
        (["run", "PROGRAM", "--entry", "f", "--args", "{"], "not JSON"),
        (["run", "PROGRAM", "--entry", "f", "--args", "{}"], "list"),
        (["run", "PROGRAM", "--entry", "f", "--args", "[NaN]"], "not JSON"),
        (["run", "PROGRAM", "--entry", "f", "--args", "[" * 50_000], "not JSON"),
        (["run", "PROGRAM", "--entry", "f", "--args", '[{"$no": 1}]'], "$no"),
        (["run", "PROGRAM", "--entry", "f g", "--args", "[]"], "f g"),
        (["run", "absent.py"], "absent.py: No such file"),
        (["run", "."], "directory"),
        (["run", "two\nlines"], "No such file"),
        (["verify"], "Missing argument"),
        (["verify", "absent.jsonl"], "absent.jsonl: No such file"),
        (["verify", "."], "directory"),
        (["verify", "PROGRAM", "--workers", "0"], "--workers"),
        (["verify", "PROGRAM", "--budget", "0"], "--budget"),
        (["verify", "PROGRAM", "--budget", "nan"], "--budget"),
        (["verify", "PROGRAM", "--compare", "fuzzy"], "--compare"),
        (["verify", "PROGRAM", "--compare", '{"kind": "lines", "ignore_case": true}'], "--compare: ignore_case"),
        (["verify", "PROGRAM", "-o", "absent/out.jsonl"], "absent/out.jsonl: No such file"),
        (["verify", "PROGRAM", "-o", "."], "."),
        (["verify", "PROGRAM", "-o", "PROGRAM"], "overwrite"),
        (["verify", "PROGRAM", "--suites", "PROGRAM"], "--suites"),
        (["verify", "PROGRAM", "--suites", "absent/suites.jsonl"], "absent/suites.jsonl: No such file"),
        (["verify", "PROGRAM", "-o", "same", "--suites", "./same"], "--suites same: is where"),
        (["verify", "PROGRAM", "-o", "same", "--suites", "same.partial"], "--suites same.partial: is where"),
        (["doctor", "extra"], "extra"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: list[str], words: str, program: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert app.main([str(program) if word == "PROGRAM" else word for word in arguments]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    assert line.startswith("semi-instruct: ")
    assert words in line


def test_help_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert app.main(["--help"]) == 0
    assert "verify" in capfd.readouterr().out


def test_run_passes_bytes_through(program: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "input").write_bytes(b"text\r\n\x00no newline")
    assert app.main(["run", str(program), "--stdin", str(tmp_path / "input")]) == 0
    captured = capfdbinary.readouterr()
    assert captured.out.replace(b"\n", b"") == b"text\x00no newline"
    assert captured.err.startswith(b"status ok, cpu ")


def test_run_reads_our_own_stdin(
    program: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"from here")))
    assert app.main(["run", str(program), "--stdin", "-"]) == 0
    assert capfd.readouterr().out == "from here"


def test_run_without_stdin_gives_none(program: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.main(["run", str(program)]) == 0
    assert capfd.readouterr().out == ""


def test_run_shows_stderr_and_fails_when_the_program_does(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.py"
    path.write_text("import sys\nprint(1)\nsys.exit('gone')")
    assert app.main(["run", str(path)]) == 1
    captured = capfd.readouterr()
    assert captured.out == "1\n"
    assert captured.err.splitlines()[0] == "gone"
    assert captured.err.splitlines()[1].startswith("status nonzero_exit")


def test_run_calls_a_function(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.py"
    path.write_text("def f(a, b=2): return {'sum': a + b}")
    assert app.main(["run", str(path), "--entry", "f", "--args", "[1, 3]"]) == 0
    assert json.loads(capfd.readouterr().out) == {"sum": 4}
    assert app.main(["run", str(path), "--entry", "f", "--args", "[1]", "--json"]) == 0
    captured = capfd.readouterr()
    assert json.loads(captured.out)["value"] == {"sum": 3}
    assert captured.err == ""


def test_run_tells_a_function_that_did_not_return(
    program: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, Outcome(Status.OK, exit_code=0))
    assert app.main(["run", str(program), "--entry", "f"]) == 1
    captured = capfd.readouterr()
    assert "before its function returned" in captured.err
    assert captured.out == ""


def test_run_hands_on_limits_in_their_units(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = scripted(monkeypatch, printed(""))
    options = ["--cpu-time", "1.5", "--wall-time", "4", "--memory", "64", "--output", "16", "--processes", "3"]
    assert app.main(["run", str(program), *options]) == 0
    assert app.main(["run", str(program)]) == 0
    expected = Limits(cpu_time=1.5, wall_time=4.0, memory=64 << 20, output=16 << 10, processes=3)
    assert asked == [expected, Limits()]


def test_run_hands_on_determinism_and_clock(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(lambda *_: printed(""))
    monkeypatch.setattr("semi_instruct.harness.cli.run.Engine", lambda workers, runtime=None: engine)
    assert app.main(["run", str(program), "--determinism", "varied", "--clock", "1e9"]) == 0
    assert engine.conditions == [("varied", 1e9)]
    assert app.main(["run", str(program), "--determinism", "vary"]) == 2


def test_run_json_is_the_outcome(
    program: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, Outcome(Status.SIGNALED, signal=9, stdout=b"\xff", isolation=("pid",)))
    assert app.main(["run", str(program), "--json"]) == 1
    captured = capfd.readouterr()
    data = json.loads(captured.out)
    assert (data["status"], data["signal"], data["stdout"], data["stdout_base64"]) == ("signaled", 9, None, "/w==")
    assert captured.err == ""


def test_run_prints_sets_in_a_fixed_order(
    program: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, returned({"b", "a", "c"}))
    assert app.main(["run", str(program), "--entry", "f"]) == 0
    assert json.loads(capfd.readouterr().out) == {"$set": ["a", "b", "c"]}


@pytest.mark.parametrize("command", ["run", "verify"])
def test_without_walls_nothing_runs(
    command: str, program: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(workers: int | None = None, runtime: object = None) -> Any:
        raise SandboxUnavailable("cgroup", "/sys/fs/cgroup is\nread-only", "remount it")

    monkeypatch.setattr(f"semi_instruct.harness.cli.{command}.Engine", refuse)
    path = program if command == "run" else judging(stdin_row(), folder=tmp_path)
    assert app.main([command, str(path)]) == 3
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == "semi-instruct: cgroup: /sys/fs/cgroup is read-only. Remedy: remount it\n"


def test_verify_writes_rows_to_a_file_and_a_summary(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wrong = {"id": "c2", "source": "print(0)"}
    path = judging(
        stdin_row(oracles=[ECHO], candidates=[{"id": "c1", "source": ECHO}, wrong]),
        function_row(id="p2", oracles=["def f(x): return x"], candidates=[{"id": "c", "source": "def f(x): return x"}]),
        folder=tmp_path,
    )
    assert (
        app.main(["verify", path, "-o", str(tmp_path / "out.jsonl"), "--workers", "2", "--seed", "5", "--inputs", "0"])
        == 0
    )
    rows = rows_of((tmp_path / "out.jsonl").read_text())
    assert [(row["problem"], row["candidate"], row["verdict"]) for row in rows] == [
        ("p1", "c1", "accepted"),
        ("p1", "c2", "wrong_answer"),
        ("p2", "c", "accepted"),
    ]
    captured = capfd.readouterr()
    assert re.search(r"2 problems, 3 verdicts, \d+ runs", captured.out)
    assert "as expected" not in captured.out
    # Every five seconds, on a machine that takes so long, there is a line on how far it is; and nothing else.
    assert all(re.fullmatch(r"\d problems, .* runs in .*", line) for line in captured.err.splitlines()), captured.err
    assert not list(tmp_path.glob("*.partial"))


def test_verify_keeps_suites_that_it_reads_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wrong = {"id": "c", "source": "print(1)"}
    path = judging(
        stdin_row(oracles=[ECHO], candidates=[wrong], title="Echo"),
        function_row(id="p2", oracles=["def f(x): return x"], candidates=[]),
        folder=tmp_path,
    )
    suites = tmp_path / "suites.jsonl"
    assert app.main(["verify", path, "--suites", str(suites), "--json", "--inputs", "0"]) == 0
    assert [row["candidate"] for row in rows_of(capfd.readouterr().out)] == ["c"]
    echo, identity = rows_of(suites.read_text())
    assert [(example["input"], example["output"]) for example in echo["examples"]] == [("1\n", "1\n"), ("2\n", "2\n")]
    assert (echo["title"], echo["comparison"]["kind"], echo["candidates"]) == ("Echo", "tokens", [])
    assert identity["examples"][0] == {"input": [1], "output": 1, "provenance": "example"}
    again = judging(echo | {"candidates": [wrong]}, identity, folder=tmp_path)
    assert app.main(["verify", again, "--json", "--inputs", "0"]) == 0
    [row] = rows_of(capfd.readouterr().out)
    assert (row["verdict"], row["test_cases"]) == ("wrong_answer", 2)


def test_verify_proposes_a_comparison_and_uses_it_when_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    up, down = "print(*range(3), sep='\\n')", "print(*range(2, -1, -1), sep='\\n')"
    row = stdin_row(oracles=[up, down], examples=[{"input": ""}], candidates=[{"id": "c", "source": down}])
    command = ["verify", judging(row, folder=tmp_path), "-o", str(tmp_path / "out.jsonl"), "--inputs", "0"]
    assert app.main(command) == 0
    [proposing] = rows_of((tmp_path / "out.jsonl").read_text())
    assert proposing["verdict"] == "no_oracle"
    assert "p1: unordered lines would explain 1 of 1 disagreements" in capfd.readouterr().out
    assert app.main([*command, "--compare", json.dumps(proposing["proposed_comparison"]["comparison"])]) == 0
    [judged] = rows_of((tmp_path / "out.jsonl").read_text())
    assert (judged["verdict"], judged["test_cases"]) == ("accepted", 1)
    assert "proposed" not in capfd.readouterr().out


def test_verify_without_a_file_prints_rows(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = judging(stdin_row(oracles=[ECHO], candidates=[{"id": "c1", "source": ECHO}]), folder=tmp_path)
    assert app.main(["verify", path, "--inputs", "0"]) == 0
    captured = capfd.readouterr()
    assert [row["verdict"] for row in rows_of(captured.out)] == ["accepted"]
    assert "1 problems, 1 verdicts" in captured.err
    assert app.main(["verify", path, "--json", "-o", str(tmp_path / "out.jsonl"), "--inputs", "0"]) == 0
    captured = capfd.readouterr()
    # Of two judgements only the measured time may differ.
    assert [row["verdict"] for row in rows_of(captured.out)] == ["accepted"]
    assert captured.out == (tmp_path / "out.jsonl").read_text()
    assert captured.err == ""


def test_verify_goes_on_after_bad_rows_and_exits_2(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    good = stdin_row(oracles=[ECHO], candidates=[{"id": "c1", "source": ECHO}])
    path = judging("{", good, stdin_row(id="p2", oracles=[]), good | {"id": "p3"}, folder=tmp_path)
    assert app.main(["verify", path, "--json", "--inputs", "0"]) == 2
    captured = capfd.readouterr()
    assert [row["problem"] for row in rows_of(captured.out)] == ["p1", "p3"]
    assert [line.split(": ")[:2] for line in captured.err.splitlines()] == [
        [f"{path}:1", "row"],
        [f"{path}:3", "oracles"],
    ]


def test_verify_judges_what_stands_before_and_after_a_row_that_is_not_text(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good = stdin_row(oracles=[ECHO], candidates=[{"id": "c1", "source": ECHO}])
    path = Path(judging(good, folder=tmp_path))
    path.write_bytes(path.read_bytes() + b"\xff\xfe\n" + json.dumps(good | {"id": "p2"}).encode() + b"\n")
    assert app.main(["verify", str(path), "--json", "--inputs", "0"]) == 2
    captured = capfd.readouterr()
    assert [row["problem"] for row in rows_of(captured.out)] == ["p1", "p2"]
    assert "2: row: not UTF-8" in captured.err


def test_verify_survives_strange_text(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    strange = "\0\ud800\x1b[31m\n"
    row = stdin_row(id=strange, oracles=[ECHO], candidates=[{"id": strange, "source": strange, "expect": "accepted"}])
    path = judging(row, folder=tmp_path)
    assert app.main(["verify", path, "-o", str(tmp_path / "out.jsonl"), "--inputs", "0"]) == 1
    [judged] = rows_of((tmp_path / "out.jsonl").read_text())
    assert (judged["problem"], judged["candidate"]) == (strange, strange)
    assert "\x1b" not in capfd.readouterr().out


def test_verify_says_what_is_not_as_expected(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    candidates = [
        {"id": "fine", "source": ECHO, "expect": "accepted"},
        {"id": "surprise", "source": "print(0)", "expect": ["accepted", "time_limit"]},
        {"id": "unknown", "source": ECHO},
    ]
    path = judging(stdin_row(oracles=[ECHO], candidates=candidates), folder=tmp_path)
    assert app.main(["verify", path, "-o", str(tmp_path / "out.jsonl"), "--inputs", "0"]) == 1
    out = capfd.readouterr().out
    assert "1 of 2 as expected" in out
    assert "p1 surprise: expected accepted or time_limit, is wrong_answer" in out


def test_verify_writes_to_what_is_no_file(tmp_path: Path) -> None:
    path = judging(stdin_row(oracles=[ECHO]), folder=tmp_path)
    assert app.main(["verify", path, "-o", os.devnull, "--inputs", "0"]) == 0
    assert Path(os.devnull).is_char_device()


def test_verify_replaces_what_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real/out.jsonl")
    path = judging(stdin_row(oracles=[ECHO]), folder=tmp_path)
    assert app.main(["verify", path, "-o", str(tmp_path / "link"), "--inputs", "0"]) == 0
    assert (tmp_path / "link").is_symlink()
    assert rows_of((tmp_path / "real/out.jsonl").read_text())


def test_verify_leaves_the_old_file_alone_when_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupt(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
        if stdin == b"stop":
            raise KeyboardInterrupt
        return printed(stdin.decode())

    monkeypatch.setattr(
        "semi_instruct.harness.cli.verify.Engine", lambda workers, runtime=None: ScriptedEngine(interrupt, 1)
    )
    output = tmp_path / "out.jsonl"
    output.write_text("old")
    path = judging(
        *(stdin_row(id=f"p{index}") for index in range(5)),
        stdin_row(id="stop", examples=[{"input": "stop"}]),
        folder=tmp_path,
    )
    suites = tmp_path / "suites.jsonl"
    assert app.main(["verify", path, "-o", str(output), "--suites", str(suites)]) == 130
    assert output.read_text() == "old"
    assert not suites.exists()
    assert [row["id"] for row in rows_of((tmp_path / "suites.jsonl.partial").read_text())][:2] == ["p0", "p1"]
    assert [row["problem"] for row in rows_of((tmp_path / "out.jsonl.partial").read_text())][:3] == ["p0", "p1", "p2"]
    [line] = capfd.readouterr().err.splitlines()
    assert "out.jsonl.partial" in line
    assert "suites.jsonl.partial" in line


def test_doctor(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from semi_instruct.engine.probe import Layer

    good, bad = Layer("pid", True, "own", ""), Layer("cgroup", False, "read-only", "remount it")
    monkeypatch.setattr("semi_instruct.harness.cli.doctor.examine", lambda: [good])
    assert app.main(["doctor"]) == 0
    assert "stands" in capfd.readouterr().out
    monkeypatch.setattr("semi_instruct.harness.cli.doctor.examine", lambda: [good, bad])
    assert app.main(["doctor"]) == 3
    out = capfd.readouterr().out
    assert "missing" in out
    assert "remount it" in out
    assert app.main(["doctor", "--json"]) == 3
    data = json.loads(capfd.readouterr().out)
    assert data["trusted"] is False
    assert data["layers"][1] == {"name": "cgroup", "stands": False, "detail": "read-only", "remedy": "remount it"}


@pytest.fixture
def long_work(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``verify`` in a process of its own, with plenty of problems and the engine without walls."""
    rows = [stdin_row(id=f"p{index}", oracles=["right"]) for index in range(2_000)]
    script = (
        "import sys, semi_instruct.harness.cli.verify\nfrom tests.harness.support import fake_engine\n"
        "semi_instruct.harness.cli.verify.Engine = fake_engine.SlowEngine\n"
        "import semi_instruct.harness.cli.app\n"
        f"sys.exit(semi_instruct.harness.cli.app.main(['verify', {judging(*rows, folder=tmp_path)!r}]))\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT}"}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as child:
        yield child
        child.kill()


def but_progress(said: bytes) -> list[bytes]:
    """The lines of stderr but those which say how far the work is: on a slow machine there are some."""
    return [line for line in said.splitlines() if b" verdicts, " not in line]


def test_ctrl_c_is_one_line(long_work: subprocess.Popen[bytes]) -> None:
    assert long_work.stdout is not None
    assert long_work.stderr is not None
    long_work.stdout.readline()
    long_work.send_signal(signal.SIGINT)
    long_work.stdout.read()
    assert long_work.wait(timeout=10) == 130
    assert but_progress(long_work.stderr.read()) == [b"semi-instruct: interrupted"]


def test_ctrl_c_is_one_line_while_modules_are_loaded_too(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    ended = subprocess.run(
        [sys.executable, "-m", "semi_instruct", "--help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"semi-instruct: interrupted\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--help"], ["doctor"], ["run"]])
def test_full_standard_output_is_named(arguments: list[str], unbuffered: str, tmp_path: Path) -> None:
    program = tmp_path / "p.py"
    program.write_text("print(1)")
    command = [sys.executable, "-m", "semi_instruct", *arguments, *[str(program)] * (arguments == ["run"])]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (4, "semi-instruct: standard output: No space left on device\n")


def test_a_reader_that_has_seen_enough_is_no_error(long_work: subprocess.Popen[bytes]) -> None:
    assert long_work.stdout is not None
    assert long_work.stderr is not None
    long_work.stdout.readline()
    long_work.stdout.close()
    started = time.monotonic()
    assert long_work.wait(timeout=10) == 141
    assert time.monotonic() - started < 5
    assert but_progress(long_work.stderr.read()) == []
