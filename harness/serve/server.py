"""The service as a process: it starts, serves, ends in good order, and leaves nothing behind."""

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
from semi_instruct.harness.serve.health import Health
from semi_instruct.harness.serve.http_protocol import BoundedHeadProtocol
from semi_instruct.harness.serve.listening import BACKLOG
from semi_instruct.harness.serve.metrics import Metrics
from semi_instruct.harness.serve.pool import Pool, Ticket
from semi_instruct.harness.serve.reasons import reason_class
from semi_instruct.harness.serve.refusals import Refusal
from semi_instruct.harness.serve.request_log import LogWriter
from semi_instruct.harness.serve.service import LANGUAGE, Service
from semi_instruct.harness.serve.settings import Settings
from semi_instruct.harness.serve.verification import Verifier
from semi_instruct.harness.serve.work import Done, Work

_KEEP_ALIVE_S = 30
_PROBE_EVERY_S = 1.0
_AFTER_DRAIN_S = 5
# A full collection looks at every object and lets no other thread run meanwhile: with the values of one large request
# it takes 50 ms. CPython's first threshold of 700 objects brings on several of them for one request.
_COLLECTION_THRESHOLDS = (50_000, 20, 100)
_VERSION = Program("import platform\nprint(platform.python_version(), end='')")


def serve(settings: Settings, listener: socket.socket, engine: Engine) -> None:
    """Serve until SIGTERM or SIGINT; then let what is under way end, for ``drain_s`` at most.

    Args:
        listener: where to serve; stays the caller's to close, as the engine does.

    Raises:
        SandboxUnavailable: the sandbox does not run a small program.
    """
    log = LogWriter(sys.stderr, plain=sys.stderr.isatty())
    logging.basicConfig(level=logging.WARNING, handlers=[_Remarks(log)], force=True)
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
        health.see(done.outcome)
        metrics.run(done, LANGUAGE)
        if done.outcome.status is Status.SANDBOX_ERROR:
            detail = done.outcome.detail
            log.write("sandbox_error", client=ticket.client, kind=reason_class(detail), reason=detail)

    version = python_version(engine)
    pool = Pool(engine, settings.queue, on_done)
    service = Service(settings, pool, health, metrics, version)
    metrics.watch("workers", "Workers", lambda: pool.workers)
    metrics.watch("running", "Runs under way", lambda: pool.running)
    metrics.watch("waiting", "Runs that wait for a worker", lambda: pool.waiting)
    metrics.watch("worker_restarts", "Workers that were given up and replaced", lambda: engine.discarded_workers)
    metrics.watch("healthy", "1 while runs can be done", lambda: service.condition.serves)
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
    """The version of the Python that programs run on, as it says itself.

    Raises:
        SandboxUnavailable: it does not run.
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


class _Remarks(logging.Handler):
    """Puts what libraries remark among our own lines; as they word it, without what they would fill in."""

    def __init__(self, log: LogWriter) -> None:
        super().__init__()
        self._lines = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        self._lines.write("remark", logger=record.name, level=record.levelname, text=str(record.msg), error=error)


class _Server(uvicorn.Server):
    """Uvicorn's server, with our own manners at the end."""

    def __init__(self, config: uvicorn.Config, service: Service, log: LogWriter) -> None:
        super().__init__(config)
        self._service = service
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def serve_on(self, listener: socket.socket) -> None:
        """Serve until told to end."""
        self.config.timeout_graceful_shutdown = int(self._service.settings.drain_s) + _AFTER_DRAIN_S
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(self._serve_until_told(listener))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours: see ``_end``."""
        yield

    async def _serve_until_told(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
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

    def _end(self) -> None:
        """Told to end. Told again: do not wait for anything."""
        if self.should_exit:
            self.force_exit = True
            self._service.pool.stop()
            return
        self._log.write("draining", running=self._service.pool.running, waiting=self._service.pool.waiting)
        self._service.pool.drain()
        self.should_exit = True
        self._start(self._stop_late())

    async def _stop_late(self) -> None:
        await asyncio.sleep(self._service.settings.drain_s)
        self._service.pool.stop()

    async def _probe(self) -> None:
        """While the sandbox fails, try it: without this, nobody would learn that it works again."""
        while True:
            await asyncio.sleep(_PROBE_EVERY_S)
            pool = self._service.pool
            if pool.draining or not (self._service.health.failing or pool.trouble is not None):
                continue
            with contextlib.suppress(Refusal):  # still failing, or ending
                ticket = pool.submit(Work(Program("pass"), Limits()), "probe", bounded=False)
                await asyncio.wrap_future(ticket.future)
