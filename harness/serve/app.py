"""The application: all routes, the layers around them, and the answers to errors."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from semi_instruct import __version__
from semi_instruct.engine import EngineError
from semi_instruct.harness.serve import status_routes, verification
from semi_instruct.harness.serve.answers import plain_answer, refusal_answer
from semi_instruct.harness.serve.dialect import Dialects
from semi_instruct.harness.serve.dialects import DIALECTS
from semi_instruct.harness.serve.guard import Guard
from semi_instruct.harness.serve.refusals import ClientGone, Refusal, Unusable
from semi_instruct.harness.serve.request_log import LogWriter, RequestLog
from semi_instruct.harness.serve.service import Service, facts_of

_ABOUT = (
    "Runs untrusted programs, each in a sandbox of its own, in the dialects of SandboxFusion and Piston and in a "
    "native one. What a program does wrong is an outcome and answered with 200; a status of 5xx is a fault of the "
    "service."
)
_MAX_FAULTS = 20


def application(
    service: Service, verifier: verification.Verifier, log: LogWriter, dialects: Dialects = DIALECTS
) -> ASGIApp:
    """Everything that a request passes, from the log inwards."""
    app = FastAPI(title="Semi-Instruct", version=__version__, description=_ABOUT, docs_url=None, redoc_url=None)
    for dialect in dialects.all:
        app.include_router(dialect.router(service))
    app.include_router(verification.router(service, verifier))
    app.include_router(status_routes.router(service))

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        facts_of(request).why = type(error).__name__
        if isinstance(error, ClientGone):
            return Response(status_code=error.status)
        return refusal_answer(error, dialects.of(request.url.path))

    async def not_taken(request: Request, error: Exception) -> Response:
        """The engine does not take what is asked for."""
        return await refused(request, Unusable(str(error)))

    async def invalid(request: Request, error: Exception) -> Response:
        """The body does not fit the schema. The answer leaves out its values, which are the client's own."""
        assert isinstance(error, RequestValidationError)
        facts_of(request).why = "Misshapen"
        faults = [
            {"loc": [_cut(part) for part in each["loc"]], "msg": each["msg"], "type": each["type"]}
            for each in error.errors()[:_MAX_FAULTS]
        ]
        dialect = dialects.of(request.url.path)
        return plain_answer(dialect.invalid(faults), dialect.status(Unusable.status))

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        body = dialects.of(request.url.path).error(str(error.detail))
        return plain_answer(body, error.status_code, error.headers)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(EngineError, not_taken)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http_error)
    return RequestLog(Guard(app, service.settings, dialects), log, service.metrics, dialects)


def _cut(part: str | int) -> str | int:
    """A part of a path through the body; where it is a key, the client chose it."""
    return part[:80] if isinstance(part, str) else part
