"""Answers as bytes: outcomes and refusals in the words of whoever asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from semi_instruct.harness.serve.refusals import Refusal
from semi_instruct.harness.serve.work import Done

QUEUE_HEADER = "X-Queue-Seconds"
_PISTON = "/api/v2/"


def answer(model: BaseModel, done: Done | None = None, status: int = 200) -> Response:
    """A model as JSON, with the queue time in a header if a run stands behind it."""
    headers = {QUEUE_HEADER: f"{done.queue_s:.6f}"} if done is not None else {}
    if status >= 500:
        headers["Retry-After"] = "1"
    return Response(model.model_dump_json(), status, headers, "application/json")


def plain_answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Plain data as JSON. Strings that are no text, as programs may return them, appear escaped."""
    return Response(json.dumps(data, separators=(",", ":")), status, dict(headers or {}), "application/json")


def refusal_answer(refusal: Refusal, path: str) -> Response:
    """A refusal, in Piston's form on its paths and in the form of FastAPI, and so of SandboxFusion, elsewhere."""
    headers = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return plain_answer(problem(str(refusal), path), _status(refusal, path), headers)


def problem(text: str, path: str) -> dict[str, str]:
    """What is wrong, as JSON data."""
    return {"message": text} if path.startswith(_PISTON) else {"detail": text}


def _status(refusal: Refusal, path: str) -> int:
    """Piston says 400 for all that is wrong with a request. Clients of SandboxFusion's try again on 504 alone."""
    if path.startswith(_PISTON) and refusal.status == 422:
        return 400
    if path.startswith("/run_code") and refusal.status == 503:
        return 504
    return refusal.status
