"""The pool of workers when threads cannot be started, and while it is closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from semi_instruct.engine import EngineClosed, SandboxUnavailable, pool
from semi_instruct.engine.pool import WorkerPool
from semi_instruct.engine.shortage import Shortage
from tests.timing import allow_seconds


class Worker:
    """A worker that does nothing."""

    def __init__(self, _: Any) -> None:
        self.broken = False
        self.unfinished = False
        self.is_closed = False
        self.recovered = threading.Event()

    def recover(self) -> None:
        self.recovered.set()

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., WorkerPool]]:
    class Plan:
        isolation = ("all",)
        hierarchy = None

    monkeypatch.setattr(pool, "_worker_plan", lambda *_: Plan())
    monkeypatch.setattr(pool.worker, "Worker", Worker)
    monkeypatch.setattr(pool.probe, "prove", lambda *_, **__: None)
    opened: list[WorkerPool] = []

    def open_pool(size: int = 1) -> WorkerPool:
        opened.append(WorkerPool(size, None, Shortage(1.0), allow_degraded=False))
        return opened[-1]

    yield open_pool
    for each in opened:
        each.close()


def no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)


def test_a_worker_is_recovered_though_no_thread_can_be_started(
    workers: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = workers()
    taken: Any = opened.take(None)
    taken.unfinished = True
    no_more_threads(monkeypatch)
    opened.give_back()
    assert taken.recovered.is_set()
    assert opened.take(None) is taken
    taken.unfinished = False
    opened.give_back()


def test_a_broken_worker_is_closed_though_no_thread_can_be_started(
    workers: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = workers()
    taken: Any = opened.take(None)
    taken.broken = True
    no_more_threads(monkeypatch)
    opened.give_back()
    assert taken.is_closed
    assert opened.discarded == 1
    assert opened.take(None) is not taken
    opened.give_back()


def test_others_take_workers_while_one_is_closed_without_a_thread(
    workers: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = workers(2)
    taken: Any = opened.take(None)
    others: list[Any] = []

    def close() -> None:
        other = threading.Thread(target=lambda: (others.append(opened.take(None)), opened.give_back()))
        start(other)
        other.join(allow_seconds(5))

    taken.broken, taken.close = True, close
    start = threading.Thread.start
    no_more_threads(monkeypatch)
    opened.give_back()
    assert len(others) == 1


def test_closing_waits_for_a_worker_that_is_being_started(
    workers: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = workers()
    taken: Any = opened.take(None)
    taken.broken = True
    opened.give_back()
    begun, made = threading.Event(), []

    class Slow(Worker):
        def __init__(self, plan: Any) -> None:
            super().__init__(plan)
            begun.set()
            time.sleep(0.2)
            made.append(self)

    monkeypatch.setattr(pool.worker, "Worker", Slow)

    def take() -> None:
        with pytest.raises(EngineClosed):
            opened.take(None)

    taker = threading.Thread(target=take)
    taker.start()
    assert begun.wait(allow_seconds(5))
    opened.close()
    assert made
    assert made[0].is_closed
    taker.join()


def test_nothing_is_started_after_closing(workers: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch) -> None:
    opened = workers()
    opened.close()

    def refuse(_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(pool.worker, "Worker", refuse)
    with pytest.raises(EngineClosed):
        opened.take(None)


def test_a_failed_start_leaves_no_worker(workers: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Failing(Worker):
        def __init__(self, plan: Any) -> None:
            if made:
                raise SandboxUnavailable("jail", "no memory", "free some")
            super().__init__(plan)
            made.append(self)

    monkeypatch.setattr(pool.worker, "Worker", Failing)
    with pytest.raises(SandboxUnavailable):
        workers(2)
    assert [each.is_closed for each in made] == [True]
