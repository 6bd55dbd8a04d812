"""Prometheus metrics. Labels have few values, none of them chosen by a client."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Scope

from semi_instruct.engine import Status
from semi_instruct.harness.serve.work import Done

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
# The first class whose words are in the reason counts. The words are the engine's and the kernel's.
_WORDS = {
    "open files": ("too many open files", "emfile", "enfile", "open files"),
    "bpf": ("seccomp", "bpf"),
    "memory": ("cannot allocate memory", "enomem", "out of memory"),
    "processes": ("resource temporarily unavailable", "eagain", "pids", "no child processes"),
    "disk": ("no space left", "enospc", "read-only file system"),
    "control group": ("control group", "cgroup"),
    "killed": ("killed from outside",),
    "no sandbox": ("no sandbox came", "sandbox is gone", "sandbox ended before"),
    "service": ("service",),
    "worker": ("worker", "zygote", "jail"),
}
OTHER = "other"
CLASSES = (*_WORDS, OTHER)


def reason_class(detail: str) -> str:
    """The class of a reason why the sandbox failed, one of ``CLASSES``.

    Reasons are free text with paths in it. Labels of metrics and clients without a token get the class only.
    """
    reason = detail.lower()
    return next((name for name, words in _WORDS.items() if any(each in reason for each in words)), OTHER)


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        name = "semi_instruct"
        self._runs = Counter(f"{name}_runs", "Runs that have ended", ("status", "language"), registry=self._registry)
        self._sandbox_errors = Counter(
            f"{name}_sandbox_errors",
            "Runs that failed because of the sandbox, by class of reason",
            ("reason",),
            registry=self._registry,
        )
        self._extended_s = Counter(
            f"{name}_wall_extension_seconds", "Seconds by which wall limits were extended", registry=self._registry
        )
        self._queue_s = Histogram(
            f"{name}_queue_seconds", "Time that runs waited for a worker", registry=self._registry, buckets=_SECONDS
        )
        self._run_s = Histogram(f"{name}_run_seconds", "Wall time of runs", registry=self._registry, buckets=_SECONDS)
        self._requests = Counter(
            f"{name}_http_requests",
            "Requests by dialect, route and status",
            ("dialect", "route", "status"),
            registry=self._registry,
        )
        self._cancelled = Counter(
            f"{name}_cancelled", "Requests whose client disconnected before the response", registry=self._registry
        )
        for status in Status:
            self._runs.labels(str(status), "python")
        for reason in CLASSES:
            self._sandbox_errors.labels(reason)

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is read whenever the metrics are."""
        Gauge(f"semi_instruct_{name}", meaning, registry=self._registry).set_function(value)

    def run(self, done: Done, language: str) -> None:
        """Count a run."""
        self._runs.labels(str(done.outcome.status), language).inc()
        if done.outcome.status is Status.SANDBOX_ERROR:
            self._sandbox_errors.labels(reason_class(done.outcome.detail)).inc()
        self._extended_s.inc(max(done.outcome.wall_extension_s, 0.0))
        self._queue_s.observe(done.queue_s)
        self._run_s.observe(done.outcome.wall_time_s)

    def request(self, scope: Scope, dialect: str, status: int) -> None:
        """Count a request.

        Args:
            scope: the request's; its route's path template is a label, its own path is not.
            dialect: name of its dialect.
            status: of the response; 0 if the client disconnected before it.
        """
        route = getattr(scope.get("route"), "path", "none")
        self._requests.labels(dialect, route, str(status)).inc()
        if status in (0, 499):
            self._cancelled.inc()

    def runs_by_status(self) -> dict[str, int]:
        """The number of runs with each status since the service started."""
        counts: dict[str, int] = {}
        for metric in self._runs.collect():
            for sample in metric.samples:
                if sample.name.endswith("_total"):
                    counts[sample.labels["status"]] = counts.get(sample.labels["status"], 0) + int(sample.value)
        return counts

    def text(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self._registry)
