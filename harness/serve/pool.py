"""The worker pool and its bounded, fair queue. Runs whose client has disconnected are removed or ended."""

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
from semi_instruct.harness.serve.errors import NoSandboxes, Overloaded, Unavailable
from semi_instruct.harness.serve.fair_queue import FairQueue, Full
from semi_instruct.harness.serve.files import with_copied_files, with_copy_program
from semi_instruct.harness.serve.work import Done, Work

_MAX_RETRY_S = 60
_WEIGHT_OF_LATEST = 0.1
_INITIAL_MEAN_S = 0.1
_MAX_EXTENSION = 5  # times the wall limit; see ``Limits.deadline``
_MAX_LIMIT_S = 86_400.0
_ENDING_S = 2.0  # from the end of a run to its outcome


class Runner(Protocol):
    """The part of the interface of ``Engine`` that the pool uses."""

    @property
    def workers(self) -> int:
        """The number of concurrent runs."""

    @property
    def trouble(self) -> str | None:
        """Why no run can be started at the moment; None if runs can be started."""

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
    """A run that waits, runs or has ended. Its ``future`` gets a ``Done``, or a ``ServiceError``."""

    def __init__(self, pool: Pool, work: Work, client: str) -> None:
        self.future: Future[Done] = Future()
        self.files = work.files
        self.run = with_copy_program(work)
        self.client = client
        self.asked_at = time.monotonic()
        self.started_at: float | None = None
        self.cancellation: Cancellation | None = None  # while it runs
        self.abandoned = False
        self._pool = pool

    @property
    def trouble(self) -> str | None:
        """See ``Pool.trouble``."""
        return self._pool.trouble

    def cannot_be_running(self) -> bool:
        """Whether a worker has had the run for longer than it can take, so that it must be waiting for a sandbox."""
        if self.started_at is None:
            return False
        longest = with_deadline(self.run, self.started_at - self.asked_at).deadline
        return longest is not None and time.monotonic() > self.started_at + longest + _ENDING_S

    def withdraw(self) -> bool:
        """Remove the run from the queue. Returns whether it was there; a run that has started goes on."""
        return self._pool.withdraw(self)

    def cancel(self) -> None:
        """Remove the run from the queue, or end it. Does nothing if it has ended."""
        self._pool.cancel(self)


