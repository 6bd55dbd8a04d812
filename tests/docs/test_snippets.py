"""What README and the documentation show is run, or at least has options that exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from semi_instruct.harness.cli import app
from tests.harness.serve.running import Server
from tests.timing import allow_seconds

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXECUTED = ("README.md", "docs/tutorial.md")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    found = [body for name, body in _FENCE.findall((ROOT / page).read_text("utf-8")) if name == language]
    assert found, f"{page} has no block of {language}"
    return found


PYTHON = [
    pytest.param(body, id=f"{page}-{number}") for page in EXECUTED for number, body in enumerate(blocks(page, "python"))
]


@pytest.mark.parametrize("body", PYTHON)
def test_python_blocks_run(body: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", body],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=allow_seconds(120),
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", EXECUTED)
def test_the_first_console_block_prints_what_it_shows(page: str, tmp_path: Path) -> None:
    commands, shown = [], []
    for line in blocks(page, "console")[0].splitlines():
        if line.startswith("$ semi-instruct verify"):
            break
        (commands if line.startswith("$ ") else shown).append(line.removeprefix("$ "))
    script = "\n".join(["set -eu", f'semi-instruct() {{ {sys.executable} -m semi_instruct "$@"; }}', *commands])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=allow_seconds(120),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == shown


@pytest.mark.parametrize("page", EXECUTED)
def test_the_request_to_the_service_is_answered(page: str) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    [line] = [line for body in blocks(page, "console") for line in body.splitlines() if line.startswith("$ curl")]
    with Server("--workers", "1") as server:
        command = line.removeprefix("$ ").replace("http://", "").replace("localhost:8080", server.url)
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=allow_seconds(60))
    assert '"stdout":"42\\n"' in done.stdout.replace(": ", ":"), done


def command_lines() -> list[Any]:
    found = []
    for page in PAGES:
        for name, body in _FENCE.findall(page.read_text("utf-8")):
            if name in ("", "console", "bash", "sh"):
                joined = re.sub(r"\s*\\\n\s*|\n {10,}", " ", body)
                for line in re.findall(rf"semi-instruct (?:{'|'.join(app.COMMANDS)}) [^|&#\n]*", joined):
                    found.append(pytest.param(line, id=f"{page.name}: {line[:60]}"))
    return found


@pytest.mark.parametrize("line", command_lines())
def test_options_that_are_shown_exist(line: str) -> None:
    _, command, *_ = line.split()
    group: Any = app.typer.main.get_command(app.app)
    known = {name for parameter in group.get_command(None, command).params for name in parameter.opts}
    known |= {name for parameter in group.get_command(None, command).params for name in parameter.secondary_opts}
    shown = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", line)) - {"--help"}
    assert shown <= known, shown - known
