"""One line of JSON a request. What clients send is not in it; what is (a path, a name) is cut and escaped."""

from __future__ import annotations

import json
import queue
import threading
import time
from datetime import UTC, datetime
from typing import IO, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semi_instruct.harness.serve.dialect import Dialects
from semi_instruct.harness.serve.facts import Facts, client_of
from semi_instruct.harness.serve.metrics import Metrics

_LONGEST_TEXT = 200
_MOST_LINES = 10_000


class LogWriter:
    """Writes lines on a thread of its own. When whoever reads them does not keep up, lines are lost and counted.

    Args:
        stream: text, one line each.
        plain: write lines for a person, not JSON.
    """

    def __init__(self, stream: IO[str], *, plain: bool = False) -> None:
        self._stream = stream
        self._plain = plain
        self._lines: queue.Queue[str | None] = queue.Queue(_MOST_LINES)
        self._lost = 0
        self._thread = threading.Thread(target=self._write, name="semi-instruct-log", daemon=True)
        self._thread.start()

    def write(self, event: str, **facts: Any) -> None:
        """A line about an event, now."""
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **facts}
        if self._lost:
            line["lines_lost"] = self._lost
        try:
            bounded = {name: _bounded(value) for name, value in line.items()}
            text = _plain(bounded) if self._plain else json.dumps(bounded)
            self._lines.put_nowait(text.replace("\x7f", "\\u007f"))  # the one control character that JSON lets pass
            self._lost = 0
        except queue.Full:
            self._lost += 1

    def close(self, patience_s: float = 2.0) -> None:
        """Write what is left, if it can be written in time."""
        try:
            self._lines.put(None, timeout=patience_s)
        except queue.Full:  # out of time: the lines are lost with the process
            return
        self._thread.join(patience_s)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(f"{line}\n")
                self._stream.flush()
            except (OSError, ValueError):  # nobody reads any more: the service goes on
                self._lost += 1


class RequestLog:
    """The outermost layer: numbers requests, and reports each when it has been answered."""

    def __init__(self, app: ASGIApp, log: LogWriter, metrics: Metrics, dialects: Dialects) -> None:
        self._dialects = dialects
        self._app = app
        self._log = log
        self._metrics = metrics
        self._number = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._number += 1
        facts = Facts(client_of(scope), self._number)
        scope.setdefault("state", {})["facts"] = facts
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
            self._report(scope, facts, status, sent, time.monotonic() - started)

    def _report(self, scope: Scope, facts: Facts, status: int, sent: int, seconds: float) -> None:
        self._metrics.request(scope, status)
        runs = {"runs": facts.runs, "statuses": " ".join(facts.statuses)} if facts.runs else {}
        times = {"queue_s": round(facts.queue_s, 6), "run_s": round(facts.run_s, 6)} if facts.runs else {}
        self._log.write(
            "request",
            number=facts.number,
            client=facts.client,
            method=scope["method"],
            path=scope["path"],
            dialect=self._dialects.of(scope["path"]).name,
            status=status,
            bytes_out=sent,
            seconds=round(seconds, 6),
            **runs,
            **times,
            **({"extended_s": round(facts.extended_s, 6)} if facts.extended_s else {}),
            **({"reasons": "; ".join(facts.reasons)} if facts.reasons else {}),
            **({"why": facts.why} if facts.why else {}),
        )


def _plain(line: dict[str, Any]) -> str:
    """A line for a person: the time, the event, and what is known of it. Text is escaped as in JSON."""
    facts = " ".join(f"{name}={json.dumps(value)}" for name, value in line.items() if name not in ("at", "event"))
    return f"{line['at'][11:19]} {line['event']} {facts}"


def _bounded(value: Any) -> Any:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else value
