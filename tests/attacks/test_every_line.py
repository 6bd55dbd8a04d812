"""No line of the list of hostile programs is forgotten."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

LINES = {"a": 43, "b": 33, "c": 20, "d": 10, "e": 28, "f": 7, "g": 12, "h": 12, "i": 14, "j": 7, "k": 6, "l": 4}


@pytest.mark.parametrize("section", LINES)
def test_every_line_has_its_test_or_says_why_it_does_not_apply(section: str) -> None:
    # A section may be about several parts of the product, each with a file of tests.
    files = sorted(Path(__file__).parent.glob(f"test_{section}_*.py"))
    modules = [importlib.import_module(f"tests.attacks.{file.stem}") for file in files]
    names = [name for module in modules for name in dir(module)]
    tested = {match[1] for name in names if (match := re.match(rf"test_({section}\d\d)_", name))}
    excused: dict[str, str] = {}
    for module in modules:
        excused |= getattr(module, "DOES_NOT_APPLY", {})
    assert tested | set(excused) == {f"{section}{number:02}" for number in range(1, LINES[section] + 1)}
    assert not tested & set(excused)
    assert all(len(reason.split()) > 4 for reason in excused.values())
