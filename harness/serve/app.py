"""The application: all routes, the layers around them, and how what goes wrong is told."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from semi_instruct.engine import EngineError
from semi_instruct.harness.serve import status_routes, verification
from semi_instruct.harness.serve.answers import plain_answer, problem, refusal_answer
from semi_instruct.harness.serve.dialects import native, piston, sandbox_fusion
from semi_instruct.harness.serve.guard import Guard
from semi_instruct.harness.serve.refusals import ClientGone, Refusal, Unusable
from semi_instruct.harness.serve.request_log import LogWriter, RequestLog
from semi_instruct.harness.serve.service import Service, facts_of

_ABOUT = (
    "Runs programs nobody trusts, each in a sandbox of its own. Three dialects over one engine: SandboxFusion's, "
    "Piston's, and our own. What a program does wrong is an outcome and answered with 200; 5xx are ours."
)
_PISTON = "/api/v2/"
_MOST_FAULTS = 20


def application(service: Service, verifier: verification.Verifier, log: LogWriter) -> ASGIApp:
    """Everything a request passes, from the log inwards."""
    app = FastAPI(title="Semi-Instruct", version="0.1.0", description=_ABOUT, docs_url=None, redoc_url=None)
    app.include_router(sandbox_fusion.router(service))
    app.include_router(piston.router(service))
    app.include_router(native.router(service))
    app.include_router(verification.router(service, verifier))
    app.include_router(status_routes.router(service))
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(EngineError, _not_taken)
    app.add_exception_handler(RequestValidationError, _misshapen)
    app.add_exception_handler(HTTPException, _http_error)
    return RequestLog(Guard(app, service.settings), log, service.metrics)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    facts_of(request).why = type(error).__name__
    if isinstance(error, ClientGone):
        return Response(status_code=error.status)
    return refusal_answer(error, request.url.path)


async def _not_taken(request: Request, error: Exception) -> Response:
    """The engine does not take what is asked for."""
    return await _refused(request, Unusable(str(error)))


async def _misshapen(request: Request, error: Exception) -> Response:
    """What does not fit the schema; without the values, which are the client's own."""
    assert isinstance(error, RequestValidationError)
    facts_of(request).why = "Misshapen"
    faults = [
        {"loc": [_cut(part) for part in each["loc"]], "msg": each["msg"], "type": each["type"]}
        for each in error.errors()[:_MOST_FAULTS]
    ]
    if request.url.path.startswith(_PISTON):
        first = faults[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
        return plain_answer({"message": f"{where}: {first['msg']}"}, 400)
    return plain_answer({"detail": faults}, 422)


def _cut(part: str | int) -> str | int:
    """A part of a path through the body; where it is a key, the client chose it."""
    return part[:80] if isinstance(part, str) else part


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return plain_answer(problem(str(error.detail), request.url.path), error.status_code, error.headers)
