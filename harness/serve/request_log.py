"""The request log: one line of JSON per request, without any content that clients send.

Names that clients choose, such as paths, are escaped and cut.
"""

from __future__ import annotations

import ipaddress
import json
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semi_instruct.engine import Status
from semi_instruct.harness.serve.dialect import Dialect, find_dialect
from semi_instruct.harness.serve.metrics import Metrics
from semi_instruct.harness.serve.work import Done

CLIENT_HEADER = "x-client-id"
_MAX_CLIENT = 64
_MAX_TEXT = 200
_MAX_LINES = 10_000
_MAX_STATUSES = 8
_MAX_REASONS = 3


@dataclass(slots=True)
class RequestRecord:
    """What is known about one request, for the log and the metrics. It never holds a program, its input or its output.

    Attributes:
        client: whose turn in the queue the request takes.
        number: of the request, since the service started.
        dialect: to which its URL path belongs.
        statuses: of its runs, in order; the first few.
        runs: how many runs it had.
        queue_s: seconds its runs waited, in total.
        run_s: seconds its runs took, in total.
        extended_s: seconds by which their wall limits were extended, in total.
        reasons: why the sandbox failed; the first few.
        why: why the request failed: the name of an exception, or a few words.
    """

    client: str
    number: int
    dialect: Dialect
    statuses: list[str] = field(default_factory=list)
    runs: int = 0
    queue_s: float = 0.0
    run_s: float = 0.0
    extended_s: float = 0.0
    reasons: list[str] = field(default_factory=list)
    why: str = ""

    def add(self, done: Done) -> None:
        """Record a run."""
        self.runs += 1
        self.queue_s += done.queue_s
        self.run_s += done.outcome.wall_time_s
        self.extended_s += done.outcome.wall_extension_s
        self.add_reason(done)
        if len(self.statuses) < _MAX_STATUSES:
            self.statuses.append(str(done.outcome.status))

    def add_reason(self, done: Done) -> None:
        """Record why the sandbox failed, if it did."""
        reason = done.outcome.detail
        failed = done.outcome.status is Status.SANDBOX_ERROR
        if failed and reason not in self.reasons and len(self.reasons) < _MAX_REASONS:
            self.reasons.append(reason)


def record_of(request: Request) -> RequestRecord:
    """The record of a request."""
    record: RequestRecord = request.scope["state"]["record"]
    return record


def client_of(scope: Scope) -> str:
    """The client: the address of the peer. A peer on this machine, such as a proxy, may add a name in a header."""
    peer = scope.get("client")
    address = str(peer[0]) if peer else "unknown"
    named = Headers(scope=scope).get(CLIENT_HEADER, "")[:_MAX_CLIENT]
    return f"{address} {named}" if named and is_loopback(address) else address


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class LogWriter:
    """Writes lines on a thread of its own. Lines are dropped and counted when the reader does not keep up.

    Args:
        stream: text stream that receives the lines.
        plain: write lines for a person, not JSON.
    """

    def __init__(self, stream: IO[str], *, plain: bool = False) -> None:
        self._stream = stream
        self._plain = plain
        self._lines: queue.Queue[str | None] = queue.Queue(_MAX_LINES)
        self._lost = 0
        self._thread = threading.Thread(target=self._write, name="semi-instruct-log", daemon=True)
        self._thread.start()

    def write(self, event: str, **facts: Any) -> None:
        """Queue a line about an event, with the current time."""
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **facts}
        if self._lost:
            line["lines_lost"] = self._lost
        try:
            cut = {name: _cut(value) for name, value in line.items()}
            text = _plain(cut) if self._plain else json.dumps(cut)
            self._lines.put_nowait(text.replace("\x7f", "\\u007f"))  # which JSON does not escape
            self._lost = 0
        except queue.Full:
            self._lost += 1

    def close(self, timeout_s: float = 2.0) -> None:
        """Write the remaining lines, as far as that is possible within the timeout."""
        try:
            self._lines.put(None, timeout=timeout_s)
        except queue.Full:  # the lines are lost with the process
            return
        self._thread.join(timeout_s)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(f"{line}\n")
                self._stream.flush()
            except (OSError, ValueError):  # the reader has gone; the service goes on
                self._lost += 1


class RequestLog:
    """The outermost ASGI layer: makes the record of each request, and logs it when the request has been answered.

    Args:
        dialects: among which a request's dialect is found.
    """

    def __init__(self, app: ASGIApp, log: LogWriter, metrics: Metrics, dialects: Sequence[Dialect]) -> None:
        self._app = app
        self._log = log
        self._metrics = metrics
        self._dialects = dialects
        self._number = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._number += 1
        record = RequestRecord(client_of(scope), self._number, find_dialect(scope["path"], self._dialects))
        scope.setdefault("state", {})["record"] = record
        started = time.monotonic()
        status = 0
        sent = 0

        async def watched_send(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        finally:
            self._report(scope, record, status, sent, time.monotonic() - started)

    def _report(self, scope: Scope, record: RequestRecord, status: int, sent: int, seconds: float) -> None:
        self._metrics.request(scope, record.dialect.name, status)
        runs = {"runs": record.runs, "statuses": " ".join(record.statuses)} if record.runs else {}
        times = {"queue_s": round(record.queue_s, 6), "run_s": round(record.run_s, 6)} if record.runs else {}
        self._log.write(
            "request",
            number=record.number,
            client=record.client,
            method=scope["method"],
            path=scope["path"],
            dialect=record.dialect.name,
            status=status,
            bytes_out=sent,
            seconds=round(seconds, 6),
            **runs,
            **times,
            **({"extended_s": round(record.extended_s, 6)} if record.extended_s else {}),
            **({"reasons": "; ".join(record.reasons)} if record.reasons else {}),
            **({"why": record.why} if record.why else {}),
        )


def _plain(line: dict[str, Any]) -> str:
    """A line for a person: the time, the event, and what is known of it. Text is escaped as in JSON."""
    facts = " ".join(f"{name}={json.dumps(value)}" for name, value in line.items() if name not in ("at", "event"))
    return f"{line['at'][11:19]} {line['event']} {facts}"


def _cut(value: Any) -> Any:
    return value[:_MAX_TEXT] if isinstance(value, str) else value
