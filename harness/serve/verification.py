"""``POST /v1/verify``: judges the candidates of a problem. Its runs wait in the queue with all others."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from semi_instruct.engine import Determinism, Limits, Outcome, Program, Status
from semi_instruct.engine.limits import MIB
from semi_instruct.harness.errors import BadRow
from semi_instruct.harness.inputs.plan import PLANNED_INPUTS
from semi_instruct.harness.problems.schema import Problem, parse_row
from semi_instruct.harness.serve.bodies import StrictRoute, with_request
from semi_instruct.harness.serve.dialect import GUARDED
from semi_instruct.harness.serve.dialects.native import NATIVE
from semi_instruct.harness.serve.errors import (
    ClientDisconnected,
    NoSandboxes,
    Overloaded,
    ServiceError,
    Unavailable,
    Unprocessable,
)
from semi_instruct.harness.serve.pool import Pool, Ticket
from semi_instruct.harness.serve.request_log import RequestRecord, record_of
from semi_instruct.harness.serve.responses import json_response
from semi_instruct.harness.serve.service import Service, wait_for_disconnect
from semi_instruct.harness.serve.work import Done, Work
from semi_instruct.harness.verification.scheduler import verify

_MAX_WAITING_PER_THREAD = 8
_MAX_CANDIDATES = 256
_MAX_INPUTS = 1000


class VerifyRequest(BaseModel):
    """A problem as ``semi-instruct verify`` reads it from a line of its file, and how it is to be judged."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "problem": {
                        "id": "double",
                        "kind": "stdin",
                        "oracles": ["print(int(input()) * 2)"],
                        "examples": [{"input": "21\n"}, {"input": "-4\n"}],
                        "candidates": [
                            {"id": "right", "source": "n = int(input())\nprint(n + n)"},
                            {"id": "wrong", "source": "print(abs(int(input())) * 2)"},
                        ],
                    },
                    "inputs": 0,
                }
            ]
        },
    )

    problem: dict[str, Any] = Field(description="a problem, as in a line of a problem file")
    seed: int = Field(default=0, ge=0, le=2**63 - 1, description="seed of all random choices")
    budget_s: float = Field(default=20.0, gt=0, le=86_400, description="CPU time to spend, seconds, approximately")
    inputs: int = Field(
        default=PLANNED_INPUTS, ge=0, le=_MAX_INPUTS, description="number of inputs to generate besides the examples"
    )
    shrink: bool = Field(default=False, description="whether to minimize counterexamples")


class VerifyResponse(BaseModel):
    """One verdict per candidate, in the order of the candidates."""

    verdicts: list[dict[str, Any]]
    runs: int = Field(description="number of runs")


class _Stopped(Exception):
    """The client has disconnected, or the service is shutting down."""


class _PooledEngine:
    """Does the runs of one verification in the pool. Has the part of the interface of an engine that ``verify`` uses.

    The bound of the queue does not apply to these runs: there are only a few of them per worker, and the number of
    verifications is bounded.
    """

    def __init__(self, pool: Pool, record: RequestRecord) -> None:
        self._pool = pool
        self._record = record
        self._lock = threading.Lock()
        self._open: set[Ticket] = set()
        self._stopped = False

    @property
    def workers(self) -> int:
        return self._pool.workers

    def submit(
        self,
        program: Program,
        stdin: bytes = b"",
        args: Sequence[Any] = (),
        limits: Limits = Limits(),  # noqa: B008  frozen
        *,
        determinism: str = Determinism.FIXED,
    ) -> Future[Outcome]:
        with self._lock:
            if self._stopped:
                raise _Stopped
            work = Work(program, limits, stdin, tuple(args), determinism)
            ticket = self._pool.submit(work, self._record.client, bounded=False)
            self._open.add(ticket)
        outcome: Future[Outcome] = Future()

        def pass_on(done: Future[Done]) -> None:
            with self._lock:
                self._open.discard(ticket)
            with suppress(InvalidStateError):  # cancelled by the scheduler
                if done.cancelled():
                    outcome.set_exception(_Stopped())
                elif isinstance(error := done.exception(), ServiceError):
                    refused = Outcome(Status.SANDBOX_ERROR, detail=str(error))
                    self._record.add_reason(Done(refused))
                    outcome.set_result(refused)
                elif error is not None:
                    outcome.set_exception(error)
                else:
                    self._record.add(done.result())
                    outcome.set_result(done.result().outcome)

        ticket.future.add_done_callback(pass_on)
        return outcome

    def stop(self) -> None:
        """End all runs of the verification, and start no others."""
        with self._lock:
            self._stopped = True
            open_tickets = list(self._open)
        for ticket in open_tickets:
            ticket.cancel()


