"""Waiting for a run on behalf of a client that may go away."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request

from harness.serve.pool import Ticket
from harness.serve.refusals import ClientGone, WaitedTooLong
from harness.serve.work import Done


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
        Refusal: what else the pool says.
        InvalidProgram: the engine does not take it.
    """
    future = asyncio.wrap_future(ticket.future)
    leaving = asyncio.ensure_future(gone(request))
    either: set[asyncio.Future[Any]] = {future, leaving}
    try:
        await asyncio.wait(either, timeout=queue_time_s, return_when=asyncio.FIRST_COMPLETED)
        if not future.done() and not leaving.done() and ticket.withdraw():
            raise WaitedTooLong(f"no worker was free for {queue_time_s:g} s; nothing was run", 1)
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not future.done():
            raise ClientGone("the client has gone away")
        return future.result()
    finally:
        leaving.cancel()
        ticket.cancel()
