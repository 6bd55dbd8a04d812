"""A model is found by its name, and what is missing is one clear line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from semi_instruct.extras import install_command
from semi_instruct.generator.choosing import model_named
from semi_instruct.generator.errors import MissingExtra, ModelUnusable


@pytest.mark.parametrize("name", ["gpt", "llamacpp:", "openai:model", "", "magic:x"])
def test_an_unknown_name_says_what_was_expected(name: str) -> None:
    with pytest.raises(ModelUnusable, match=r"expected llamacpp:FILE\.gguf"):
        model_named(name)


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [
        ("xllamacpp", "llamacpp:model.gguf", "llamacpp"),
        ("transformers", "transformers:someone/model", "llm"),
        ("torch", "transformers:someone/model", "llm"),
        ("openai", "openai:m@http://127.0.0.1:1/v1", "openai"),
    ],
)
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str, name: str, extra: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.gguf").touch()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=re.escape(f" needs the extra {extra}: {install_command(extra)}")):
        model_named(name)


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    heavy = ("torch", "transformers", "xllamacpp", "openai", "llguidance")
    imports = "import semi_instruct.harness.cli.app, semi_instruct.harness.synthesis, sys"
    code = f"{imports}; print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.checkout
def test_the_generator_knows_nothing_of_engine_and_harness() -> None:
    folder = Path(__file__).parents[2] / "generator"
    for file in folder.rglob("*.py"):
        imported = [line.split()[1].split(".")[0] for line in file.read_text().splitlines() if _imports(line)]
        assert not {"engine", "harness"} & set(imported), file


def _imports(line: str) -> bool:
    return line.strip().startswith(("import ", "from "))
