"""The wheel, built from the sdist, works in a clean environment far from the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.checkout

PROGRAM = "print(int(input()) * 2)"
ENGINE = f"""
import sys
from semi_instruct import Engine, MissingExtra, Program

with Engine(workers=1) as engine:
    print(engine.run(Program({PROGRAM!r}), stdin=b"21\\n").text, end="")
try:
    from semi_instruct import verify
except MissingExtra as error:
    print(error)
print([name for name in ("engine", "generator", "harness") if name in sys.modules])
"""


def run(folder: Path, *command: Path | str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with no variable of the environment but ``PATH``."""
    return subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin"},
    )


def pip(python: Path, *arguments: Path | str) -> None:
    """Install into another environment, which needs no pip of its own."""
    command = [sys.executable, "-m", "pip", "--python", python, "--quiet", "install", "--no-compile", *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True)


def pinned(name: str) -> tuple[str, ...]:
    """The arguments that have pip install a file of ``requirements/``."""
    return "--require-hashes", "-r", str(ROOT / "requirements" / f"{name}.txt")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_and_its_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {"semi_instruct", names[-1].split("/")[0]}
    data = (
        "extras.py",
        "py.typed",
        "generator/prompts/documented.md",
        "harness/dataset/report/report.html.jinja",
        "harness/inside/copy_files.py",
    )
    assert {f"semi_instruct/{path}" for path in data} <= {*names}
    assert not [name for name in names if "__pycache__" in name]


def test_the_wheel_runs_a_program_far_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    command = tmp_path / "env" / "bin" / "semi-instruct"
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    pip(python, *pinned("engine"))
    pip(python, "--no-deps", wheel)
    answer = run(tmp_path, python, "-c", ENGINE)
    assert answer.stdout.splitlines() == [
        "42",
        f"semi_instruct.verify needs the extra verify: pip install '{wheel}[verify]'",
        "[]",
    ], answer
    answer = run(tmp_path, command, "run", program)
    assert answer.returncode == 2
    assert answer.stderr == f"semi-instruct: the command line needs the extra cli: pip install '{wheel}[cli]'\n"

    pip(python, *pinned("verify"))
    answer = run(tmp_path, command, "run", program, "--stdin", "-", "--json", stdin="21\n")
    assert answer.returncode == 0, answer
    assert json.loads(answer.stdout)["stdout"] == "42\n"
    answer = run(tmp_path, command, "serve")
    assert answer.returncode == 2
    assert answer.stderr == f"semi-instruct: serve needs the extra serve: pip install '{wheel}[serve]'\n"
