"""What holds for the options of all commands, and what a command imports."""

from __future__ import annotations

import io
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from semi_instruct.harness.cli import app
from semi_instruct.harness.cli.app import COMMANDS
from tests.harness.support.fake_engine import SubprocessEngine
from tests.harness.support.problem_rows import stdin_row, write_rows

HEAVY = {
    "torch",
    "transformers",
    "pyarrow",
    "numpy",
    "scipy",
    "fastapi",
    "uvicorn",
    "hypothesis",
    "datasketch",
    "jinja2",
}

# Options that mean one thing and are worded for what the command does with it.
WORDED_BY_COMMAND = {
    "--inputs",  # fuzz tries them, the others plan them
    "--budget",  # optional for fuzz
    "--entry",  # of one program, or of all
    "--out",  # of a build it is a folder
    "--samples",  # pairs of a problem, or codes of a request
    "--repairs",
    "--resume",  # of a build it is a flag
}


def options_of(command: str) -> dict[str, Any]:
    group: Any = app.typer.main.get_command(app.app)
    return {
        name: parameter
        for parameter in group.get_command(None, command).params
        for name in parameter.opts
        if name.startswith("--")
    }


def test_an_option_name_means_the_same_everywhere() -> None:
    meanings: dict[str, set[str]] = defaultdict(set)
    for command in COMMANDS:
        for name, parameter in options_of(command).items():
            meanings[name].add(parameter.help)
    # The limit of a program's output, which INTERFACE promises, is of `run` alone.
    assert [command for command in COMMANDS if "--output" in options_of(command)] == ["run"]
    assert {name for name, texts in meanings.items() if len(texts) > 1} <= WORDED_BY_COMMAND


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_help_text_that_is_a_sentence(command: str) -> None:
    for name, parameter in options_of(command).items():
        assert parameter.help, name
        assert parameter.help[0].isupper() or not parameter.help[0].isalpha() or ":" in parameter.help, name
        assert parameter.help.endswith("."), name
        assert len(parameter.help) < 80, name


@pytest.mark.parametrize("command", COMMANDS)
def test_the_summary_is_the_first_sentence_of_the_help(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.main([command, "--help"]) == 0
    words = " ".join(capfd.readouterr().out.split())
    assert COMMANDS[command] in words


@pytest.mark.parametrize("command", ["run", "verify", "fuzz", "generate", "build", "serve"])
def test_programs_can_use_a_runtime_everywhere(command: str) -> None:
    assert "--runtime" in options_of(command)


def imported(*arguments: str) -> set[str]:
    code = f"import sys; from semi_instruct.harness.cli import app; app.main({list(arguments)!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_imports_no_command() -> None:
    modules = imported("--help")
    assert {name for name in modules if name.startswith("semi_instruct.")} == {
        "semi_instruct.harness",
        "semi_instruct.harness.cli",
        "semi_instruct.harness.cli.app",
        "semi_instruct.harness.cli.exit_status",
    }


def test_run_imports_the_engine_and_little_else(tmp_path: Path) -> None:
    program = tmp_path / "p.py"
    program.write_text("print(1)")
    modules = imported("run", str(program), "-q")
    assert not (HEAVY | {"rich"}) & {name.split(".")[0] for name in modules}
    rooms = {name.split(".")[2] for name in modules if name.startswith("semi_instruct.harness.")}
    assert rooms == {"cli", "errors", "output", "strict_json", "text"}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_imports_nothing_heavy(command: str) -> None:
    judging = {"hypothesis", "numpy"}
    needed = {
        "build": judging | {"pyarrow", "jinja2"},
        "generate": judging | {"jinja2"},
        "verify": judging | {"jinja2"},
        "fuzz": judging,
    }
    loaded = {name.split(".")[0] for name in imported(command, "--help")}
    assert not (HEAVY - needed.get(command, set())) & loaded


def test_the_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert app.main(["--version"]) == 0
    assert capfd.readouterr().out == f"semi-instruct {version('semi-instruct')}\n"


def test_a_program_can_come_from_stdin(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semi_instruct.harness.cli.run.Engine", SubprocessEngine)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"print(6 * 7)")))
    assert app.main(["run", "-", "-q"]) == 0
    assert capfd.readouterr() == ("42\n", "")
    assert app.main(["run", "-", "--stdin", "-"]) == 2


def test_problems_from_stdin_and_verdicts_to_stdout(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "problems.jsonl", stdin_row())
    code = (
        "import sys\nfrom semi_instruct.harness.cli import app, verify\n"
        "from tests.harness.support.fake_engine import SubprocessEngine\nverify.Engine = SubprocessEngine\n"
        "sys.exit(app.main(['verify', '-', '-o', '-', '-q', '--inputs', '0']))"
    )
    with path.open() as problems:
        done = subprocess.run(
            [sys.executable, "-c", code], stdin=problems, capture_output=True, text=True, cwd=Path(__file__).parents[3]
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"verdict"') == 1
    assert done.stderr == ""
