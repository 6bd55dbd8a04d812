"""Limits of whatever numbers: refused as InvalidRequest, or in force."""

from __future__ import annotations

import contextlib
import math
from dataclasses import fields
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from semi_instruct.engine import Engine, InvalidRequest, Limits, Program, Status
from semi_instruct.engine.limits import MIB
from tests.fuzz.example_counts import examples

_NAMES = [field.name for field in fields(Limits)]
_objects = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 10**8)
    | st.floats()
    | st.floats(0, 1e5)
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.lists(st.integers(), max_size=2)
    | st.complex_numbers()
)
_valid = st.builds(
    Limits,
    cpu_time=st.floats(0.001, 86_400) | st.floats(0.001, 0.1),
    wall_time=st.none() | st.floats(0.001, 86_400) | st.floats(0.001, 0.1),
    memory=st.integers(16 * MIB, 1 << 46) | st.integers(16 * MIB, 24 * MIB),
    output=st.integers(0, 1 << 34) | st.integers(0, 10),
    file_size=st.integers(0, 1 << 46) | st.integers(0, 100),
    processes=st.integers(1, 100_000) | st.integers(1, 3),
    open_files=st.integers(8, 1_000_000) | st.integers(8, 12),
)


@examples(300)
@given(wanted=st.dictionaries(st.sampled_from(_NAMES), _objects))
def test_any_objects_make_limits_or_are_refused(wanted: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidRequest):  # refused, and by nothing else
        made = Limits(**wanted)
        assert 0 < made.wall_seconds <= 2 * 86_400 + 1
        for name in _NAMES:
            value = getattr(made, name)
            assert (name in ("wall_time", "deadline") and value is None) or (
                type(value) in (int, float) and math.isfinite(value)
            )


@examples(60)
@given(limits=_valid)
def test_a_trivial_program_under_any_limits_ends_as_they_say(engine: Engine, limits: Limits) -> None:
    outcome = engine.run(Program("print('12345')"), limits=limits)
    expected = {Status.OK} if limits.output >= 6 else {Status.OUTPUT_LIMIT}
    if min(limits.cpu_time, limits.wall_seconds) < 0.5:  # it may or may not have had time enough
        expected |= {Status.TIME_LIMIT}
    assert outcome.status in expected, outcome
    assert outcome.stdout == b"12345\n"[: limits.output] or outcome.status is Status.TIME_LIMIT
