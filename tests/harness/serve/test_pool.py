"""The pool, with a scripted engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from semi_instruct.engine import Cancellation, EngineClosed, InvalidRequest, Limits, Outcome, Program, Status
from semi_instruct.harness.serve.errors import NoSandboxes, Overloaded, Unavailable
from semi_instruct.harness.serve.pool import Pool, Ticket, with_deadline
from semi_instruct.harness.serve.work import Done, Work
from tests.timing import until


class ScriptedEngine:
    """An engine with one worker. Runs end when they are released or cancelled; the source decides how."""

    workers = 1
    trouble: str | None = None

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.order: list[str] = []

    def run(self, program: Program, *_: Any, cancellation: Cancellation | None = None, **__: Any) -> Outcome:
        source = str(program.source)
        self.order.append(source)
        while not self.go.acquire(timeout=0.005):
            if cancellation is not None and cancellation.cancelled:
                return Outcome(Status.CANCELLED)
        if source == "refused":
            raise InvalidRequest("no")
        if source == "closed":
            raise EngineClosed("closed")
        if source == "broken":
            raise RuntimeError("a bug")
        return Outcome(Status.OK, stdout=source.encode())


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def pool(engine: ScriptedEngine) -> Iterator[Pool]:
    made = Pool(engine, 3, lambda ticket, done: None)
    yield made
    made.close()


def _submit(pool: Pool, name: str, client: str = "a", **how: Any) -> Ticket:
    return pool.submit(Work(Program(name), Limits()), client, **how)


def _first_running(pool: Pool, engine: ScriptedEngine) -> Ticket:
    ticket = _submit(pool, "first", "other")
    assert until(lambda: engine.order == ["first"])
    return ticket


def test_without_sandboxes_new_runs_are_refused_and_others_go_on(pool: Pool, engine: ScriptedEngine) -> None:
    first, second = _first_running(pool, engine), _submit(pool, "second")
    engine.trouble = "no memory for filters"
    with pytest.raises(NoSandboxes, match="no memory for filters") as refused:
        _submit(pool, "third")
    assert (refused.value.status, (refused.value.retry_after_s or 0) >= 1) == (503, True)
    later = _submit(pool, "later", bounded=False)
    engine.trouble = None
    for _ in range(4):
        engine.go.release()
    taken = [each.future.result(5).outcome.stdout for each in (first, second, later, _submit(pool, "fourth"))]
    assert taken == [b"first", b"second", b"later", b"fourth"]


@pytest.mark.parametrize(
    ("wall_time", "asked", "timeout_s", "waited_s", "deadline"),
    [
        (10.0, None, None, 0.0, 50.0),
        (10.0, 20.0, None, 0.0, 20.0),
        (10.0, None, 29.0, 0.0, 29.0),
        (10.0, None, 29.0, 9.0, 20.0),
        (10.0, 15.0, 29.0, 9.0, 15.0),
        (10.0, None, 29.0, 25.0, 10.0),
        (10.0, None, 400.0, 0.0, 50.0),
        (80_000.0, None, None, 0.0, 86_400.0),
        (86_400.0, None, 5.0, 0.0, None),
        (None, None, None, 0.0, 15.0),
    ],
)
def test_no_run_outlasts_the_timeout_of_its_client(
    wall_time: float | None,
    asked: float | None,
    timeout_s: float | None,
    waited_s: float,
    deadline: float | None,
) -> None:
    limits = Limits(cpu_time=1.0, wall_time=wall_time, deadline=asked)
    assert with_deadline(Work(Program(""), limits, client_timeout_s=timeout_s), waited_s) == replace(
        limits, deadline=deadline
    )


def test_clients_take_turns(pool: Pool, engine: ScriptedEngine) -> None:
    _first_running(pool, engine)
    tickets = [_submit(pool, name, name[0]) for name in ("a1", "a2", "b1")]
    for _ in range(4):
        engine.go.release()
    assert [ticket.future.result(5).outcome.stdout for ticket in tickets] == [b"a1", b"a2", b"b1"]
    assert engine.order == ["first", "a1", "b1", "a2"]


def test_a_full_queue_refuses_or_evicts(pool: Pool, engine: ScriptedEngine) -> None:
    _first_running(pool, engine)
    greedy = [_submit(pool, f"g{number}", "greedy") for number in range(3)]
    with pytest.raises(Overloaded) as refused:
        _submit(pool, "g3", "greedy")
    assert (refused.value.retry_after_s or 0) >= 1
    _submit(pool, "m", "modest")
    with pytest.raises(Overloaded):
        greedy[2].future.result(5)
    assert pool.waiting == 3
    assert _submit(pool, "more", "greedy", bounded=False)


def test_queue_time_is_not_run_time(pool: Pool, engine: ScriptedEngine) -> None:
    asked_at = time.monotonic()
    first = _first_running(pool, engine)
    begun_at = time.monotonic()
    second = _submit(pool, "second")
    time.sleep(0.1)
    engine.go.release()
    engine.go.release()
    assert first.future.result(5).queue_s <= begun_at - asked_at
    assert second.future.result(5).queue_s >= 0.1


def test_a_run_that_is_cancelled_in_the_queue_never_starts(pool: Pool, engine: ScriptedEngine) -> None:
    _first_running(pool, engine)
    gone, stays = _submit(pool, "gone"), _submit(pool, "stays")
    gone.cancel()
    assert not gone.withdraw()
    for _ in range(2):
        engine.go.release()
    stays.future.result(5)
    assert engine.order == ["first", "stays"]
    assert gone.future.cancelled()


def test_cancelling_a_started_run_frees_the_worker(pool: Pool, engine: ScriptedEngine) -> None:
    first, second = _first_running(pool, engine), _submit(pool, "second")
    assert not first.withdraw()
    first.cancel()
    assert until(lambda: engine.order == ["first", "second"])
    engine.go.release()
    assert second.future.result(5).outcome.stdout == b"second"


@pytest.mark.parametrize(
    ("name", "error"), [("refused", InvalidRequest), ("closed", Unavailable), ("broken", RuntimeError)]
)
def test_an_exception_of_the_engine_fails_one_run_only(
    pool: Pool, engine: ScriptedEngine, name: str, error: type[Exception]
) -> None:
    ticket, after = _submit(pool, name), _submit(pool, "after")
    engine.go.release()
    engine.go.release()
    with pytest.raises(error):
        ticket.future.result(5)
    assert after.future.result(5).outcome.status is Status.OK


def test_draining_finishes_and_stopping_ends(pool: Pool, engine: ScriptedEngine) -> None:
    first, second = _first_running(pool, engine), _submit(pool, "second")
    pool.drain()
    with pytest.raises(Unavailable):
        _submit(pool, "late")
    engine.go.release()
    first.future.result(5)
    assert until(lambda: engine.order == ["first", "second"])
    pool.stop()
    with pytest.raises(Unavailable):
        second.future.result(5)
    assert until(lambda: pool.running == 0)


def test_every_end_is_reported_once(engine: ScriptedEngine) -> None:
    seen: list[Done] = []
    pool = Pool(engine, 10, lambda ticket, done: seen.append(done))
    tickets = [_submit(pool, str(number)) for number in range(4)]
    for _ in tickets:
        engine.go.release()
    for ticket in tickets:
        ticket.future.result(5)
    pool.close()
    assert [done.outcome.stdout for done in seen] == [b"0", b"1", b"2", b"3"]
