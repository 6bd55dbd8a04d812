"""No line of the list of hostile programs is forgotten."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

# K05 and K06 are about the machine and come with the tests of what waits for it.
LINES = {"a": 43, "b": 33, "c": 20, "d": 10, "e": 28, "f": 7, "g": 12, "h": 12, "k": 4}
_HERE = Path(__file__).parent
_NAME = re.compile(r"test_([a-z]\d\d)_")


@pytest.mark.parametrize("section", LINES)
def test_every_line_has_its_test_or_says_why_it_does_not_apply(section: str) -> None:
    names = sorted(path.stem for path in _HERE.glob(f"test_{section}_*.py"))
    modules = [importlib.import_module(f"tests.attacks.{name}") for name in names]
    tested = {match[1] for module in modules for name in dir(module) if (match := _NAME.match(name))}
    tested = {line for line in tested if line.startswith(section)}
    excused: dict[str, str] = {}
    for module in modules:
        excused |= getattr(module, "DOES_NOT_APPLY", {})
    assert tested | set(excused) == {f"{section}{number:02}" for number in range(1, LINES[section] + 1)}
    assert not tested & set(excused)
    assert all(len(reason.split()) > 4 for reason in excused.values())
