"""The workers and those who wait for them: fair, bounded, and able to let go of what nobody waits for."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from semi_instruct.engine import Cancellation, EngineClosed, Limits, Outcome, Program, Status
from semi_instruct.harness.serve.fair_queue import FairQueue, Full
from semi_instruct.harness.serve.files import carried, unpacked
from semi_instruct.harness.serve.refusals import NoSandboxes, Overloaded, Unavailable
from semi_instruct.harness.serve.work import Done, Work

_LONGEST_RETRY_S = 60
_WEIGHT_OF_LATEST = 0.1
_FIRST_GUESS_S = 0.1
_MOST_EXTENDED = 5  # times the wall limit, as ``Limits.deadline`` says
_LONGEST_LIMIT_S = 86_400.0
_ENDING_S = 2.0  # from a run's last moment to its outcome


class Runner(Protocol):
    """What is asked of an engine."""

    @property
    def workers(self) -> int:
        """How many runs it does at one time."""

    @property
    def trouble(self) -> str | None:
        """Why no run can be begun at the moment; None when all is well."""

    def run(
        self,
        program: Program,
        stdin: bytes = b"",
        args: Sequence[Any] = (),
        limits: Limits = ...,
        *,
        determinism: str = ...,
        clock: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> Outcome:
        """Run a program."""


class Ticket:
    """A run that waits, runs or has ended. Its ``future`` holds what came of it: ``Done``, or a ``Refusal``."""

    def __init__(self, pool: Pool, work: Work, client: str) -> None:
        self.future: Future[Done] = Future()
        self.luggage = work.luggage
        self.run = carried(work)
        self.client = client
        self.asked_at = time.monotonic()
        self.started_at: float | None = None
        self.cancellation: Cancellation | None = None  # while it runs
        self.given_up = False
        self._pool = pool

    @property
    def trouble(self) -> str | None:
        """See ``Pool.trouble``."""
        return self._pool.trouble

    def cannot_be_running(self) -> bool:
        """Whether it had a worker's turn for longer than any run of it can take: it waits for a sandbox."""
        if self.started_at is None:
            return False
        longest = within_patience(self.run, self.started_at - self.asked_at).deadline
        return longest is not None and time.monotonic() > self.started_at + longest + _ENDING_S

    def withdraw(self) -> bool:
        """Give up the place in the queue; whether it still had one. What runs is left running."""
        return self._pool.withdraw(self)

    def cancel(self) -> None:
        """Nobody waits for it: take it out of the queue, or end it. Too late is fine."""
        self._pool.cancel(self)


