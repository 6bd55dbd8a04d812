"""Futures that end their run, many different requests, and the engine under asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from semi_instruct.engine import Cancellation, Engine, InvalidRequest, Limits, Program, RunRequest, Status
from tests.timing import allow_seconds, until

LONG = Limits(cpu_time=60, wall_time=120)
SPIN = Program("while True: pass")
DOUBLE = Program("print(int(input()) * 2)")
ADD = Program("def add(a, b): return a + b", entry="add")


@pytest.fixture(scope="module")
def pair() -> Iterator[Engine]:
    with Engine(workers=2) as engine:
        yield engine


def soon(started: float) -> bool:
    """Whether the time since is far below the limits of ``LONG``."""
    return time.monotonic() - started < allow_seconds(10)


def test_cancelling_a_future_ends_a_run_under_way(pair: Engine) -> None:
    started = time.monotonic()
    futures = [pair.submit(SPIN, limits=LONG) for _ in range(2)]
    assert until(lambda: all(future.running() for future in futures))
    time.sleep(0.1)
    assert all(future.cancel() for future in futures)
    assert [future.result(allow_seconds(10)).status for future in futures] == [Status.CANCELLED] * 2
    assert pair.run(DOUBLE, stdin=b"4").text == "8\n"
    assert soon(started)


def test_a_run_that_is_over_cannot_be_cancelled(pair: Engine) -> None:
    future = pair.submit(DOUBLE, stdin=b"4")
    assert future.result().ok
    assert not future.cancel()
    assert future.result().text == "8\n"


def test_a_cancellation_of_the_caller_ends_what_was_submitted_with_it(pair: Engine) -> None:
    with Cancellation() as cancellation:
        futures = [pair.submit(SPIN, limits=LONG, cancellation=cancellation) for _ in range(4)]
        assert until(lambda: futures[0].running())
        cancellation.cancel()
        assert {future.result(allow_seconds(10)).status for future in futures} == {Status.CANCELLED}


def test_many_different_requests(pair: Engine) -> None:
    requests = [RunRequest(DOUBLE, b"1"), RunRequest(ADD, args=(1, 2)), RunRequest(SPIN, limits=Limits(cpu_time=0.1))]
    outcomes = list(pair.run_many(requests * 3))
    assert [(outcome.text, outcome.value, outcome.status) for outcome in outcomes] == [
        ("2\n", None, Status.OK),
        ("", 3, Status.OK),
        ("", None, Status.TIME_LIMIT),
    ] * 3


def test_a_bad_request_among_many_is_raised_in_its_turn(pair: Engine) -> None:
    outcomes = pair.run_many([RunRequest(DOUBLE, b"1"), RunRequest(DOUBLE, args=(1,)), RunRequest(DOUBLE, b"2")])
    with pytest.raises(InvalidRequest, match="this one has none"):
        next(outcomes)


def test_leaving_many_requests_ends_those_that_are_ahead(pair: Engine) -> None:
    started = time.monotonic()
    for outcome in pair.run_many([RunRequest(DOUBLE, b"1"), *[RunRequest(SPIN, limits=LONG)] * 9]):
        assert outcome.ok
        break
    assert pair.run(DOUBLE, stdin=b"4").ok
    assert soon(started)


def test_awaiting_a_run(pair: Engine) -> None:
    async def both() -> list[str]:
        outcomes = await asyncio.gather(*(pair.arun(DOUBLE, b"%d" % number) for number in range(5)))
        return [outcome.text for outcome in outcomes]

    assert asyncio.run(both()) == [f"{2 * number}\n" for number in range(5)]


def test_cancelling_a_task_ends_its_run_and_frees_the_worker() -> None:
    async def cancelled() -> str:
        task = asyncio.create_task(engine.arun(SPIN, limits=LONG))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await engine.arun(DOUBLE, b"4")).text

    started = time.monotonic()
    with Engine(workers=1) as engine:
        assert asyncio.run(cancelled()) == "8\n"
    assert soon(started)


def test_the_event_loop_goes_on_meanwhile(pair: Engine) -> None:
    async def ticks() -> int:
        count = 0
        task = asyncio.create_task(pair.arun(Program("import time; time.sleep(0.5)")))
        while not task.done():
            count += 1
            await asyncio.sleep(0.01)
        return count

    assert asyncio.run(ticks()) > 5


def test_an_asynchronous_map_keeps_the_order_and_takes_endless_inputs(pair: Engine) -> None:
    program = Program("import time; n = int(input()); time.sleep(0.02 * (n % 3)); print(n)")

    async def numbers() -> AsyncIterator[RunRequest]:
        number = 0
        while True:
            yield RunRequest(program, b"%d" % number)
            number += 1

    async def first(outcomes: AsyncIterator[object]) -> list[int]:
        found: list[int] = []
        async for outcome in outcomes:
            found.append(int(outcome.text))  # type: ignore[attr-defined]  # of either generator
            if len(found) == 12:
                break
        await outcomes.aclose()  # type: ignore[attr-defined]
        return found

    assert asyncio.run(first(pair.arun_many(numbers()))) == list(range(12))
    assert asyncio.run(first(pair.amap(program, (b"%d" % number for number in range(12))))) == list(range(12))


def test_closing_an_asynchronous_map_ends_what_is_ahead(pair: Engine) -> None:
    async def one() -> None:
        outcomes = pair.arun_many([RunRequest(DOUBLE, b"1"), *[RunRequest(SPIN, limits=LONG)] * 3])
        assert (await anext(outcomes)).ok
        await outcomes.aclose()

    started = time.monotonic()
    asyncio.run(one())
    assert pair.run(DOUBLE, stdin=b"4").ok
    assert soon(started)
