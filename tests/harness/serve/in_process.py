"""A service in this process, with an engine that does as it is configured."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from starlette.testclient import TestClient

from semi_instruct.engine import Cancellation, Limits, Outcome, Program, Status
from semi_instruct.harness.serve.app import application
from semi_instruct.harness.serve.dialect import Dialect
from semi_instruct.harness.serve.dialects import DIALECTS
from semi_instruct.harness.serve.health import WALLS, Health
from semi_instruct.harness.serve.metrics import Metrics
from semi_instruct.harness.serve.pool import Pool, Ticket
from semi_instruct.harness.serve.request_log import LogWriter
from semi_instruct.harness.serve.service import Service
from semi_instruct.harness.serve.settings import Settings
from semi_instruct.harness.serve.verification import Verifier
from semi_instruct.harness.serve.work import Done


class FakeEngine:
    """Runs end at once with ``outcome``; the program ``wait`` runs until it is cancelled."""

    workers = 1

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.limits: list[Limits] = []
        self.outcome = Outcome(Status.OK)
        self.waiting = threading.Event()

    def run(
        self,
        program: Program,
        stdin: bytes = b"",
        args: Any = (),
        limits: Limits = Limits(),  # noqa: B008  frozen
        *,
        determinism: str = "",
        clock: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> Outcome:
        self.limits.append(limits)
        while program.source == "wait":
            self.waiting.set()
            if cancellation is not None and cancellation.cancelled:
                return Outcome(Status.CANCELLED)
            time.sleep(0.005)
        return self.outcome


class Running:
    """A service in this process.

    Args:
        dialects: those it serves.
        bound: the number of runs that may wait.
        settings: fields of ``Settings``.
    """

    def __init__(self, dialects: Sequence[Dialect] = DIALECTS, bound: int = 8, **settings: Any) -> None:
        self.engine, self.log = FakeEngine(), io.StringIO()
        health, metrics = Health(WALLS), Metrics()

        def on_done(_: Ticket, done: Done) -> None:
            health.observe(done.outcome)
            metrics.run(done, "python")

        self.pool = Pool(self.engine, bound, on_done)
        self.service = Service(Settings(**settings), self.pool, health, metrics, "3.12.4")
        self.verifier = Verifier(self.service)
        self.writer = LogWriter(self.log)
        app = application(self.service, self.verifier, self.writer, dialects)
        self.http = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)

    def close(self) -> None:
        self.verifier.close()
        self.pool.close()
        self.writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
