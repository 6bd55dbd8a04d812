"""The names that users import, and the direction of imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import semi_instruct
from semi_instruct import harness

ROOT = Path(__file__).parents[1]

ENGINE = [
    "LANGUAGES",
    "Cancellation",
    "Determinism",
    "Engine",
    "EngineClosed",
    "EngineError",
    "InvalidPolicy",
    "InvalidProgram",
    "InvalidRequest",
    "Limits",
    "Opaque",
    "Outcome",
    "Program",
    "ProgramFailed",
    "RunFuture",
    "RunRequest",
    "RuntimeUnusable",
    "SandboxUnavailable",
    "Status",
    "ValueRefused",
]
HARNESS = [
    "BadFile",
    "BadRow",
    "Candidate",
    "Comparison",
    "Example",
    "Finding",
    "HarnessError",
    "MissingExtra",
    "Problem",
    "Verdict",
    "VerdictRow",
    "fuzz",
    "load_problems",
    "verify",
]

# Lowest first: a package imports from those before it, never from those after it. ``harness/errors.py`` and its
# neighbours are modules at the top of the harness.
ORDER = [
    "text",
    "errors",
    "extras",
    "strict_json",
    "runs",
    "inside",
    "parallel",
    "analysis",
    "compare",
    "problems",
    "inputs",
    "judge",
    "search",
    "verification",
    "synthesis",
    "output",
    "dataset",
    "serve",
    "cli",
]


def test_the_exported_names() -> None:
    assert sorted(semi_instruct.__all__) == sorted([*ENGINE, *HARNESS, "__version__"])
    assert sorted(harness.__all__) == sorted(HARNESS)
    for name in semi_instruct.__all__:
        assert getattr(semi_instruct, name) is not None
        assert name in dir(semi_instruct)
    with pytest.raises(AttributeError, match="nothing"):
        _ = semi_instruct.nothing


def test_who_runs_programs_only_does_not_import_the_harness() -> None:
    code = "import sys; from semi_instruct import Engine, Limits, Program; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "semi_instruct.engine" in loaded
    assert not [name for name in loaded if name.startswith(("semi_instruct.harness", "semi_instruct.generator"))]
    assert not {"engine", "harness", "generator"} & {*loaded}


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, also inside functions and for type checking."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def files(folder: str) -> list[Path]:
    found = [path for path in sorted((ROOT / folder).rglob("*.py")) if "engine/inside" not in str(path)]
    assert found
    return found


@pytest.mark.checkout
def test_nothing_is_imported_by_its_bare_name() -> None:
    for folder in ("semi_instruct", "engine", "generator", "harness", "tests", "benchmarks", "examples"):
        for path in files(folder):
            assert not [name for name in imports(path) if name.split(".")[0] in ("engine", "generator", "harness")], (
                path
            )


@pytest.mark.checkout
@pytest.mark.parametrize(
    ("folder", "forbidden"), [("engine", ("generator", "harness")), ("generator", ("engine", "harness"))]
)
def test_the_engine_and_the_generator_know_nothing_above_them(folder: str, forbidden: tuple[str, ...]) -> None:
    for path in files(folder):
        for name in imports(path):
            assert not name.startswith(tuple(f"semi_instruct.{other}" for other in forbidden)), (path, name)


@pytest.mark.checkout
def test_the_packages_of_the_harness_import_downwards() -> None:
    for path in files("harness"):
        here = path.relative_to(ROOT / "harness").parts[0].removesuffix(".py")
        if here == "__init__":
            continue
        for name in imports(path):
            if name.startswith("semi_instruct.harness."):
                there = name.split(".")[2]
                assert ORDER.index(there) <= ORDER.index(here), f"{path} imports {name}"
