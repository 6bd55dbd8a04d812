"""What the OpenAPI document says of answers that are no success, so that it promises exactly what is done."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    loc: list[str | int] = Field(description="where")
    msg: str = Field(description="what was expected there")
    type: str


class Detail(BaseModel):
    """What is wrong, as FastAPI and SandboxFusion say it."""

    detail: str | list[Fault]


class Message(BaseModel):
    """What is wrong, as Piston says it."""

    message: str


_MEANINGS = {
    400: "the body is not JSON, or not JSON that means one thing only",
    401: "a token is needed, or this is a wrong one",
    403: "a page of another site asks, or by a name that is not this machine's",
    408: "the body did not come in time",
    413: "the body is too large",
    415: "the body is not declared as JSON, or is compressed",
    422: "the request does not fit the schema, or asks for what is not to be had",
    429: "as many wait as may; the header Retry-After says when to ask again",
    503: "ours: no sandbox can be started now, the sandbox failed twice, or the service is ending",
    504: "ours, and worth another try: no sandbox can be started now, the sandbox failed, the service is ending, or no "
    "worker was free in time",
}
_RETRY = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
GUARDED = (400, 401, 403, 408, 413, 415)


def failures(*statuses: int, form: type[BaseModel] = Detail, **others: Any) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route.

    Args:
        statuses: all that it may answer beside success.
        form: of their bodies.
        others: bodies of another form, by status, as in ``_503=Outcome``.
    """
    special = {int(name.removeprefix("_")): model for name, model in others.items()}
    described: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        model = special.get(status, form)
        described[status] = {"model": model, "description": _MEANINGS[status]}
        if status in (429, 503, 504):
            described[status]["headers"] = _RETRY
    return described
