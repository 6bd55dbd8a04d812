"""What the routes of all dialects share: how a run gets done for a request, and which limits are granted."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from semi_instruct.harness.serve.errors import ClientDisconnected, NoSandboxes, QueueTimeout, Unprocessable
from semi_instruct.harness.serve.health import Condition, Health
from semi_instruct.harness.serve.metrics import Metrics
from semi_instruct.harness.serve.pool import Pool, Ticket
from semi_instruct.harness.serve.request_log import record_of
from semi_instruct.harness.serve.settings import Settings
from semi_instruct.harness.serve.work import Done, Work

LANGUAGE = "python"
_CHECK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Service:
    """A running service.

    Attributes:
        python_version: of the interpreter that runs programs: ``3.12.4``.
    """

    settings: Settings
    pool: Pool
    health: Health
    metrics: Metrics
    python_version: str

    @property
    def condition(self) -> Condition:
        """The present condition of the service."""
        return self.health.condition(self.pool.draining, self.pool.trouble)

    def client_timeout_s(self, requested_s: float | None = None) -> float | None:
        """Seconds that a client waits for a response: the least of what it says and what the operator configured."""
        known = [each for each in (requested_s, self.settings.client_deadline_s) if each is not None]
        return min(known, default=None)

    async def perform(self, work: Work, request: Request) -> Done:
        """Wait for a worker, and for the end of the run.

        Raises:
            ServiceError: the run was not done; see ``wait_for``.
            InvalidRequest: the engine refuses the program or its limits.
        """
        record = record_of(request)
        done = await wait_for(self.pool.submit(work, record.client), request, self.settings.queue_time_s)
        record.add(done)
        return done

    def granted_seconds(self, name: str, asked: float) -> float:
        """Check a time that was asked for, and return it.

        A longer time is an error. If it were reduced silently, the program would fail by a limit that the client did
        not set.

        Args:
            name: of the client's field, for the message.

        Raises:
            Unprocessable: the time is longer than ``Settings.time_s``.
        """
        if asked > self.settings.time_s:
            raise Unprocessable(f"{name}: expected at most {self.settings.time_s:g} s here, found {asked:g} s")
        return asked

    def granted_bytes(self, name: str, asked: int | None) -> int:
        """Check the memory that was asked for, and return it; the default if none was asked for.

        Raises:
            Unprocessable: it is more than ``Settings.memory_bytes``.
        """
        if asked is None:
            return self.settings.default_memory_bytes
        if asked > self.settings.memory_bytes:
            raise Unprocessable(f"{name}: expected at most {self.settings.memory_bytes} bytes here, found {asked}")
        return asked


def cpu_seconds(wall_s: float) -> float:
    """CPU time that cannot be used up within a wall time, for dialects that limit wall time only."""
    return min(wall_s * (os.cpu_count() or 1) + 1, 86_400)


async def wait_for_disconnect(request: Request) -> None:
    """Return when the client has disconnected. The whole request must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def wait_for(ticket: Ticket, request: Request, queue_time_s: float) -> Done:
    """Wait for a run on behalf of a client.

    Args:
        queue_time_s: seconds that the run may wait for a worker.

    Raises:
        ClientDisconnected: the client disconnected; the run was ended, or never started.
        QueueTimeout: no worker became free.
        NoSandboxes: no sandbox could be started.
        ServiceError: any other error of the pool.
        InvalidRequest: the engine refuses the program or its limits.
    """
    future = asyncio.wrap_future(ticket.future)
    disconnect = asyncio.ensure_future(wait_for_disconnect(request))
    either: set[asyncio.Future[Any]] = {future, disconnect}
    try:
        timeout_s = ticket.run.client_timeout_s
        wait_s = queue_time_s if timeout_s is None else min(queue_time_s, timeout_s)
        while True:
            await asyncio.wait(either, timeout=max(wait_s, 0), return_when=asyncio.FIRST_COMPLETED)
            if future.done() or disconnect.done():
                break
            wait_s = _check_late(ticket, queue_time_s)
        if not future.done():
            raise ClientDisconnected("the client has disconnected")
        return future.result()
    finally:
        disconnect.cancel()
        ticket.cancel()


def _check_late(ticket: Ticket, queue_time_s: float) -> float:
    """Decide whether to go on waiting for a late run. Returns seconds until the next check.

    Raises:
        NoSandboxes: no sandbox can be started, and the run has not started.
        QueueTimeout: the run has waited for ``queue_time_s``.
    """
    trouble = ticket.trouble
    if trouble is not None and (ticket.withdraw() or ticket.cannot_be_running()):
        raise NoSandboxes(trouble)
    left = ticket.asked_at + queue_time_s - time.monotonic()
    if left <= 0 and ticket.withdraw():
        raise QueueTimeout(f"no worker was free for {queue_time_s:g} s; nothing was run", 1)
    return min(left, _CHECK_EVERY_S) if left > 0 else _CHECK_EVERY_S
