"""Waiting for a run on behalf of a client that may go away."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.requests import Request

from semi_instruct.harness.serve.pool import Ticket
from semi_instruct.harness.serve.refusals import ClientGone, NoSandboxes, WaitedTooLong
from semi_instruct.harness.serve.work import Done

_LOOK_AGAIN_S = 1.0


async def gone(request: Request) -> None:
    """Return when the client has gone away; its whole request must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def finished(ticket: Ticket, request: Request, queue_time_s: float) -> Done:
    """What became of a run.

    Args:
        queue_time_s: seconds it may wait for a worker.

    Raises:
        ClientGone: the client went away; the run was ended, or never begun.
        WaitedTooLong: no worker was free in time.
        NoSandboxes: no sandbox could be started in time.
        Refusal: what else the pool says.
        InvalidRequest: the engine does not take it.
    """
    future = asyncio.wrap_future(ticket.future)
    leaving = asyncio.ensure_future(gone(request))
    either: set[asyncio.Future[Any]] = {future, leaving}
    try:
        wait_s = queue_time_s if ticket.run.patience_s is None else min(queue_time_s, ticket.run.patience_s)
        while True:
            await asyncio.wait(either, timeout=max(wait_s, 0), return_when=asyncio.FIRST_COMPLETED)
            if future.done() or leaving.done():
                break
            wait_s = _late(ticket, queue_time_s)
        if not future.done():
            raise ClientGone("the client has gone away")
        return future.result()
    finally:
        leaving.cancel()
        ticket.cancel()


def _late(ticket: Ticket, queue_time_s: float) -> float:
    """A run has no outcome when it should: whether to go on waiting, and for how many seconds before the next look.

    Raises:
        NoSandboxes, WaitedTooLong: it is not worth waiting for.
    """
    trouble = ticket.trouble
    if trouble is not None and (ticket.withdraw() or ticket.cannot_be_running()):
        raise NoSandboxes(trouble)
    left = ticket.asked_at + queue_time_s - time.monotonic()
    if left <= 0 and ticket.withdraw():
        raise WaitedTooLong(f"no worker was free for {queue_time_s:g} s; nothing was run", 1)
    return min(left, _LOOK_AGAIN_S) if left > 0 else _LOOK_AGAIN_S
