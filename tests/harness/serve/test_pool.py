"""The pool, with an engine that does what it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from semi_instruct.engine import Cancellation, EngineClosed, InvalidProgram, Limits, Outcome, Program, Status
from semi_instruct.harness.serve.errors import NoSandboxes, Overloaded, Unavailable
from semi_instruct.harness.serve.pool import Pool, Ticket, with_deadline
from semi_instruct.harness.serve.work import Done, Work
from tests.patience import until


class Told:
    """An engine with one worker. Runs end when they are let go, or cancelled; the source says how."""

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
                return Outcome(Status.SANDBOX_ERROR, detail="cancelled")
        if source == "refused":
            raise InvalidProgram("no")
        if source == "closed":
            raise EngineClosed("closed")
        if source == "broken":
            raise RuntimeError("a fault of ours")
        return Outcome(Status.OK, stdout=source.encode())


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def pool(told: Told) -> Iterator[Pool]:
    made = Pool(told, 3, lambda ticket, done: None)
    yield made
    made.close()


def _ask(pool: Pool, name: str, client: str = "a", **how: Any) -> Ticket:
    return pool.submit(Work(Program(name), Limits()), client, **how)


def _first_running(pool: Pool, told: Told) -> Ticket:
    ticket = _ask(pool, "first", "somebody")
    assert until(lambda: told.order == ["first"])
    return ticket


def test_in_trouble_nothing_new_is_taken_but_what_has_a_place_goes_on(pool: Pool, told: Told) -> None:
    first, second = _first_running(pool, told), _ask(pool, "second")
    told.trouble = "no memory for filters"
    with pytest.raises(NoSandboxes, match="no memory for filters") as refused:
        _ask(pool, "third")
    assert (refused.value.status, (refused.value.retry_after_s or 0) >= 1) == (503, True)
    later = _ask(pool, "later", bounded=False)
    told.trouble = None
    for _ in range(4):
        told.go.release()
    taken = [each.future.result(5).outcome.stdout for each in (first, second, later, _ask(pool, "fourth"))]
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


def test_clients_take_turns(pool: Pool, told: Told) -> None:
    _first_running(pool, told)
    tickets = [_ask(pool, name, name[0]) for name in ("a1", "a2", "b1")]
    for _ in range(4):
        told.go.release()
    assert [ticket.future.result(5).outcome.stdout for ticket in tickets] == [b"a1", b"a2", b"b1"]
    assert told.order == ["first", "a1", "b1", "a2"]


def test_beyond_the_bound_it_is_later_and_a_modest_client_takes_a_greedy_ones_place(pool: Pool, told: Told) -> None:
    _first_running(pool, told)
    greedy = [_ask(pool, f"g{number}", "greedy") for number in range(3)]
    with pytest.raises(Overloaded) as refused:
        _ask(pool, "g3", "greedy")
    assert (refused.value.retry_after_s or 0) >= 1
    _ask(pool, "m", "modest")
    with pytest.raises(Overloaded):
        greedy[2].future.result(5)
    assert pool.waiting == 3
    assert _ask(pool, "more", "greedy", bounded=False)


def test_waiting_is_told_apart_from_running(pool: Pool, told: Told) -> None:
    asked_at = time.monotonic()
    first = _first_running(pool, told)
    begun_at = time.monotonic()
    second = _ask(pool, "second")
    time.sleep(0.1)
    told.go.release()
    told.go.release()
    assert first.future.result(5).queue_s <= begun_at - asked_at
    assert second.future.result(5).queue_s >= 0.1


def test_who_leaves_the_queue_is_never_run(pool: Pool, told: Told) -> None:
    _first_running(pool, told)
    gone, stays = _ask(pool, "gone"), _ask(pool, "stays")
    gone.cancel()
    assert not gone.withdraw()
    for _ in range(2):
        told.go.release()
    stays.future.result(5)
    assert told.order == ["first", "stays"]
    assert gone.future.cancelled()


def test_who_leaves_while_running_frees_the_worker(pool: Pool, told: Told) -> None:
    first, second = _first_running(pool, told), _ask(pool, "second")
    assert not first.withdraw()
    first.cancel()
    assert until(lambda: told.order == ["first", "second"])
    told.go.release()
    assert second.future.result(5).outcome.stdout == b"second"


@pytest.mark.parametrize(
    ("name", "error"), [("refused", InvalidProgram), ("closed", Unavailable), ("broken", RuntimeError)]
)
def test_an_engine_that_raises_tells_who_asked_and_goes_on(
    pool: Pool, told: Told, name: str, error: type[Exception]
) -> None:
    ticket, after = _ask(pool, name), _ask(pool, "after")
    told.go.release()
    told.go.release()
    with pytest.raises(error):
        ticket.future.result(5)
    assert after.future.result(5).outcome.status is Status.OK


def test_draining_finishes_and_stopping_ends(pool: Pool, told: Told) -> None:
    first, second = _first_running(pool, told), _ask(pool, "second")
    pool.drain()
    with pytest.raises(Unavailable):
        _ask(pool, "late")
    told.go.release()
    first.future.result(5)
    assert until(lambda: told.order == ["first", "second"])
    pool.stop()
    with pytest.raises(Unavailable):
        second.future.result(5)
    assert until(lambda: pool.running == 0)


def test_every_end_is_reported_once(told: Told) -> None:
    seen: list[Done] = []
    pool = Pool(told, 10, lambda ticket, done: seen.append(done))
    tickets = [_ask(pool, str(number)) for number in range(4)]
    for _ in tickets:
        told.go.release()
    for ticket in tickets:
        ticket.future.result(5)
    pool.close()
    assert [done.outcome.stdout for done in seen] == [b"0", b"1", b"2", b"3"]
