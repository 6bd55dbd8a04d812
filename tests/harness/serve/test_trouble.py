"""Responses while no sandbox can be started, and timeouts of clients; with a fake engine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from semi_instruct.engine import Outcome, Status
from semi_instruct.harness.serve.metrics import CLASSES, OTHER, reason_class
from tests.harness.serve.in_process import Running
from tests.harness.serve.running import code, until
from tests.timing import allow_seconds

_TROUBLE = "jails cannot start: bpf: Cannot allocate memory\n\x1b[2J"
_PISTON = {"language": "python", "version": "*", "files": [{"content": "print(1)"}]}
_PROBLEM = {
    "id": "p",
    "kind": "stdin",
    "oracles": ["1", "2"],
    "examples": [{"input": ""}],
    "candidates": [{"id": "c", "source": "3"}],
}


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running(queue_time_s=allow_seconds(0.3))
    yield made
    made.close()


def test_without_sandboxes_new_requests_fail_with_the_reason_in_every_dialect(running: Running) -> None:
    running.engine.trouble = _TROUBLE
    asked = [
        ("/run_code", code("print(1)"), 504, "detail"),  # verl retries on 504 only
        ("/api/v2/execute", _PISTON, 503, "message"),
        ("/v1/run", {"source": "print(1)"}, 503, "detail"),
        ("/v1/runs", {"runs": [{"source": "print(1)"}]}, 503, "detail"),
        ("/v1/verify", {"problem": _PROBLEM}, 503, "detail"),
    ]
    for path, body, status, key in asked:
        answer = running.http.post(path, json=body)
        assert (answer.status_code, list(answer.json())) == (status, [key]), (path, answer.text)
        assert "Cannot allocate memory" in answer.json()[key]
        assert int(answer.headers["retry-after"]) >= 1
    assert running.engine.limits == []
    for path in ("/healthz", "/v1/health"):
        health = running.http.get(path)
        assert (health.status_code, health.json()["status"]) == (503, "degraded")
    assert "Cannot allocate memory" in running.http.get("/v1/health").json()["reason"]
    assert running.http.get("/healthz").json()["reason"] == "bpf"  # this route needs no token
    running.engine.trouble = None
    assert running.http.get("/healthz").json() == {"status": "ok"}
    assert running.http.post("/v1/run", json={"source": "print(1)"}).status_code == 200
    running.close()
    lines = running.log.getvalue().splitlines()
    assert [json.loads(line).get("why") for line in lines[:5]] == ["NoSandboxes"] * 5
    assert all(line.isprintable() for line in lines)


def test_waiting_requests_fail_after_their_timeout(running: Running) -> None:
    """One run waits in the engine for a sandbox, the other in the queue. Both requests fail; neither run goes on."""
    answers: list[Any] = []

    def ask(source: str) -> threading.Thread:
        body = {"source": source, "limits": {"cpu_time": 0.1, "wall_time": 0.1}, "deadline_s": 0.2}
        thread = threading.Thread(target=lambda: answers.append(running.http.post("/v1/run", json=body)))
        thread.start()
        return thread

    threads = [ask("wait")]
    assert running.engine.waiting.wait(allow_seconds(5))
    threads.append(ask("print(1)"))
    assert until(lambda: running.pool.waiting == 1)
    running.engine.trouble = _TROUBLE
    for thread in threads:
        thread.join(allow_seconds(20))
    assert [(each.status_code, "no sandbox" in each.json()["detail"]) for each in answers] == [(503, True)] * 2
    assert until(lambda: running.pool.running == 0)
    assert len(running.engine.limits) == 1


def test_a_run_that_has_started_is_awaited(running: Running) -> None:
    thread = threading.Thread(target=lambda: running.http.post("/v1/run", json={"source": "wait"}))
    thread.start()
    assert running.engine.waiting.wait(allow_seconds(5))
    late = running.http.post("/v1/run", json={"source": "print(1)"})
    assert (late.status_code, "no worker was free" in late.json()["detail"]) == (504, True)
    assert thread.is_alive()
    running.pool.stop()
    thread.join(allow_seconds(5))


def test_every_reason_of_a_sandbox_error_is_reported(running: Running) -> None:
    running.engine.outcome = Outcome(Status.SANDBOX_ERROR, detail="workers died 2 times, last:\nthe zygote")
    assert "zygote" in running.http.post("/v1/run", json={"source": ""}).json()["detail"]
    assert "zygote" in running.http.post("/api/v2/execute", json=_PISTON).json()["message"]
    theirs = running.http.post("/run_code", json=code(""))
    assert (theirs.status_code, "zygote" in theirs.json()["message"]) == (504, True)
    assert int(theirs.headers["retry-after"]) >= 1
    running.engine.outcome = Outcome(Status.SANDBOX_ERROR, detail="x" * 10_000)
    running.http.post("/v1/runs", json={"runs": [{"source": ""}]})
    metrics = running.http.get("/metrics").text
    assert 'semi_instruct_sandbox_errors_total{reason="worker"} 3.0' in metrics
    assert f'semi_instruct_sandbox_errors_total{{reason="{OTHER}"}} 1.0' in metrics
    assert metrics.count("semi_instruct_sandbox_errors_total{") == len(CLASSES)
    running.close()
    lines = [json.loads(line) for line in running.log.getvalue().splitlines()]
    assert ["zygote" in line["reasons"] for line in lines[:3]] == [True] * 3
    assert len(lines[3]["reasons"]) <= 200


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ("[Errno 24] Too many open files", "open files"),
        ("seccomp: Cannot allocate memory", "bpf"),
        ("[Errno 12] Cannot allocate memory", "memory"),
        ("fork: Resource temporarily unavailable", "processes"),
        ("workers died 3 times, last: no sandbox came in time", "no sandbox"),
        ("", OTHER),
        ('"}\nsemi_instruct_forged 1', OTHER),
    ],
)
def test_reasons_have_few_classes(detail: str, expected: str) -> None:
    assert reason_class(detail) == expected
    assert expected in CLASSES


def test_every_dialect_sets_the_timeout_of_its_client() -> None:
    made = Running()
    try:
        ask = made.http.post
        ask("/run_code", json=code("", run_timeout=10, compile_timeout=10))
        ask("/run_code", json=code("", run_timeout=1, compile_timeout=10))
        ask("/api/v2/execute", json=_PISTON | {"run_timeout": 10_000, "compile_timeout": 5_000})
        ask("/v1/run", json={"source": "", "limits": {"wall_time": 3.0}})
        ask("/v1/run", json={"source": "", "limits": {"wall_time": 3.0}, "deadline_s": 7})
        ask("/v1/run", json={"source": "", "limits": {"wall_time": 3.0}, "deadline_s": 1})
        deadlines = [limits.deadline for limits in made.engine.limits]
    finally:
        made.close()
    # Less the few milliseconds in the queue.
    for deadline, expected in zip(deadlines, (29, 5, 15, 15, 7, 3), strict=True):
        assert deadline is not None
        assert expected - allow_seconds(0.5) < deadline <= expected


def test_the_client_deadline_of_the_operator() -> None:
    made = Running(client_deadline_s=6.0)
    try:
        made.engine.outcome = Outcome(Status.OK, wall_extension_s=1.25)
        answer = made.http.post("/v1/run", json={"source": "", "limits": {"wall_time": 3.0}})
        made.http.post("/run_code", json=code("", run_timeout=3))
        assert [round(limits.deadline or 0) for limits in made.engine.limits] == [6, 6]
        assert answer.json()["wall_extension_s"] == 1.25
        assert "semi_instruct_wall_extension_seconds_total 2.5" in made.http.get("/metrics").text
    finally:
        made.close()
    assert [json.loads(line).get("extended_s") for line in made.log.getvalue().splitlines()][:2] == [1.25, 1.25]