class Pool:
    """Does runs on an engine, as many at a time as it has workers, the clients in turns.

    Args:
        engine: stays the caller's to close, after the pool.
        bound: how many runs may wait.
        on_done: told of every run that has ended, on the thread that did it.
    """

    def __init__(self, engine: Runner, bound: int, on_done: Callable[[Ticket, Done], None]) -> None:
        self._engine = engine
        self._on_done = on_done
        self._changed = threading.Condition()
        self._queue: FairQueue[Ticket] = FairQueue(bound)
        self._running: set[Ticket] = set()
        self._draining = self._closed = False
        self._mean_s = _FIRST_GUESS_S
        self._threads = [
            threading.Thread(target=self._serve, name=f"semi-instruct-{number}") for number in range(engine.workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def workers(self) -> int:
        """How many runs are done at one time."""
        return len(self._threads)

    @property
    def waiting(self) -> int:
        """How many runs wait."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """How many runs are under way."""
        return len(self._running)

    @property
    def trouble(self) -> str | None:
        """Why no run can be begun at the moment; None when all is well."""
        return self._engine.trouble

    @property
    def draining(self) -> bool:
        """Whether new runs are refused because the service is ending."""
        return self._draining

    @property
    def retry_after_s(self) -> int:
        """Seconds until a place is likely to be free: what waits now, at the pace of late."""
        expected = self._mean_s * (len(self._queue) + 1) / len(self._threads)
        return min(max(math.ceil(expected), 1), _LONGEST_RETRY_S)

    def submit(self, work: Work, client: str, *, bounded: bool = True) -> Ticket:
        """Let a run wait for its turn.

        Args:
            client: whose turn it is to be.
            bounded: whether it needs a place among those that may wait. Not for what has one already: later runs of a
                batch, of which only a few are handed in at a time.

        Raises:
            Overloaded: no place. It may also come later, in the ticket's future: see ``FairQueue``.
            Unavailable: the service is ending, or no sandbox can be started and the run has no place yet.
            Unusable: luggage that its limits do not allow.
        """
        ticket = Ticket(self, work, client)
        with self._changed:
            if self._draining:
                raise Unavailable("the service is ending: ask again, or another one", 1)
            if bounded and (trouble := self._engine.trouble) is not None:
                raise NoSandboxes(trouble)
            try:
                ousted = self._queue.put(client, ticket, bounded=bounded)
            except Full:
                raise self._overloaded() from None
            self._changed.notify()
        if ousted is not None:
            _settle(ousted.future, self._overloaded())
        return ticket

    def withdraw(self, ticket: Ticket) -> bool:
        """See ``Ticket.withdraw``."""
        with self._changed:
            return self._queue.remove(ticket.client, ticket)

    def cancel(self, ticket: Ticket) -> None:
        """See ``Ticket.cancel``."""
        with self._changed:
            ticket.given_up = True
            self._queue.remove(ticket.client, ticket)
            if ticket.cancellation is not None:
                ticket.cancellation.cancel()
        ticket.future.cancel()

    def drain(self) -> None:
        """Take nothing new. What waits and runs goes on."""
        with self._changed:
            self._draining = True

    def stop(self) -> None:
        """Take nothing new, refuse what waits, end what runs."""
        refused = []
        with self._changed:
            self._draining = True
            while (ticket := self._queue.take()) is not None:
                refused.append(ticket)
            for ticket in self._running:
                ticket.given_up = True
                if ticket.cancellation is not None:
                    ticket.cancellation.cancel()
        for ticket in refused:
            _settle(ticket.future, Unavailable("the service has ended; nothing was run", 1))

    def close(self) -> None:
        """``stop``, and wait until nothing runs any more."""
        self.stop()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while (ticket := self._next()) is not None:
            try:
                done = self._do(ticket)
            except BaseException as error:  # whatever it is, the next run is none the worse for it
                _settle(ticket.future, error)
            else:
                self._on_done(ticket, done)
                _settle(ticket.future, done)
            finally:
                with self._changed:
                    self._running.discard(ticket)

    def _next(self) -> Ticket | None:
        with self._changed:
            while (ticket := self._queue.take()) is None:
                if self._closed:
                    return None
                self._changed.wait()
            self._running.add(ticket)
            return ticket

    def _do(self, ticket: Ticket) -> Done:
        started = time.monotonic()
        queue_s = started - ticket.asked_at
        ticket.started_at = started
        try:
            with Cancellation() as cancellation:
                with self._changed:
                    ticket.cancellation = cancellation
                    if ticket.given_up:
                        cancellation.cancel()
                run = replace(ticket.run, limits=within_patience(ticket.run, queue_s))
                outcome = self._run(run, cancellation)
                with self._changed:
                    ticket.cancellation = None
        except EngineClosed:
            raise Unavailable("the service is ending: ask again, or another one", 1) from None
        except OSError as error:  # out of descriptors or memory
            outcome = Outcome(Status.SANDBOX_ERROR, detail=str(error))
        self._mean_s += _WEIGHT_OF_LATEST * (time.monotonic() - started - self._mean_s)
        if ticket.given_up and outcome.status in (Status.CANCELLED, Status.SANDBOX_ERROR):
            raise Unavailable("the run was ended before its time", 1)
        return replace(unpacked(outcome, ticket.luggage), queue_s=queue_s)

    def _run(self, run: Work, cancellation: Cancellation) -> Outcome:
        return self._engine.run(
            run.program,
            run.stdin,
            run.args,
            run.limits,
            determinism=run.determinism,
            clock=run.clock,
            cancellation=cancellation,
        )

    def _overloaded(self) -> Overloaded:
        wait = self.retry_after_s
        return Overloaded(f"{len(self._queue)} runs wait, as many as may: ask again in {wait} s", wait)


def within_patience(run: Work, waited_s: float) -> Limits:
    """The limits of a run, with the deadline after which its client would no longer be there, or none may be extended.

    Args:
        waited_s: how much of the client's patience is used up.
    """
    wall_s = run.limits.wall_seconds
    if wall_s >= _LONGEST_LIMIT_S:
        return run.limits
    latest = _MOST_EXTENDED * wall_s
    if run.limits.deadline is not None:
        latest = min(latest, run.limits.deadline)
    if run.patience_s is not None:
        latest = min(latest, run.patience_s - waited_s)
    return replace(run.limits, deadline=min(max(latest, wall_s), _LONGEST_LIMIT_S))


def _settle(future: Future[Done], result: Done | BaseException) -> None:
    with suppress(InvalidStateError):  # cancelled: nobody waits
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
