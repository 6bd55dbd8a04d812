"""A dialect is one object: what a new one gets by being in the table, and the page that says how to write one."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from semi_instruct.engine import Engine, Program
from semi_instruct.harness.serve.answers import plain_answer
from semi_instruct.harness.serve.app import application
from semi_instruct.harness.serve.dialect import Dialect, Dialects, Faults
from semi_instruct.harness.serve.dialects import DIALECTS
from semi_instruct.harness.serve.health import Health
from semi_instruct.harness.serve.metrics import Metrics
from semi_instruct.harness.serve.pool import Pool
from semi_instruct.harness.serve.request_log import LogWriter
from semi_instruct.harness.serve.service import Service
from semi_instruct.harness.serve.settings import Settings
from semi_instruct.harness.serve.strict_route import StrictRoute
from semi_instruct.harness.serve.verification import Verifier
from semi_instruct.harness.serve.work import Work
from tests.patience import until

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/how-to/add-a-dialect.md"


def toy_router(service: Service) -> APIRouter:
    routes = APIRouter(route_class=StrictRoute)

    @routes.post("/toy/run")
    async def run(body: dict[str, str], request: Request) -> Response:
        done = await service.perform(Work(Program(body["code"]), service.settings.default_limits), request)
        return plain_answer({"said": done.outcome.text})

    return routes


def toy_error(text: str) -> dict[str, Any]:
    return {"oh": text}


def toy_invalid(faults: Faults) -> dict[str, Any]:
    return {"oh": faults[0]["msg"]}


TOY = Dialect("toy", ("/toy/",), toy_router, toy_error, toy_invalid, {422: 418, 429: 420})


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[TestClient, io.StringIO]]:
    """A service that speaks the toy dialect too, and its log."""
    log, settings = io.StringIO(), Settings(token=b"secret-secret-secret", workers=1, queue=1, body_bytes=1 << 20)
    with Engine(workers=1) as engine:
        pool = Pool(engine, settings.queue, lambda *_: None)
        service = Service(settings, pool, Health(engine.isolation), Metrics(), "3.12.0")
        verifier, writer = Verifier(service), LogWriter(log)
        dialects = Dialects((*DIALECTS.all, TOY), DIALECTS.default)
        app = application(service, verifier, writer, dialects)
        with TestClient(
            app, base_url="http://127.0.0.1", headers={"Authorization": "Bearer secret-secret-secret"}
        ) as client:
            yield client, log
        verifier.close()
        pool.close()
        writer.close()


def test_its_routes_are_served(served: tuple[TestClient, io.StringIO]) -> None:
    client, _ = served
    assert client.post("/toy/run", json={"code": "print(6 * 7)"}).json() == {"said": "42\n"}


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 418),
        (b'{"code": 1}', {}, 418),
        (b'"' + b"x" * (1 << 20) + b'"', {}, 413),
        (b"{}", {"Authorization": "Bearer wrong"}, 401),
        (b"{}", {"Content-Type": "text/plain"}, 415),
    ],
)
def test_its_errors_are_in_its_own_form(
    served: tuple[TestClient, io.StringIO], content: bytes, headers: dict[str, str], status: int
) -> None:
    client, _ = served
    answer = client.post("/toy/run", content=content, headers={"Content-Type": "application/json"} | headers)
    assert (answer.status_code, list(answer.json())) == (status, ["oh"])
    other = client.post("/run_code", content=content, headers={"Content-Type": "application/json"} | headers)
    assert list(other.json()) == ["detail"]


def test_its_name_is_in_the_log(served: tuple[TestClient, io.StringIO]) -> None:
    client, log = served
    client.post("/toy/run", json={"code": "print(1)"})
    client.get("/healthz")

    def lines() -> dict[str, str]:
        return {
            line["path"]: line["dialect"] for line in map(json.loads, log.getvalue().splitlines()) if "path" in line
        }

    assert until(lambda: "/healthz" in lines())
    assert lines()["/toy/run"] == "toy"
    assert lines()["/healthz"] == "native"


def test_the_first_dialect_whose_path_fits() -> None:
    for path, name in (
        ("/run_code", "sandbox_fusion"),
        ("/run_code/", "sandbox_fusion"),
        ("/api/v2/execute", "piston"),
        ("/v1/run", "native"),
        ("/", "native"),
    ):
        assert DIALECTS.of(path).name == name


def test_the_page_names_files_that_are_there_and_the_line_of_the_table() -> None:
    text = PAGE.read_text("utf-8")
    named = set(re.findall(r"`((?:harness|tests)/[\w/]+\.py)`", text)) - {"harness/serve/dialects/NAME.py"}
    assert len(named) >= 5
    assert all((ROOT / path).is_file() for path in named)
    table = (ROOT / "harness/serve/dialects/__init__.py").read_text("utf-8")
    files = {path.stem for path in (ROOT / "harness/serve/dialects").glob("*.py")} - {"__init__", "semver"}
    assert {name for name in files if f"{name}.DIALECT," in table} == files