class Verifier:
    """Judges problems on a fixed number of threads, with a bounded number waiting."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._max_open = service.settings.verifications * (1 + _MAX_WAITING_PER_THREAD)
        self._threads = ThreadPoolExecutor(service.settings.verifications, thread_name_prefix="semi-instruct-verify")
        self._engines: set[_PooledEngine] = set()

    async def verdicts(self, body: VerifyRequest, problem: Problem, request: Request) -> list[dict[str, Any]]:
        """Judge a problem. Returns one row per candidate.

        Raises:
            Overloaded: too many problems wait.
            ClientDisconnected: the client disconnected; all runs of the verification have been ended.
            Unavailable: the service is shutting down, or no sandbox can be started.
        """
        if self._service.pool.draining:
            raise Unavailable("the service is shutting down: try again, or use another one", 1)
        if (trouble := self._service.pool.trouble) is not None:
            raise NoSandboxes(trouble)
        if len(self._engines) >= self._max_open:
            raise Overloaded("too many problems wait to be judged", self._service.pool.retry_after_s)
        engine = _PooledEngine(self._service.pool, record_of(request))
        self._engines.add(engine)
        rows = asyncio.wrap_future(self._threads.submit(_rows, engine, problem, body))
        disconnect = asyncio.ensure_future(wait_for_disconnect(request))
        either: set[asyncio.Future[Any]] = {rows, disconnect}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not rows.done():
                raise ClientDisconnected("the client has disconnected")
            return rows.result()
        except _Stopped:
            raise Unavailable("the service is shutting down; nothing was judged", 1) from None
        finally:
            disconnect.cancel()
            rows.cancel()
            engine.stop()
            self._engines.discard(engine)

    def close(self) -> None:
        """End all verifications, and wait for the threads."""
        for engine in list(self._engines):
            engine.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)


def router(service: Service, verifier: Verifier) -> APIRouter:
    """The route ``/v1/verify``, part of the native dialect."""
    routes = APIRouter(route_class=StrictRoute, prefix="/v1", tags=[NATIVE.title])

    @routes.post(
        "/verify",
        response_model=VerifyResponse,
        responses=NATIVE.error_responses(*GUARDED, 422, 429, 503),
        summary="Judge candidates",
    )
    async def judge(body: VerifyRequest, request: Request) -> Response:
        """Judge every candidate of a problem against its oracles, as ``semi-instruct verify`` does."""
        problem = await with_request(request, problem_of, body, service)
        rows = await verifier.verdicts(body, problem, request)
        return json_response({"verdicts": rows, "runs": record_of(request).runs})

    return routes


def problem_of(body: VerifyRequest, service: Service) -> Problem:
    """The problem of a request, checked like a line of a problem file.

    Raises:
        Unprocessable: a field is wrong, or asks for more than is granted.
    """
    try:
        problem = parse_row(json.dumps(body.problem), "problem", 1)
    except BadRow as error:
        raise Unprocessable(f"problem.{error.field}: {error.reason}") from None
    if len(problem.candidates) > _MAX_CANDIDATES:
        raise Unprocessable(f"problem.candidates: expected at most {_MAX_CANDIDATES}, found {len(problem.candidates)}")
    service.granted_seconds("problem.time_limit_s", problem.cpu_time_s)
    service.granted_bytes("problem.memory_limit_mib", problem.memory_limit_mib * MIB)
    service.granted_seconds("budget_s", body.budget_s)
    return problem


def _rows(engine: _PooledEngine, problem: Problem, body: VerifyRequest) -> list[dict[str, Any]]:
    rows = verify([problem], engine, seed=body.seed, budget=body.budget_s, planned=body.inputs, shrink=body.shrink)
    return [row.to_json() for row in rows]
