"""The native dialect: ``POST /v1/run`` and ``POST /v1/runs``.

Outcomes are as ``semi-instruct run --json`` prints them, with the queue time. ``POST /v1/verify`` is in
``harness.serve.verification``.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from semi_instruct.engine import Determinism, EngineError, Limits, Outcome, Program, Status, ValueRefused
from semi_instruct.engine.inside.values import decode
from semi_instruct.harness.serve.bodies import StrictRoute, with_request, with_value
from semi_instruct.harness.serve.dialect import GUARDED, Dialect
from semi_instruct.harness.serve.errors import Overloaded, ServiceError, Unprocessable
from semi_instruct.harness.serve.files import Base64, decoded_files, plan_files
from semi_instruct.harness.serve.pool import Ticket
from semi_instruct.harness.serve.request_log import record_of
from semi_instruct.harness.serve.responses import QUEUE_HEADER, json_response
from semi_instruct.harness.serve.service import Service, wait_for_disconnect
from semi_instruct.harness.serve.work import Done, Work

MAX_RUNS = 1000
MAX_BATCHES = 64
_EXAMPLE: dict[str, Any] = {
    "source": "import sys\nprint(sum(map(int, sys.stdin.read().split())))",
    "stdin": "20 22",
    "limits": {"cpu_time": 2.0},
}
_FUNCTION: dict[str, Any] = {"source": "def double(x):\n    return 2 * x", "entry": "double", "args": [21]}


class AskedLimits(BaseModel):
    """Limits of a run. The service has a default for each."""

    model_config = ConfigDict(strict=True, extra="forbid")

    cpu_time: float | None = Field(default=None, ge=0.001, description="seconds of the whole process tree")
    wall_time: float | None = Field(default=None, ge=0.001, description="seconds")
    memory: int | None = Field(default=None, ge=16 << 20, description="bytes, the interpreter included")
    output: int | None = Field(
        default=None, ge=0, le=64 << 20, description="bytes of stdout, of stderr and of the value"
    )
    file_size: int | None = Field(default=None, ge=0, le=1 << 30, description="bytes of the largest file")
    processes: int | None = Field(default=None, ge=1, le=1024)
    open_files: int | None = Field(default=None, ge=8, le=4096)


class RunRequest(BaseModel):
    """A program and its input."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE, _FUNCTION]})

    source: str = Field(description="the program")
    language: str = "python"
    stdin: str = ""
    entry: str | None = Field(default=None, description="name of a function to call; its value is returned")
    args: list[Any] = Field(
        default_factory=list, description="arguments of the function: JSON, with tags for values that JSON lacks"
    )
    limits: AskedLimits = Field(default_factory=AskedLimits)
    determinism: str = Field(default="fixed", pattern="^(fixed|varied)$")
    clock: float | None = Field(
        default=None, ge=0, le=253402300799, description="start of the program's clock, seconds since 1970"
    )
    files: dict[str, Base64] = Field(default_factory=dict, description="contents in base64, by path")
    fetch_files: list[str] = Field(
        default_factory=list, description="paths of files to return, in the run's folder, /tmp or /mnt/data"
    )
    deadline_s: float | None = Field(
        default=None,
        gt=0,
        le=86_400,
        description="seconds that the client waits; on a busy machine no wall limit is extended beyond them",
    )
    id: str | None = Field(default=None, max_length=200, description="returned with the outcome; for batches")


