"""No line of the list of hostile programs is forgotten."""

from __future__ import annotations

import importlib
import re

import pytest

LINES = {"a": 43, "b": 33, "c": 20, "d": 10, "e": 28, "f": 7, "g": 12, "h": 12, "j": 7}
_MODULES = {
    "a": "test_a_resources",
    "b": "test_b_processes",
    "c": "test_c_files",
    "d": "test_d_network",
    "e": "test_e_verdicts",
    "f": "test_f_python",
    "g": "test_g_zygote",
    "h": "test_h_service",
    "j": "test_j_excuses",
}
# Where a section is about two parts of the product, the tests of its lines may be in either.
_SECOND_MODULES = {"j": "test_j_engine"}


@pytest.mark.parametrize("section", LINES)
def test_every_line_has_its_test_or_says_why_it_does_not_apply(section: str) -> None:
    names = [_MODULES[section], *filter(None, [_SECOND_MODULES.get(section)])]
    modules = [importlib.import_module(f"tests.attacks.{name}") for name in names]
    tests = {name for module in modules for name in dir(module)}
    tested = {match[1] for name in tests if (match := re.match(rf"test_({section}\d\d)_", name))}
    excused: dict[str, str] = modules[0].DOES_NOT_APPLY
    assert tested | set(excused) == {f"{section}{number:02}" for number in range(1, LINES[section] + 1)}
    assert not tested & set(excused)
    assert all(len(reason.split()) > 4 for reason in excused.values())
