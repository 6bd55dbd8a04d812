"""The wheel, built from the sdist, works in a clean environment far from the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_runs_a_program_far_from_the_checkout(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {"semi_instruct", names[-1].split("/")[0]}
    data = (
        "generator/prompts/documented.md",
        "harness/dataset/report/report.html.jinja",
        "harness/inside/copy_files.py",
    )
    assert {f"semi_instruct/{path}" for path in data} <= {*names}
    assert not [name for name in names if "__pycache__" in name]
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
