"""The OpenAPI document: its examples work, and the service conforms to it."""

from __future__ import annotations

from typing import Any

from tests.harness.serve.contract import breaches
from tests.harness.serve.running import Server

_EXAMPLES_EACH = 12


def test_every_example_works(server: Server) -> None:
    document = server.http.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    tried = 0
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for example in _examples(operation, schemas):
                answer = server.post(path, example)
                assert answer.status_code == 200, (path, answer.text)
                tried += 1
    assert tried >= 6


def _examples(operation: dict[str, Any], schemas: dict[str, Any]) -> list[Any]:
    reference = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    examples: list[Any] = schemas.get(reference.get("$ref", "").rpartition("/")[2], {}).get("examples", [])
    assert examples or "requestBody" not in operation
    return examples


def test_the_paths_are_these_and_no_others(server: Server) -> None:
    paths = set(server.http.get("/openapi.json").json()["paths"])
    assert paths == {
        "/run_code",
        "/api/v2/runtimes",
        "/api/v2/execute",
        "/v1/run",
        "/v1/runs",
        "/v1/verify",
        "/v1/health",
        "/healthz",
        "/metrics",
    }


def test_schemathesis_finds_no_breach_of_the_contract(server: Server) -> None:
    found = breaches(server.url, _EXAMPLES_EACH)
    assert found.tried > 9 * _EXAMPLES_EACH / 2
    assert found.failures == []
    assert server.http.get("/healthz").status_code == 200
