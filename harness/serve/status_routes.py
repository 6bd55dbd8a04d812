"""The condition of the service: two pages for people, metrics for Prometheus, health checks for load balancers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from importlib import resources
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from semi_instruct.harness.serve.dialect import NO_DIALECT, Detail
from semi_instruct.harness.serve.metrics import reason_class
from semi_instruct.harness.serve.responses import json_response
from semi_instruct.harness.serve.service import Service

_HTML = "text/html; charset=utf-8"
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


class Load(BaseModel):
    """The present load."""

    workers: int
    running: int
    waiting: int
    queue: int = Field(description="number of runs that may wait")
    runs: dict[str, int] = Field(description="number of runs that have ended, by status")


class HealthResponse(BaseModel):
    """The active isolation layers, and the present load."""

    status: Literal["ok", "degraded", "failing", "draining"]
    reason: str
    walls: dict[str, bool]
    languages: dict[str, str] = Field(description="version of each language")
    load: Load


class AliveResponse(BaseModel):
    """Whether clients should send runs to this service."""

    status: Literal["ok", "degraded", "failing", "draining"]
    reason: str = Field(default="", description="class of the reason why no runs can be done; absent if they can")


def router(service: Service) -> APIRouter:
    """The routes of health checks, metrics and pages."""
    routes = APIRouter()
    guarded = NO_DIALECT.error_responses(401, 403, 408, 413, 429)
    unwell = {"description": "no runs can be done at the moment"}

    @routes.get(
        "/v1/health",
        response_model=HealthResponse,
        responses={**guarded, 503: {**unwell, "model": HealthResponse | Detail}},
    )
    async def health() -> Response:
        """The active isolation layers, and the load of the service. 503 while no runs can be done."""
        condition = service.condition
        body = {
            "status": condition.status,
            "reason": condition.reason,
            "walls": condition.walls,
            "languages": {"python": service.python_version},
            "load": {
                "workers": service.pool.workers,
                "running": service.pool.running,
                "waiting": service.pool.waiting,
                "queue": service.settings.queue,
                "runs": service.metrics.runs_by_status(),
            },
        }
        return json_response(body, 200 if condition.can_serve else 503)

    @routes.get(
        "/healthz",
        response_model=AliveResponse,
        responses={**guarded, 503: {**unwell, "model": AliveResponse | Detail}},
    )
    async def alive() -> Response:
        """Whether runs can be done, and the class of the reason if not. Needs no token."""
        condition = service.condition
        body = {"status": condition.status} | ({"reason": reason_class(condition.reason)} if condition.reason else {})
        return json_response(body, 200 if condition.can_serve else 503)

    text = {"description": "metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}

    @routes.get("/metrics", response_class=Response, responses={**guarded, 200: text})
    async def metrics() -> Response:
        """Metrics for Prometheus."""
        return Response(service.metrics.text(), media_type=_METRICS)

    for path, name in (("/", "page.html"), ("/docs", "documentation.html")):
        routes.add_api_route(path, _page(name), include_in_schema=False, response_class=Response)
    return routes


def _page(name: str) -> Callable[[], Coroutine[Any, Any, Response]]:
    async def page() -> Response:
        content = resources.files("semi_instruct.harness.serve").joinpath(name).read_bytes()
        return Response(content, headers=_PAGE_HEADERS, media_type=_HTML)

    return page
