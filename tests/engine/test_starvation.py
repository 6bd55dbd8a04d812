"""Time in which a run was ready and got no core does not count against its wall limit."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from semi_instruct.engine import Cancellation, Engine, InvalidRequest, Limits, Program, Status, cgroup
from tests.timing import allow_seconds, until

_SLEEP = Program("import time\ntime.sleep(float(input()))\nprint('done')")
_WORK_CPU_S = 0.5
_WORK = Program(f"import time\nwhile time.process_time() < {_WORK_CPU_S}: pass\nprint('done')")
_SPIN = Program("while True: pass")


@pytest.fixture
def starved(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine on a machine that gives each group a core in one second of two."""
    monkeypatch.setattr(cgroup.Group, "starved_s", lambda _: time.monotonic() / 2)
    with Engine(workers=1) as engine:
        yield engine


def test_the_limit_is_extended_by_it(starved: Engine) -> None:
    outcome = starved.run(_SLEEP, stdin=b"1.2", limits=Limits(wall_time=0.8))
    assert (outcome.status, outcome.stdout) == (Status.OK, b"done\n")
    assert 0.4 <= outcome.wall_extension_s <= 0.8 + allow_seconds(0.2)


def test_at_most_as_long_as_the_deadline(starved: Engine) -> None:
    outcome = starved.run(_SLEEP, stdin=b"9", limits=Limits(wall_time=0.8, deadline=1.1))
    assert outcome.status is Status.TIME_LIMIT
    assert outcome.wall_extension_s == pytest.approx(0.3)
    assert 1.1 <= outcome.wall_time_s < 1.1 + allow_seconds(0.5)
    assert outcome.detail == "wall time of 0.8 s, and 0.3 s in which it got no core"


def test_at_most_fivefold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup.Group, "starved_s", lambda _: 100 * time.monotonic())
    with Engine(workers=1) as engine:
        outcome = engine.run(_SLEEP, stdin=b"9", limits=Limits(wall_time=0.3, deadline=60))
    assert outcome.status is Status.TIME_LIMIT
    assert 1.5 <= outcome.wall_time_s < 1.5 + allow_seconds(0.5)


def test_a_run_in_time_says_nothing_of_it(starved: Engine) -> None:
    assert starved.run(_SLEEP, stdin=b"0", limits=Limits(wall_time=allow_seconds(5))).wall_extension_s == 0.0


def test_where_it_is_not_told_nothing_is_extended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup.Group, "starved_s", lambda _: None)
    with Engine(workers=1) as engine:
        outcome = engine.run(_SLEEP, stdin=b"9", limits=Limits(wall_time=0.3))
    assert (outcome.status, outcome.wall_extension_s) == (Status.TIME_LIMIT, 0.0)


def test_who_sleeps_is_not_starved(engine: Engine) -> None:
    outcome = engine.run(_SLEEP, stdin=b"30", limits=Limits(wall_time=0.5))
    assert outcome.status is Status.TIME_LIMIT
    assert outcome.wall_extension_s < allow_seconds(0.4)


def test_on_a_machine_that_is_really_busy() -> None:
    """Nine runs that compute share the cores, each in a group of its own; the limit leaves room for a slow machine."""
    if not cgroup.find().has_pressure:
        pytest.skip("this kernel does not tell how long a group got no core (no cpu.pressure)")
    cores = len(os.sched_getaffinity(0))
    others = 4 * cores
    wall = 2 * _WORK_CPU_S
    enough = Cancellation()
    with Engine(workers=others + 1) as engine, ThreadPoolExecutor(others) as side:
        try:
            for _ in range(others):
                side.submit(engine.run, _SPIN, limits=Limits(wall_time=60, cpu_time=60), cancellation=enough)
            assert until(lambda: len(engine._pool.taken) == others)
            outcome = engine.run(_WORK, limits=Limits(wall_time=wall, cpu_time=allow_seconds(5), deadline=60))
        finally:
            enough.cancel()
    assert (outcome.status, outcome.stdout) == (Status.OK, b"done\n"), outcome
    assert outcome.wall_time_s > wall, "the machine was not busy"
    assert outcome.wall_time_s < wall + outcome.wall_extension_s + allow_seconds(0.5)


def test_a_worker_has_one_share_of_the_cores(engine: Engine) -> None:
    """However many sessions its run makes: autogroups (sched(7)) are for tasks that are in no group of their own."""
    hierarchy = cgroup.find()
    if hierarchy.version == 1 and "cpu" not in hierarchy.parents:
        pytest.skip("the cpu controller cannot be had here")
    for worker in engine._pool.alive:
        told = Path(f"/proc/{worker._slot.zygote}/cgroup").read_text().splitlines()
        groups = [
            path for _, names, path in (line.split(":", 2) for line in told) if names in ("cpu", "cpu,cpuacct", "")
        ]
        assert any(cgroup.PREFIX in path for path in groups), told


def test_a_deadline_that_is_no_number_is_refused() -> None:
    for bad in (0, -1, float("nan"), float("inf"), "5", True):
        with pytest.raises(InvalidRequest, match="deadline"):
            Limits(deadline=bad)  # type: ignore[arg-type]  # what a caller may pass all the same


def test_the_deadline_is_never_before_the_wall_limit() -> None:
    assert Limits(wall_time=10, deadline=1).deadline_seconds == 10
