"""Figures for Prometheus. Labels have few values, none of them a client's own words."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Scope

from semi_instruct.engine import Status
from semi_instruct.harness.serve.reasons import CLASSES, reason_class
from semi_instruct.harness.serve.work import Done

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """All figures of one service, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        name = "semi_instruct"
        self._runs = Counter(f"{name}_runs", "Runs that have ended", ("status", "language"), registry=self._registry)
        self._sandbox_errors = Counter(
            f"{name}_sandbox_errors",
            "Runs that the sandbox failed, by class of reason",
            ("reason",),
            registry=self._registry,
        )
        self._extended_s = Counter(
            f"{name}_wall_extension_seconds", "By how much wall limits were extended", registry=self._registry
        )
        self._queue_s = Histogram(
            f"{name}_queue_seconds", "Waiting for a worker", registry=self._registry, buckets=_SECONDS
        )
        self._run_s = Histogram(f"{name}_run_seconds", "Wall time of runs", registry=self._registry, buckets=_SECONDS)
        self._requests = Counter(
            f"{name}_http_requests", "Requests by route and answer", ("route", "status"), registry=self._registry
        )
        self._cancelled = Counter(f"{name}_cancelled", "Requests whose client went away", registry=self._registry)
        for status in Status:
            self._runs.labels(str(status), "python")
        for reason in CLASSES:
            self._sandbox_errors.labels(reason)

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Read a figure whenever somebody asks for it."""
        Gauge(f"semi_instruct_{name}", meaning, registry=self._registry).set_function(value)

    def run(self, done: Done, language: str) -> None:
        """A run has ended."""
        self._runs.labels(str(done.outcome.status), language).inc()
        if done.outcome.status is Status.SANDBOX_ERROR:
            self._sandbox_errors.labels(reason_class(done.outcome.detail)).inc()
        self._extended_s.inc(max(done.outcome.wall_extension_s, 0.0))
        self._queue_s.observe(done.queue_s)
        self._run_s.observe(done.outcome.wall_time_s)

    def request(self, scope: Scope, status: int) -> None:
        """A request was answered; 0 if its client went away before."""
        route = getattr(scope.get("route"), "path", "none")
        self._requests.labels(route, str(status)).inc()
        if status in (0, 499):
            self._cancelled.inc()

    def runs_by_status(self) -> dict[str, int]:
        """How many runs ended how, since the service started."""
        counts: dict[str, int] = {}
        for metric in self._runs.collect():
            for sample in metric.samples:
                if sample.name.endswith("_total"):
                    counts[sample.labels["status"]] = counts.get(sample.labels["status"], 0) + int(sample.value)
        return counts

    def text(self) -> bytes:
        """Everything, in the text format of Prometheus."""
        return generate_latest(self._registry)
