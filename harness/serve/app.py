"""The application: all routes, the layers around them, and how exceptions become responses."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from semi_instruct import __version__
from semi_instruct.engine import EngineError
from semi_instruct.harness.serve import status_routes, verification
from semi_instruct.harness.serve.dialect import NO_DIALECT, Dialect, Fault
from semi_instruct.harness.serve.dialects import DIALECTS
from semi_instruct.harness.serve.errors import ClientDisconnected, ServiceError, Unprocessable
from semi_instruct.harness.serve.guard import Guard
from semi_instruct.harness.serve.request_log import LogWriter, RequestLog, record_of
from semi_instruct.harness.serve.responses import error_response, json_response
from semi_instruct.harness.serve.service import Service

_ABOUT = (
    "Runs untrusted programs, each in a sandbox of its own. Speaks the dialects of SandboxFusion and Piston, and its "
    "own. A failure of a program is an outcome, with status 200. Server errors (5xx) say nothing about the program."
)
_MAX_FAULTS = 20
_MAX_KEY = 80


def application(
    service: Service, verifier: verification.Verifier, log: LogWriter, dialects: Sequence[Dialect] = DIALECTS
) -> ASGIApp:
    """The whole ASGI application, the request log outermost.

    Args:
        dialects: those to serve.
    """
    app = FastAPI(title="Semi-Instruct", version=__version__, description=_ABOUT, docs_url=None, redoc_url=None)
    for dialect in dialects:
        app.include_router(dialect.router(service), tags=[dialect.title])
    app.include_router(verification.router(service, verifier))
    app.include_router(status_routes.router(service), tags=[NO_DIALECT.title])
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(EngineError, _on_engine_error)
    app.add_exception_handler(RequestValidationError, _on_schema_mismatch)
    app.add_exception_handler(HTTPException, _on_http_error)
    return RequestLog(Guard(app, service.settings), log, service.metrics, dialects)


async def _on_service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    record = record_of(request)
    record.why = type(error).__name__
    if isinstance(error, ClientDisconnected):
        return Response(status_code=error.status)
    return error_response(error, record.dialect)


async def _on_engine_error(request: Request, error: Exception) -> Response:
    """The engine refuses the program or its limits."""
    return await _on_service_error(request, Unprocessable(str(error)))


async def _on_schema_mismatch(request: Request, error: Exception) -> Response:
    """The body does not fit the schema. The response does not repeat any values of the request."""
    assert isinstance(error, RequestValidationError)
    record = record_of(request)
    record.why = "SchemaMismatch"
    faults = [
        Fault.model_construct(loc=[_cut(part) for part in each["loc"]], msg=each["msg"], type=each["type"])
        for each in error.errors()[:_MAX_FAULTS]
    ]
    where = ".".join(str(part) for part in faults[0].loc[1:]) or "the body"
    body = record.dialect.error_body(f"{where}: {faults[0].msg}", faults)
    return json_response(body, record.dialect.status(422))


def _cut(part: str | int) -> str | int:
    """A part of the path to a fault. It may be a key that the client chose."""
    return part[:_MAX_KEY] if isinstance(part, str) else part


async def _on_http_error(request: Request, error: Exception) -> Response:
    """No such route or method, or a body that ``bodies.parse`` refuses."""
    assert isinstance(error, HTTPException)
    dialect = record_of(request).dialect
    return json_response(dialect.error_body(str(error.detail), ()), dialect.status(error.status_code), error.headers)
