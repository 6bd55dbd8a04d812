"""The wheel works from a clean environment anywhere: policies and inside files included, no checkout needed."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_runs_a_program_far_from_the_checkout(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {"generator/prompts/documented.md", "harness/dataset/report.html.jinja"} <= {*archive.namelist()}
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    pinned = ROOT / "requirements" / "engine.txt"
    subprocess.run([*pip, "--require-hashes", "-r", pinned], check=True, capture_output=True, text=True)
    subprocess.run([*pip, "--no-deps", wheel], check=True, capture_output=True, text=True)
    program = tmp_path / "program.py"
    program.write_text("print(int(input()) * 2)")
    answer = subprocess.run(
        [tmp_path / "env" / "bin" / "semi-instruct", "run", program, "--stdin", "-", "--json"],
        input="21\n",
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert answer.returncode == 0, answer
    assert json.loads(answer.stdout)["stdout"] == "42\n"
