"""``make soak``, short."""

from __future__ import annotations

from tests.soak.series import killing, mixed

_SEED = 1


def test_hostile_and_honest_runs_in_a_row_leave_no_trace() -> None:
    mixed(300, _SEED, print)


def test_no_run_is_lost_while_processes_are_killed() -> None:
    killing(20, _SEED, print)
