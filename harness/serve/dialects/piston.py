"""Piston's dialect: ``POST /api/v2/execute`` and ``GET /api/v2/runtimes``. No route installs packages."""

from __future__ import annotations

import base64
import binascii
import signal
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from semi_instruct.engine import Limits, Outcome, Program, Status
from semi_instruct.harness.serve.bodies import StrictRoute, with_request
from semi_instruct.harness.serve.dialect import GUARDED, Dialect, Fault
from semi_instruct.harness.serve.errors import Unavailable, Unprocessable
from semi_instruct.harness.serve.files import plan_files
from semi_instruct.harness.serve.responses import json_response, model_response
from semi_instruct.harness.serve.semver import parse_version, satisfies
from semi_instruct.harness.serve.service import LANGUAGE, Service, cpu_seconds
from semi_instruct.harness.serve.work import Work

_DEFAULT_RUN_MS = 3_000
_DEFAULT_COMPILE_MS = 10_000
_KILL = "SIGKILL"

type Milliseconds = Annotated[int | float, Field(ge=1, le=86_400_000)]
type Bytes = Annotated[int, Field(ge=-1, description="-1 for the default")]


class File(BaseModel):
    """A file of the program; the first one is run."""

    model_config = ConfigDict(strict=True)

    content: str
    name: str | None = Field(
        default=None, description="a path relative to the run's folder; the first file is main.py without one"
    )
    encoding: Literal["utf8", "base64", "hex"] = "utf8"


