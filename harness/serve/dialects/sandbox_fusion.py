"""SandboxFusion's dialect: ``POST /run_code``, compatible with its server, its client and verl's reward function."""

from __future__ import annotations

import base64
from enum import StrEnum
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from semi_instruct.engine import Limits, Outcome, Program, Status
from semi_instruct.engine.limits import MIB
from semi_instruct.harness.serve.bodies import StrictRoute, with_request
from semi_instruct.harness.serve.dialect import GUARDED, Dialect
from semi_instruct.harness.serve.files import Base64, decoded_files, plan_files, quoted
from semi_instruct.harness.serve.responses import model_response
from semi_instruct.harness.serve.service import Service, cpu_seconds
from semi_instruct.harness.serve.work import Done, Work

_KILLED = -9  # as ``subprocess`` reports SIGKILL
_FAILED = 1
_MIN_S = 0.001
# verl's reward function waits compile_timeout + run_timeout + 10 s; one second is left for the response to arrive.
_CLIENT_WAITS_S = 9.0

type Seconds = Annotated[float, Field(ge=_MIN_S, le=86_400)]


class RunStatus(StrEnum):
    """``Success``: all stages ended with code 0. ``Failed``: the program failed. ``SandboxError``: the sandbox did."""

    SUCCESS = "Success"
    FAILED = "Failed"
    SANDBOX_ERROR = "SandboxError"


class StageStatus(StrEnum):
    """How one stage ended. A program killed for memory or output is ``Finished``, with a code other than 0."""

    FINISHED = "Finished"
    ERROR = "Error"
    TIME_LIMIT_EXCEEDED = "TimeLimitExceeded"


class RunCodeRequest(BaseModel):
    """A program, its input and its limits. Unknown fields are ignored, as SandboxFusion does."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "compile_timeout": 10,
                    "run_timeout": 10,
                    "memory_limit_MB": -1,
                    "code": "import sys\nprint(sum(map(int, sys.stdin.read().split())))",
                    "stdin": "20 22",
                    "language": "python",
                    "files": {},
                    "fetch_files": [],
                }
            ]
        },
    )

    code: str = Field(description="the program")
    language: Literal["python"] = Field(description="the only language")
    compile_timeout: Seconds = Field(default=10, description="seconds; Python programs have no compile stage")
    run_timeout: Seconds = Field(default=10, description="seconds of wall time")
    memory_limit_MB: int = Field(default=-1, ge=-1, description="-1 for the default; otherwise at least 16")
    stdin: str | None = None
    files: dict[str, Base64 | None] = Field(
        default_factory=dict,
        description="contents in base64 by path, in the run's folder, /tmp or /mnt/data; entries with null are ignored",
    )
    fetch_files: list[str] = Field(
        default_factory=list,
        description="paths of files to return; those that cannot be returned are named in message",
    )


class StageResult(BaseModel):
    """How one stage ended, and what it wrote. Bytes that are not UTF-8 appear as U+FFFD."""

    status: StageStatus
    execution_time: float | None = Field(description="seconds of wall time, without the time in the queue")
    return_code: int | None = Field(description="-N if signal N ended it; null after a time limit")
    stdout: str | None
    stderr: str | None


class RunCodeResponse(BaseModel):
    """How the program ended."""

    status: RunStatus
    message: str
    compile_result: StageResult | None = None
    run_result: StageResult | None = None
    executor_pod_name: str | None = None
    files: dict[str, str] = Field(default_factory=dict, description="contents in base64, by path")


def router(service: Service) -> APIRouter:
    """The route of this dialect."""
    routes = APIRouter(route_class=StrictRoute)
    errors = SANDBOX_FUSION.error_responses(*GUARDED, 422, 429, 503, 504, _504=RunCodeResponse)

    @routes.post("/run_code", response_model=RunCodeResponse, responses=errors, summary="Run a program")
    @routes.post("/run_code/", include_in_schema=False)
    async def run_code(body: RunCodeRequest, request: Request) -> Response:
        """Run a program in a sandbox of its own. A failure of the program is returned with status 200."""
        done = await service.perform(await with_request(request, work_of, body, service), request)
        return model_response(response_of(done), done, 504 if done.sandbox_failed else 200)

    return routes


def work_of(body: RunCodeRequest, service: Service) -> Work:
    """The run that a request asks for.

    Raises:
        Unprocessable: it asks for more than is granted, or its files are not allowed.
        InvalidRequest: limits are out of range.
    """
    compile_s = service.granted_seconds("compile_timeout", body.compile_timeout)
    wall_s = service.granted_seconds("run_timeout", body.run_timeout)
    memory = service.granted_bytes("memory_limit_MB", body.memory_limit_MB * MIB if body.memory_limit_MB > 0 else None)
    return Work(
        program=Program(body.code),
        limits=Limits(cpu_time=cpu_seconds(wall_s), wall_time=wall_s, memory=memory),
        stdin=(body.stdin or "").encode(),
        files=plan_files(decoded_files(body.files), body.fetch_files),
        client_timeout_s=service.client_timeout_s(compile_s + wall_s + _CLIENT_WAITS_S),
    )


def response_of(done: Done) -> RunCodeResponse:
    """The response for a run."""
    outcome = done.outcome
    if done.sandbox_failed:
        return RunCodeResponse(status=RunStatus.SANDBOX_ERROR, message=outcome.detail)
    succeeded = outcome.status is Status.OK
    return RunCodeResponse(
        status=RunStatus.SUCCESS if succeeded else RunStatus.FAILED,
        message="; ".join(f"not fetched: {quoted(path)}: {reason}" for path, reason in done.refused.items()),
        run_result=_stage(outcome),
        files={path: base64.b64encode(data).decode("ascii") for path, data in done.files.items()},
    )


def _stage(outcome: Outcome) -> StageResult:
    timed_out = outcome.status is Status.TIME_LIMIT
    stderr = outcome.stderr.decode("utf-8", "replace")
    if outcome.status not in (Status.OK, Status.NONZERO_EXIT, Status.COMPILE_ERROR, Status.SIGNALED):
        separator = "\n" if stderr and not stderr.endswith("\n") else ""
        stderr += f"{separator}semi-instruct: {outcome.status}: {outcome.detail}\n"
    return StageResult(
        status=StageStatus.TIME_LIMIT_EXCEEDED if timed_out else StageStatus.FINISHED,
        execution_time=round(outcome.wall_time_s, 6),
        return_code=None if timed_out else return_code(outcome),
        stdout=outcome.stdout.decode("utf-8", "replace"),
        stderr=stderr,
    )


def return_code(outcome: Outcome) -> int:
    """The return code as ``subprocess`` reports it. Never 0 for a program that did not succeed."""
    if outcome.status is Status.OK:
        return 0
    if outcome.status in (Status.MEMORY_LIMIT, Status.OUTPUT_LIMIT, Status.FORBIDDEN_SYSCALL):
        return _KILLED
    if outcome.signal is not None:
        return -outcome.signal
    return outcome.exit_code or _FAILED


SANDBOX_FUSION = Dialect(
    name="sandbox_fusion",
    title="SandboxFusion",
    prefixes=("/run_code",),
    router=router,
    statuses={503: 504},  # verl tries again on 504 only
)
