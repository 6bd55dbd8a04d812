"""``docs/how-to/add-a-comparison.md`` can be followed: its files exist, and its steps are enough for a new kind."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import msgspec
import pytest

from semi_instruct.harness.compare import comparison, specification
from semi_instruct.harness.compare.comparison import OUTPUT_KINDS, VALUE_KINDS, ComparisonKind

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/how-to/add-a-comparison.md").read_text()
SOURCE = (ROOT / "harness/compare/comparison.py").read_text()


def replaced(source: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


def test_the_files_and_names_of_the_page_exist() -> None:
    paths = re.findall(r"`((?:harness|tests|docs)/[^`]+)`", PAGE)
    assert len(paths) >= 7
    for path in paths:
        assert (ROOT / path).exists(), path
    for name in ("ComparisonKind", "OUTPUT_KINDS", "VALUE_KINDS", "MEASURING_KINDS", "WORD_KINDS", "Comparison"):
        assert name in PAGE
        assert hasattr(comparison, name)


def test_every_kind_has_taken_the_steps() -> None:
    table = (ROOT / "docs/comparison.md").read_text()
    cases = (ROOT / "tests/harness/compare/test_comparison.py").read_text()
    for kind in get_args(ComparisonKind):
        assert kind in OUTPUT_KINDS + VALUE_KINDS
        assert f'case "{kind}":' in SOURCE
        assert re.search(rf"^\| `{kind}`", table, re.MULTILINE), kind
        assert kind == "checker" or f'"{kind}"' in cases, kind


def test_the_first_two_steps_make_a_new_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("comparison_with_one_more_kind")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    source = replaced(
        SOURCE,
        ('ComparisonKind = Literal["exact",', 'ComparisonKind = Literal["first_word", "exact",'),
        ('= ("exact", "lines", "tokens", "unordered_lines", "checker")\n', '= ("first_word", "exact", "lines")\n'),
        (
            "        match self.kind:\n",
            '        match self.kind:\n            case "first_word":\n'
            "                return bool(expected.split()[:1] == actual.split()[:1])\n",
        ),
    )
    exec(compile(source, "comparison.py", "exec"), vars(module))
    monkeypatch.setattr(specification, "Comparison", module.Comparison)
    stated = specification.resolve_comparison("first_word", "stdin")
    assert stated.agree(b"yes 1\n", b"yes 2\n")
    assert not stated.agree(b"yes\n", b"no\n")
    with pytest.raises(msgspec.ValidationError):
        specification.resolve_comparison("last_word", "stdin")
