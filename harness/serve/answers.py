"""Answers as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from semi_instruct.harness.serve.dialect import Dialect
from semi_instruct.harness.serve.refusals import Refusal
from semi_instruct.harness.serve.work import Done

QUEUE_HEADER = "X-Queue-Seconds"


def answer(model: BaseModel, done: Done | None = None, status: int = 200) -> Response:
    """A model as JSON, with the queue time in a header if a run stands behind it."""
    headers = {QUEUE_HEADER: f"{done.queue_s:.6f}"} if done is not None else {}
    if status >= 500:
        headers["Retry-After"] = "1"
    return Response(model.model_dump_json(), status, headers, "application/json")


def plain_answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Plain data as JSON. Strings that are no text, as programs may return them, appear escaped."""
    return Response(json.dumps(data, separators=(",", ":")), status, dict(headers or {}), "application/json")


def refusal_answer(refusal: Refusal, dialect: Dialect) -> Response:
    """A refusal in a dialect."""
    headers = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return plain_answer(dialect.error(str(refusal)), dialect.status(refusal.status), headers)
