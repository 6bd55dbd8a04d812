"""The process of the service: start, signals, graceful shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Coroutine, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from semi_instruct.engine import Engine, Limits, Program, SandboxUnavailable, Status
from semi_instruct.harness.serve.app import application
from semi_instruct.harness.serve.errors import ServiceError
from semi_instruct.harness.serve.health import Health
from semi_instruct.harness.serve.http_protocol import BoundedHeadProtocol
from semi_instruct.harness.serve.metrics import Metrics, reason_class
from semi_instruct.harness.serve.pool import Pool, Ticket
from semi_instruct.harness.serve.request_log import LogWriter
from semi_instruct.harness.serve.service import LANGUAGE, Service
from semi_instruct.harness.serve.settings import BACKLOG, Settings
from semi_instruct.harness.serve.verification import Verifier
from semi_instruct.harness.serve.work import Done, Work

_KEEP_ALIVE_S = 30
_PROBE_EVERY_S = 1.0
_AFTER_DRAIN_S = 5
# A full collection looks at every object and lets no other thread run meanwhile: with the values of one large request
# it takes 50 ms. CPython's first threshold of 700 objects causes several of them in one request.
_COLLECTION_THRESHOLDS = (50_000, 20, 100)
_VERSION = Program("import platform\nprint(platform.python_version(), end='')")


def serve(settings: Settings, listener: socket.socket, engine: Engine) -> None:
    """Serve until SIGTERM or SIGINT, then let open requests finish for at most ``Settings.drain_s``.

    Args:
        listener: the listening socket. The caller closes it.
        engine: does the runs. The caller closes it.

    Raises:
        SandboxUnavailable: the sandbox cannot run a small program.
    """
    log = LogWriter(sys.stderr, plain=sys.stderr.isatty())
    logging.basicConfig(level=logging.WARNING, handlers=[_LibraryLog(log)], force=True)
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_COLLECTION_THRESHOLDS)
    try:
        _serve(settings, listener, engine, log)
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        log.close()


def _serve(settings: Settings, listener: socket.socket, engine: Engine, log: LogWriter) -> None:
    health, metrics = Health(engine.isolation), Metrics()

    def on_done(ticket: Ticket, done: Done) -> None:
        health.observe(done.outcome)
        metrics.run(done, LANGUAGE)
        if done.outcome.status is Status.SANDBOX_ERROR:
            detail = done.outcome.detail
            log.write("sandbox_error", client=ticket.client, kind=reason_class(detail), reason=detail)

    version = python_version(engine)
    pool = Pool(engine, settings.queue, on_done)
    service = Service(settings, pool, health, metrics, version)
    metrics.watch("workers", "Workers", lambda: pool.workers)
    metrics.watch("running", "Runs that have started and not ended", lambda: pool.running)
    metrics.watch("waiting", "Runs that wait for a worker", lambda: pool.waiting)
    metrics.watch("worker_restarts", "Workers that were discarded and replaced", lambda: engine.discarded_workers)
    metrics.watch("healthy", "1 if runs can be done, else 0", lambda: service.condition.can_serve)
    verifier = Verifier(service)
    try:
        host, port = listener.getsockname()[:2]
        log.write("ready", host=host, port=port, workers=engine.workers, walls=" ".join(engine.isolation))
        if sys.stderr.isatty():
            name = f"[{host}]" if ":" in host else host
            print(f"Serving on http://{name}:{port}/ (Ctrl-C ends the service)", file=sys.stderr, flush=True)
        _Server(_configuration(application(service, verifier, log)), service, log).serve_on(listener)
    finally:
        pool.stop()
        verifier.close()
        pool.close()
        log.write("ended")


def python_version(engine: Engine) -> str:
    """The version of the Python that runs programs, as it reports it.

    Raises:
        SandboxUnavailable: it cannot be run.
    """
    outcome = engine.run(_VERSION)
    if outcome.status is not Status.OK:
        raise SandboxUnavailable("runtime", f"a small program ends as {outcome.status}", "see `semi-instruct doctor`")
    return outcome.stdout.decode().rstrip("+")


def _configuration(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedHeadProtocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        backlog=BACKLOG,
    )


class _LibraryLog(logging.Handler):
    """Writes log records of libraries to the log of the service: their templates only, not the values in them."""

    def __init__(self, log: LogWriter) -> None:
        super().__init__()
        self._lines = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        self._lines.write("remark", logger=record.name, level=record.levelname, text=str(record.msg), error=error)


class _Server(uvicorn.Server):
    """Uvicorn's server with our own shutdown, and a probe of the sandbox while it fails."""

    def __init__(self, config: uvicorn.Config, service: Service, log: LogWriter) -> None:
        super().__init__(config)
        self._service = service
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def serve_on(self, listener: socket.socket) -> None:
        """Serve until a signal to shut down."""
        self.config.timeout_graceful_shutdown = int(self._service.settings.drain_s) + _AFTER_DRAIN_S
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(self._serve_until_signal(listener))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to ``_shut_down``."""
        yield

    async def _serve_until_signal(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._shut_down)
        self._start(self._probe())
        try:
            await self.serve(sockets=[listener])
        finally:
            for task in self._tasks:
                task.cancel()

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _shut_down(self) -> None:
        """Start a graceful shutdown. On a second signal, end all runs at once."""
        if self.should_exit:
            self.force_exit = True
            self._service.pool.stop()
            return
        self._log.write("draining", running=self._service.pool.running, waiting=self._service.pool.waiting)
        self._service.pool.drain()
        self.should_exit = True
        self._start(self._stop_after_drain())

    async def _stop_after_drain(self) -> None:
        await asyncio.sleep(self._service.settings.drain_s)
        self._service.pool.stop()

    async def _probe(self) -> None:
        """Try the sandbox while it fails, so that the service notices when it works again."""
        while True:
            await asyncio.sleep(_PROBE_EVERY_S)
            pool = self._service.pool
            if pool.draining or not (self._service.health.failing or pool.trouble is not None):
                continue
            with contextlib.suppress(ServiceError):  # still failing, or shutting down
                ticket = pool.submit(Work(Program("pass"), Limits()), "probe", bounded=False)
                await asyncio.wrap_future(ticket.future)
