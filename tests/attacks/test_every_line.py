"""No line of the list of hostile programs is forgotten."""

from __future__ import annotations

import importlib
import re

import pytest

LINES = {"a": 43, "b": 33, "c": 20, "d": 10, "e": 28, "f": 7, "g": 12, "h": 12, "l": 4}
_MODULES = {
    "a": "test_a_resources",
    "b": "test_b_processes",
    "c": "test_c_files",
    "d": "test_d_network",
    "e": "test_e_verdicts",
    "f": "test_f_python",
    "g": "test_g_zygote",
    "h": "test_h_service",
    "l": "test_l_surroundings",
}


@pytest.mark.parametrize("section", LINES)
def test_every_line_has_its_test_or_says_why_it_does_not_apply(section: str) -> None:
    module = importlib.import_module(f"tests.attacks.{_MODULES[section]}")
    tested = {match[1] for name in dir(module) if (match := re.match(rf"test_({section}\d\d)_", name))}
    excused: dict[str, str] = module.DOES_NOT_APPLY
    assert tested | set(excused) == {f"{section}{number:02}" for number in range(1, LINES[section] + 1)}
    assert not tested & set(excused)
    assert all(len(reason.split()) > 4 for reason in excused.values())