class BatchRequest(BaseModel):
    """Many runs. The outcomes are returned as the runs end, one line each."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"examples": [{"runs": [{"id": "a", **_EXAMPLE}, _FUNCTION]}]}
    )

    runs: Annotated[list[RunRequest], Field(min_length=1, max_length=MAX_RUNS)]


class OutcomeResponse(BaseModel):
    """The outcome of a run. If stdout is not UTF-8, ``stdout`` is null and ``stdout_base64`` has it. So with stderr."""

    status: Status
    exit_code: int | None
    signal: int | None
    stdout: str | None
    stdout_base64: str | None = None
    stderr: str | None
    stderr_base64: str | None = None
    stdout_truncated: bool
    stderr_truncated: bool
    returned: bool = Field(description="whether the function returned")
    value: Any = Field(description="what the function returned, in the form of args")
    cpu_time_s: float
    wall_time_s: float
    wall_extension_s: float = Field(
        description="seconds by which the wall limit was extended because the machine was busy"
    )
    peak_memory_bytes: int
    detail: str
    isolation: list[str] = Field(description="the active isolation layers")
    queue_time_s: float = Field(description="seconds that the run waited for a worker; not part of the other times")
    files: dict[str, str] = Field(default_factory=dict, description="contents in base64, by path")
    files_refused: dict[str, str] = Field(default_factory=dict, description="why a file is not returned, by path")
    id: str | None = None


def router(service: Service) -> APIRouter:
    """The routes that run programs."""
    routes = APIRouter(route_class=StrictRoute, prefix="/v1")
    open_batches: set[Request] = set()
    statuses = (*GUARDED, 422, 429, 503, 504)
    one = NATIVE.error_responses(*statuses, _503=OutcomeResponse)
    lines = {"application/x-ndjson": {"schema": {"type": "string"}}}
    many = {
        **NATIVE.error_responses(*statuses),
        200: {"description": "one line per run, as the runs end", "content": lines},
    }

    @routes.post("/run", response_model=OutcomeResponse, responses=one, summary="Run a program")
    async def run(body: RunRequest, request: Request) -> Response:
        """Run a program, or call a function of it, in a sandbox of its own.

        A failure of the program is an outcome, with status 200. A failure of the sandbox is 503.
        """
        done = await service.perform(await with_request(request, work_of, body, service), request)
        headers = {QUEUE_HEADER: f"{done.queue_s:.6f}"}
        if done.sandbox_failed:
            headers["Retry-After"] = "1"
        status = 503 if done.sandbox_failed else 200
        return await with_value(done.outcome.value, _run_response, done, body.id, status, headers)

    @routes.post("/runs", response_class=Response, responses=many, summary="Run many programs")
    async def runs(body: BatchRequest, request: Request) -> Response:
        """Run many programs, and return each outcome as soon as its run ends: a line of JSON with its ``index``.

        A batch has at most one run per worker in the queue, so that other clients get their turns. A line with
        ``error`` instead of a status stands for a run that was not done.
        """
        works = await with_request(request, lambda: [work_of(each, service) for each in body.runs])
        if len(open_batches) >= MAX_BATCHES:
            raise Overloaded("too many batches are open", service.pool.retry_after_s)
        first = service.pool.submit(works[0], record_of(request).client)
        open_batches.add(request)
        batch = _Batch(service, request, body.runs, works, first)
        return StreamingResponse(_released(batch, open_batches), media_type="application/x-ndjson")

    return routes


async def _released(batch: _Batch, open_batches: set[Request]) -> AsyncIterator[bytes]:
    try:
        async for line in batch.lines():
            yield line
    finally:
        await batch.close()
        open_batches.discard(batch.request)


class _Batch:
    """The runs of one request, of which a few are submitted at a time."""

    def __init__(
        self, service: Service, request: Request, asked: list[RunRequest], works: list[Work], first: Ticket
    ) -> None:
        self.request = request
        self._service = service
        self._asked = asked
        self._works = works
        self._next = 1
        self._open: dict[asyncio.Future[Any], tuple[int, Ticket | None]] = {
            asyncio.wrap_future(first.future): (0, first)
        }
        self._disconnect = asyncio.ensure_future(wait_for_disconnect(request))

    async def lines(self) -> AsyncIterator[bytes]:
        """One line per run, in the order in which the runs end. Stops when the client has disconnected."""
        while self._open:
            self._fill()
            awaited: set[asyncio.Future[Any]] = {*self._open, self._disconnect}
            finished, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if self._disconnect in finished:
                record_of(self.request).why = "the client has disconnected"
                return
            for future in finished & self._open.keys():
                index, _ = self._open.pop(future)
                line = await self._line(index, future)
                if line is None:  # evicted by a client with fewer runs in the queue
                    self._submit(index)
                else:
                    yield line
            self._fill()

    async def close(self) -> None:
        """End the runs that have not ended."""
        self._disconnect.cancel()
        for _, ticket in self._open.values():
            if ticket is not None:
                ticket.cancel()

    def _fill(self) -> None:
        while self._next < len(self._works) and len(self._open) < self._service.pool.workers:
            self._next += 1
            self._submit(self._next - 1)

    def _submit(self, index: int) -> None:
        future: asyncio.Future[Done]
        ticket = None
        try:
            ticket = self._service.pool.submit(self._works[index], record_of(self.request).client, bounded=False)
        except ServiceError as error:
            future = asyncio.get_running_loop().create_future()
            future.set_exception(error)
        else:
            future = asyncio.wrap_future(ticket.future)
        self._open[future] = (index, ticket)

    async def _line(self, index: int, future: asyncio.Future[Any]) -> bytes | None:
        """The line of a run; None if the run must be submitted again."""
        about = {"index": index}
        try:
            done = future.result()
        except Overloaded:
            return None
        except ServiceError as error:
            done = Done(Outcome(Status.SANDBOX_ERROR, detail=str(error)))
        except EngineError as error:
            return _as_line({**about, "id": self._asked[index].id, "error": str(error)})
        record_of(self.request).add(done)
        name = self._asked[index].id
        return await with_value(done.outcome.value, lambda: _as_line({**about, **outcome_json(done, name)}))


def _run_response(done: Done, name: str | None, status: int, headers: dict[str, str]) -> Response:
    return json_response(outcome_json(done, name), status, headers)


def _as_line(data: dict[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode("ascii") + b"\n"


def work_of(body: RunRequest, service: Service) -> Work:
    """The run that a request asks for.

    Raises:
        Unprocessable: it asks for more than is granted, its files are not allowed, or its arguments are malformed.
        InvalidRequest: the engine refuses the program or its limits.
    """
    has_files = bool(body.files or body.fetch_files)
    if body.entry is not None and has_files:
        raise Unprocessable("files: only whole programs can have files; leave out entry or the files")
    if body.entry is None and body.args:
        raise Unprocessable("args: expected only together with entry")
    try:
        args = decode(body.args)
    except ValueRefused as error:
        raise Unprocessable(f"args: {error}") from None
    return Work(
        program=Program(body.source, body.language, body.entry),
        limits=_limits(body.limits, service),
        stdin=body.stdin.encode(),
        args=tuple(args),
        determinism=Determinism(body.determinism),
        clock=body.clock,
        files=plan_files(decoded_files(dict(body.files)), body.fetch_files),
        client_timeout_s=service.client_timeout_s(body.deadline_s),
    )


def _limits(asked: AskedLimits, service: Service) -> Limits:
    default = service.settings.default_limits
    given = {name: value for name, value in asked.model_dump().items() if value is not None}
    for name in ("cpu_time", "wall_time"):
        if name in given:
            service.granted_seconds(f"limits.{name}", given[name])
    cpu_time = given.get("cpu_time", default.cpu_time)
    wall_time = given.get("wall_time", min(2 * cpu_time + 1, service.settings.time_s))
    service.granted_bytes("limits.memory", asked.memory)
    return Limits(**{"memory": default.memory, **given, "cpu_time": cpu_time, "wall_time": wall_time})


def outcome_json(done: Done, name: str | None = None) -> dict[str, Any]:
    """The outcome of a run as JSON data."""
    data = done.outcome.to_json()
    data["queue_time_s"] = round(done.queue_s, 6)
    data["files"] = {path: base64.b64encode(content).decode("ascii") for path, content in done.files.items()}
    data["files_refused"] = dict(done.refused)
    return data | ({"id": name} if name is not None else {})


NATIVE = Dialect(name="native", title="Semi-Instruct", prefixes=("/v1/",), router=router)
