"""What the service knows about an HTTP dialect: its URL paths, its routes and how its errors look.

The dialects that are served are listed in ``harness.serve.dialects``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from semi_instruct.harness.serve.service import Service

GUARDED = (400, 401, 403, 408, 413, 415)
"""Statuses with which ``harness.serve.guard`` and ``harness.serve.bodies`` may answer any request with a body."""

_MEANINGS = {
    400: "the body is not JSON, or is ambiguous (duplicate keys, for example)",
    401: "the token is missing or wrong",
    403: "the request comes from a page of another site, or to a host name that is not this machine's",
    408: "the body did not arrive in time",
    413: "the body is too large",
    415: "the body is not declared as JSON, or is compressed",
    422: "the request does not fit the schema, or asks for something that is not available",
    429: "the queue is full; the header Retry-After says when to try again",
    503: "server error: no sandbox can be started, the sandbox failed twice, or the service is shutting down",
    504: "server error; try again: no worker became free in time; for some dialects also: no sandbox can be started, "
    "the sandbox failed twice, or the service is shutting down",
}
_RETRY_AFTER = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    loc: list[str | int] = Field(description="path to the value")
    msg: str = Field(description="what was expected")
    type: str


class Detail(BaseModel):
    """What is wrong, in the form of FastAPI and SandboxFusion."""

    detail: str | list[Fault]


def detail_body(message: str, faults: Sequence[Fault]) -> dict[str, Any]:
    """The body of an error in the form of FastAPI (``Detail``)."""
    return {"detail": [dict(fault) for fault in faults] or message}


@dataclass(frozen=True, slots=True)
class Dialect:
    """An HTTP dialect: one way to ask for runs and to report their outcomes.

    Attributes:
        name: identifies the dialect in the request log and in the metrics.
        title: heading of its routes in the OpenAPI document.
        prefixes: a request belongs to the dialect if its URL path starts with one of these; see ``find_dialect``.
        router: returns the routes. Called once per service.
        error_body: returns the body of an error as JSON data, from a message and the faults of a request that does not
            fit the schema. In all other errors there are no faults.
        error_model: describes that body in the OpenAPI document.
        statuses: HTTP statuses of errors that the dialect replaces by others.
    """

    name: str
    title: str
    prefixes: tuple[str, ...]
    router: Callable[[Service], APIRouter]
    error_body: Callable[[str, Sequence[Fault]], dict[str, Any]] = detail_body
    error_model: type[BaseModel] = Detail
    statuses: Mapping[int, int] = field(default_factory=dict)

    def status(self, status: int) -> int:
        """The HTTP status that the dialect sends for an error with this status."""
        return self.statuses.get(status, status)

    def error_responses(self, *statuses: int, **models: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
        """The argument ``responses`` of a route, for the OpenAPI document.

        Args:
            statuses: with which the route may fail, before ``self.statuses`` is applied.
            models: bodies of another form that the route may send too, by the status that is sent: ``_503=Outcome``.
        """
        described: dict[int | str, dict[str, Any]] = {}
        for status in map(self.status, statuses):
            extra = models.get(f"_{status}")
            model = self.error_model if extra is None else self.error_model | extra
            described[status] = {"model": model, "description": _MEANINGS[status]}
            if status in (429, 503, 504):
                described[status]["headers"] = _RETRY_AFTER
        return described


NO_DIALECT = Dialect("none", "Status", (), lambda _: APIRouter())
"""For paths that belong to no dialect: status routes, pages, and paths that do not exist."""


def find_dialect(path: str, dialects: Iterable[Dialect]) -> Dialect:
    """The dialect with the longest prefix of a URL path; ``NO_DIALECT`` if there is none."""
    found, longest = NO_DIALECT, -1
    for dialect in dialects:
        for prefix in dialect.prefixes:
            if path.startswith(prefix) and len(prefix) > longest:
                found, longest = dialect, len(prefix)
    return found
