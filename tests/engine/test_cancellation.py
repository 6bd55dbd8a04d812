"""A run that nobody waits for any more ends at once, and costs the engine nothing."""

from __future__ import annotations

import os
import threading
import time

import psutil
import pytest

from semi_instruct.engine import Cancellation, Engine, Limits, Program, Status
from tests.engine_processes import HELD, await_programs
from tests.timing import allow_seconds

LIMITS = Limits(cpu_time=60, wall_time=60)
_SPINS = "import os, time\nif os.fork() == 0: time.sleep(1000)\nwhile True: pass"
_WITH_CHILDREN = "import os\nfor _ in range(4): os.fork()\nwhile True: pass"


@pytest.mark.parametrize("source", [_SPINS, str(HELD.source).replace("input()", "60"), _WITH_CHILDREN])
def test_a_cancelled_run_ends_with_all_its_processes_and_the_worker_goes_on(source: str) -> None:
    with Engine(workers=1) as engine, Cancellation() as cancellation:
        assert engine.run(Program("print(1)")).status is Status.OK
        worker = next(iter(engine._pool.alive))
        cancelled_at: list[float] = []

        def cancel_what_runs() -> None:
            await_programs(engine)
            cancelled_at.append(time.monotonic())
            cancellation.cancel()

        canceller = threading.Thread(target=cancel_what_runs)
        canceller.start()
        outcome = engine.run(Program(source), limits=LIMITS, cancellation=cancellation)
        ended_at = time.monotonic()
        canceller.join()
        assert 0 <= ended_at - cancelled_at[0] < allow_seconds(2)
        assert outcome.status is Status.CANCELLED
        assert engine.run(Program("print(2)")).stdout == b"2\n"
        assert list(engine._pool.alive) == [worker]
        assert engine.discarded_workers == 0
        below = psutil.Process(worker.pid).children(recursive=True)
        programs = [each for each in below if each.uids().real != os.geteuid()]
        assert len(programs) <= 1  # the sandbox of the next run


def test_a_run_that_was_cancelled_before_it_began_ends_at_once(engine: Engine) -> None:
    with Cancellation() as cancellation:
        cancellation.cancel()
        before = engine.discarded_workers
        outcome = engine.run(Program("while True: pass"), limits=LIMITS, cancellation=cancellation)
    assert (outcome.status, outcome.wall_time_s) == (Status.CANCELLED, 0.0)
    assert cancellation.cancelled
    assert engine.discarded_workers == before


def test_a_run_that_has_ended_keeps_its_outcome_and_later_words_do_nothing(engine: Engine) -> None:
    cancellation = Cancellation()
    outcome = engine.run(Program("print(1)"), cancellation=cancellation)
    cancellation.cancel()
    assert outcome.status is Status.OK
    cancellation.close()
    cancellation.cancel()
    cancellation.close()


def test_cancellations_leave_no_descriptor(engine: Engine) -> None:
    engine.run(Program("print(1)"))
    before = len(os.listdir("/proc/self/fd"))
    for number in range(20):
        with Cancellation() as cancellation:
            timer = threading.Timer(number * 0.005, cancellation.cancel)
            timer.start()
            engine.run(Program("while True: pass"), limits=LIMITS, cancellation=cancellation)
            timer.join()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_discarded_workers_are_counted() -> None:
    with Engine(workers=1) as engine:
        [worker] = engine._pool.alive
        [jail] = [each for each in psutil.Process(worker.pid).children() if each.name() == "nsjail"]
        jail.kill()
        assert engine.run(Program("print(1)")).stdout == b"1\n"
        assert engine.discarded_workers == 1
