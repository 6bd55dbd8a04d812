"""Responses: outcomes and errors as bytes with the headers that every dialect sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from semi_instruct.harness.serve.dialect import Dialect
from semi_instruct.harness.serve.errors import ServiceError
from semi_instruct.harness.serve.work import Done

QUEUE_HEADER = "X-Queue-Seconds"


def model_response(model: BaseModel, done: Done | None = None, status: int = 200) -> Response:
    """A model as JSON; with the queue time of a run in a header, and with ``Retry-After`` if the status is 5xx."""
    headers = {QUEUE_HEADER: f"{done.queue_s:.6f}"} if done is not None else {}
    if status >= 500:
        headers["Retry-After"] = "1"
    return Response(model.model_dump_json(), status, headers, "application/json")


def json_response(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON data. Everything outside ASCII is escaped, so lone surrogates that programs return pass through."""
    return Response(json.dumps(data, separators=(",", ":")), status, dict(headers or {}), "application/json")


def error_response(error: ServiceError, dialect: Dialect) -> Response:
    """An error, as a dialect renders it."""
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return json_response(dialect.error_body(str(error), ()), dialect.status(error.status), headers)