class ExecuteRequest(BaseModel):
    """A program, its input and its limits. Unknown fields are ignored, as Piston does."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "language": "python",
                    "version": "3.x",
                    "files": [{"name": "main.py", "content": "import sys\nprint(sys.argv[1:], input())"}],
                    "stdin": "hello",
                    "args": ["1", "2"],
                    "run_timeout": 3000,
                    "run_memory_limit": -1,
                }
            ]
        },
    )

    language: str = Field(max_length=100)
    version: str = Field(max_length=256, description="a semver range; * for any")
    files: list[File] = Field(min_length=1)
    stdin: str | None = None
    args: list[str] | None = None
    compile_timeout: Milliseconds = Field(
        default=_DEFAULT_COMPILE_MS, description="milliseconds; Python programs have no compile stage"
    )
    run_timeout: Milliseconds = Field(default=_DEFAULT_RUN_MS, description="milliseconds of wall time")
    compile_cpu_time: Milliseconds = Field(default=_DEFAULT_COMPILE_MS, description="milliseconds; not used")
    run_cpu_time: Milliseconds | None = Field(default=None, description="milliseconds of the whole process tree")
    compile_memory_limit: Bytes = -1
    run_memory_limit: Bytes = -1


class Stage(BaseModel):
    """How the program ended, and what it wrote.

    ``status``: null, RE (a code other than 0), SG (a signal, or the memory limit), TO (a time limit), OL and EL (too
    much on stdout or stderr).
    """

    stdout: str
    stderr: str
    output: str = Field(description="stdout, then stderr")
    code: int | None
    signal: str | None
    message: str | None
    status: Literal["RE", "SG", "TO", "OL", "EL", "XX"] | None
    cpu_time: int = Field(description="milliseconds")
    wall_time: int = Field(description="milliseconds, without the time in the queue")
    memory: int = Field(description="bytes")


class Message(BaseModel):
    """What is wrong, in the form of Piston."""

    message: str


class ExecuteResponse(BaseModel):
    """How the program ended."""

    language: str
    version: str
    run: Stage


class Runtime(BaseModel):
    """A language that can be run."""

    language: str
    version: str
    aliases: list[str]


def router(service: Service) -> APIRouter:
    """The routes of this dialect."""
    routes = APIRouter(route_class=StrictRoute, prefix="/api/v2")
    errors = PISTON.error_responses(*GUARDED, 422, 429, 503, 504)

    @routes.get(
        "/runtimes",
        response_model=list[Runtime],
        responses=PISTON.error_responses(401, 403, 408, 413, 429),
        summary="Languages",
    )
    @routes.get("/runtimes/", include_in_schema=False)
    async def runtimes() -> Response:
        """The languages that can be run."""
        return json_response(
            [{"language": LANGUAGE, "version": service.python_version, "aliases": aliases(service.python_version)}]
        )

    @routes.post("/execute", response_model=ExecuteResponse, responses=errors, summary="Run a program")
    @routes.post("/execute/", include_in_schema=False)
    async def execute(body: ExecuteRequest, request: Request) -> Response:
        """Run a program in a sandbox of its own. A failure of the program is returned with status 200."""
        done = await service.perform(await with_request(request, work_of, body, service), request)
        if done.sandbox_failed:
            raise Unavailable(f"the sandbox failed: {done.outcome.detail}", 1)
        run = stage_of(done.outcome)
        return model_response(ExecuteResponse(language=LANGUAGE, version=service.python_version, run=run), done)

    return routes


def aliases(version: str) -> list[str]:
    """Other names of the language in this version."""
    major, minor, _ = parse_version(version)
    return ["py", f"py{major}", f"python{major}", f"python{major}.{minor}"]


def work_of(body: ExecuteRequest, service: Service) -> Work:
    """The run that a request asks for.

    Raises:
        Unprocessable: language or version are not available, it asks for more than is granted, or its files are not
            allowed.
        InvalidRequest: limits are out of range.
    """
    known = body.language in (LANGUAGE, *aliases(service.python_version))
    if not known or not satisfies(parse_version(service.python_version), body.version):
        available = f"{LANGUAGE}-{service.python_version}"
        raise Unprocessable(f"{body.language}-{body.version} is not available: expected {available}")
    compile_s = service.granted_seconds("compile_timeout", body.compile_timeout / 1000)
    service.granted_seconds("compile_cpu_time", body.compile_cpu_time / 1000)
    service.granted_bytes("compile_memory_limit", body.compile_memory_limit)
    wall_s = service.granted_seconds("run_timeout", body.run_timeout / 1000)
    cpu_s = cpu_seconds(wall_s)
    if body.run_cpu_time is not None:
        cpu_s = service.granted_seconds("run_cpu_time", body.run_cpu_time / 1000)
    memory = service.granted_bytes("run_memory_limit", body.run_memory_limit if body.run_memory_limit > 0 else None)
    contents = [_content(number, file) for number, file in enumerate(body.files)]
    main, *others = (file.name or "" for file in body.files)
    files = dict(zip(others, contents[1:], strict=True))
    if len(files) < len(others) or main in files:
        raise Unprocessable("files: expected a different name for each")
    return Work(
        program=Program(contents[0]),
        limits=Limits(cpu_time=cpu_s, wall_time=wall_s, memory=memory),
        stdin=(body.stdin or "").encode(),
        files=plan_files(files, (), body.args or (), main or None),
        # Piston's own server takes as long as its two stages may, so clients wait for that long at least.
        client_timeout_s=service.client_timeout_s(compile_s + wall_s),
    )


def _content(number: int, file: File) -> bytes:
    try:
        match file.encoding:
            case "base64":
                return base64.b64decode(file.content, validate=True)
            case "hex":
                return bytes.fromhex(file.content)
            case _:
                return file.content.encode()
    except (binascii.Error, ValueError):
        raise Unprocessable(f"files[{number}].content: is not {file.encoding}") from None


def stage_of(outcome: Outcome) -> Stage:
    """The stage for an outcome."""
    stdout, stderr = outcome.stdout.decode("utf-8", "replace"), outcome.stderr.decode("utf-8", "replace")
    status, code, signal_name = _status(outcome)
    return Stage(
        stdout=stdout,
        stderr=stderr,
        output=stdout + stderr,
        code=code,
        signal=signal_name,
        message=None if status is None else f"{outcome.status}: {outcome.detail}",
        status=status,
        cpu_time=round(outcome.cpu_time_s * 1000),
        wall_time=round(outcome.wall_time_s * 1000),
        memory=outcome.peak_memory_bytes,
    )


def _status(outcome: Outcome) -> tuple[Literal["RE", "SG", "TO", "OL", "EL"] | None, int | None, str | None]:
    """Status, code and signal. The code is 0 only for a program that succeeded."""
    match outcome.status:
        case Status.OK:
            return None, 0, None
        case Status.TIME_LIMIT:
            return "TO", None, _KILL
        case Status.OUTPUT_LIMIT:
            return ("OL" if outcome.stdout_truncated else "EL"), None, _KILL
        case Status.MEMORY_LIMIT | Status.FORBIDDEN_SYSCALL:
            return "SG", None, _KILL
    if outcome.signal is not None:
        return "SG", None, signal.Signals(outcome.signal).name if outcome.signal < 32 else str(outcome.signal)
    return "RE", outcome.exit_code or 1, None


def error_body(message: str, _: Sequence[Fault]) -> dict[str, str]:
    """The body of an error (``Message``)."""
    return {"message": message}


PISTON = Dialect(
    name="piston",
    title="Piston",
    prefixes=("/api/v2/",),
    router=router,
    error_body=error_body,
    error_model=Message,
    statuses={422: 400},
)
