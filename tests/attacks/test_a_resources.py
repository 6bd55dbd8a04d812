"""A: resource exhaustion."""

from __future__ import annotations

from engine import Status
from tests.attacks.conftest import Arena
from tests.patience import patient

DOES_NOT_APPLY: dict[str, str] = {}


def test_a01_fork_bomb(arena: Arena) -> None:
    outcome = arena.attack("import os\nwhile True: os.fork()")
    assert outcome.status in {Status.PROCESS_LIMIT, Status.TIME_LIMIT}


def test_a25_sleeps_for_ever(arena: Arena) -> None:
    outcome = arena.attack("import time\ntime.sleep(10**6)")
    assert outcome.status is Status.TIME_LIMIT
    assert patient(1.5) <= outcome.wall_time_s < patient(1.6)