class Pool:
    """Does runs on an engine, as many at a time as it has workers; clients take turns.

    Args:
        engine: the caller closes it, after the pool.
        bound: the number of runs that may wait.
        on_done: called for every run that has ended, on the thread of its worker.
    """

    def __init__(self, engine: Runner, bound: int, on_done: Callable[[Ticket, Done], None]) -> None:
        self._engine = engine
        self._on_done = on_done
        self._changed = threading.Condition()
        self._queue: FairQueue[Ticket] = FairQueue(bound)
        self._running: set[Ticket] = set()
        self._draining = self._closed = False
        self._mean_s = _INITIAL_MEAN_S
        self._threads = [
            threading.Thread(target=self._serve, name=f"semi-instruct-{number}") for number in range(engine.workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def workers(self) -> int:
        """The number of concurrent runs."""
        return len(self._threads)

    @property
    def waiting(self) -> int:
        """The number of waiting runs."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """The number of runs that have started and not ended."""
        return len(self._running)

    @property
    def trouble(self) -> str | None:
        """Why no run can be started at the moment; None if runs can be started."""
        return self._engine.trouble

    @property
    def draining(self) -> bool:
        """Whether new runs are refused because the service is shutting down."""
        return self._draining

    @property
    def retry_after_s(self) -> int:
        """Seconds until the queue is likely to have room, estimated from its length and the recent duration of runs."""
        expected = self._mean_s * (len(self._queue) + 1) / len(self._threads)
        return min(max(math.ceil(expected), 1), _MAX_RETRY_S)

    def submit(self, work: Work, client: str, *, bounded: bool = True) -> Ticket:
        """Add a run to the queue.

        Args:
            client: whose turn the run takes.
            bounded: whether the bound of the queue applies. It does not for later runs of a batch, of which only a few
                are submitted at a time.

        Raises:
            Overloaded: the queue is full. The ticket's future may get this error later: see ``FairQueue``.
            Unavailable: the service is shutting down, or no sandbox can be started and ``bounded`` is true.
            Unprocessable: the run's limits do not allow its files.
        """
        ticket = Ticket(self, work, client)
        with self._changed:
            if self._draining:
                raise Unavailable("the service is shutting down: try again, or use another one", 1)
            if bounded and (trouble := self._engine.trouble) is not None:
                raise NoSandboxes(trouble)
            try:
                evicted = self._queue.put(client, ticket, bounded=bounded)
            except Full:
                raise self._overloaded() from None
            self._changed.notify()
        if evicted is not None:
            _resolve(evicted.future, self._overloaded())
        return ticket

    def withdraw(self, ticket: Ticket) -> bool:
        """See ``Ticket.withdraw``."""
        with self._changed:
            return self._queue.remove(ticket.client, ticket)

    def cancel(self, ticket: Ticket) -> None:
        """See ``Ticket.cancel``."""
        with self._changed:
            ticket.abandoned = True
            self._queue.remove(ticket.client, ticket)
            if ticket.cancellation is not None:
                ticket.cancellation.cancel()
        ticket.future.cancel()

    def drain(self) -> None:
        """Refuse new runs. All others go on."""
        with self._changed:
            self._draining = True

    def stop(self) -> None:
        """Refuse new and waiting runs, and end those that have started."""
        refused = []
        with self._changed:
            self._draining = True
            while (ticket := self._queue.take()) is not None:
                refused.append(ticket)
            for ticket in self._running:
                ticket.abandoned = True
                if ticket.cancellation is not None:
                    ticket.cancellation.cancel()
        for ticket in refused:
            _resolve(ticket.future, Unavailable("the service is shutting down; nothing was run", 1))

    def close(self) -> None:
        """``stop``, and wait until all runs have ended."""
        self.stop()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while (ticket := self._next()) is not None:
            try:
                done = self._execute(ticket)
            except BaseException as error:  # goes to the ticket; the worker must survive
                _resolve(ticket.future, error)
            else:
                self._on_done(ticket, done)
                _resolve(ticket.future, done)
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

    def _execute(self, ticket: Ticket) -> Done:
        started = time.monotonic()
        queue_s = started - ticket.asked_at
        ticket.started_at = started
        try:
            with Cancellation() as cancellation:
                with self._changed:
                    ticket.cancellation = cancellation
                    if ticket.abandoned:
                        cancellation.cancel()
                run = replace(ticket.run, limits=with_deadline(ticket.run, queue_s))
                outcome = self._run(run, cancellation)
                with self._changed:
                    ticket.cancellation = None
        except EngineClosed:
            raise Unavailable("the service is shutting down: try again, or use another one", 1) from None
        except OSError as error:  # no descriptors or memory are left
            outcome = Outcome(Status.SANDBOX_ERROR, detail=str(error))
        self._mean_s += _WEIGHT_OF_LATEST * (time.monotonic() - started - self._mean_s)
        if ticket.abandoned and outcome.status in (Status.CANCELLED, Status.SANDBOX_ERROR):
            raise Unavailable("the run was ended early", 1)
        return replace(with_copied_files(outcome, ticket.files), queue_s=queue_s)

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
        return Overloaded(f"the queue is full ({len(self._queue)} runs wait): try again in {wait} s", wait)


def with_deadline(run: Work, waited_s: float) -> Limits:
    """The limits of a run with a deadline: the end of the client's timeout, or of the longest extension of wall time.

    Args:
        waited_s: seconds of the client's timeout that have passed.
    """
    wall_s = run.limits.wall_seconds
    if wall_s >= _MAX_LIMIT_S:
        return run.limits
    latest = _MAX_EXTENSION * wall_s
    if run.limits.deadline is not None:
        latest = min(latest, run.limits.deadline)
    if run.client_timeout_s is not None:
        latest = min(latest, run.client_timeout_s - waited_s)
    return replace(run.limits, deadline=min(max(latest, wall_s), _MAX_LIMIT_S))


def _resolve(future: Future[Done], result: Done | BaseException) -> None:
    with suppress(InvalidStateError):  # cancelled by the client
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
