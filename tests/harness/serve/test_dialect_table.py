"""The table of dialects, and a dialect that is added to it."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from semi_instruct.engine import Limits, Program
from semi_instruct.harness.serve.bodies import StrictRoute
from semi_instruct.harness.serve.dialect import GUARDED, NO_DIALECT, Dialect, Fault, find_dialect
from semi_instruct.harness.serve.dialects import DIALECTS
from semi_instruct.harness.serve.dialects.native import NATIVE
from semi_instruct.harness.serve.dialects.piston import PISTON
from semi_instruct.harness.serve.dialects.sandbox_fusion import SANDBOX_FUSION
from semi_instruct.harness.serve.responses import json_response
from semi_instruct.harness.serve.service import Service
from semi_instruct.harness.serve.work import Work
from tests.harness.serve.in_process import Running

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/how-to/add-a-dialect.md"


class ToyRequest(BaseModel):
    model_config = ConfigDict(strict=True)

    program: str


class Oops(BaseModel):
    oops: str
    wrong: list[str]


def toy_router(service: Service) -> APIRouter:
    routes = APIRouter(route_class=StrictRoute, prefix="/toy")

    @routes.post("/go", responses=TOY.error_responses(*GUARDED, 422, 429, 503, 504))
    async def go(body: ToyRequest, request: Request) -> Response:
        done = await service.perform(Work(Program(body.program), Limits()), request)
        return json_response({"went": str(done.outcome.status)})

    return routes


def toy_error(message: str, faults: Sequence[Fault]) -> dict[str, Any]:
    return {"oops": message, "wrong": [str(fault.loc[-1]) for fault in faults]}


TOY = Dialect("toy", "Toy", ("/toy/",), toy_router, toy_error, Oops, {429: 503, 413: 400})
SERVED = (*DIALECTS, TOY)
JSON = {"content-type": "application/json"}


def test_a_dialect_in_the_table_is_served_logged_and_counted() -> None:
    with Running(SERVED) as running:
        answer = running.http.post("/toy/go", json={"program": "print(1)"})
        assert (answer.status_code, answer.json()) == (200, {"went": "ok"})
        running.http.get("/healthz")
        metrics = running.http.get("/metrics").text
    assert 'semi_instruct_http_requests_total{dialect="toy",route="/toy/go",status="200"} 1.0' in metrics
    assert 'semi_instruct_http_requests_total{dialect="none",route="/healthz",status="200"} 1.0' in metrics
    lines = [json.loads(line) for line in running.log.getvalue().splitlines()]
    assert [line["dialect"] for line in lines] == ["toy", "none", "none"]


@pytest.mark.parametrize(
    ("settings", "request_", "status", "words", "wrong"),
    [
        ({}, {"content": b"{", "headers": JSON}, 400, "not JSON", []),
        ({}, {"content": b'{"program": "", "program": ""}', "headers": JSON}, 400, "same key twice", []),
        ({}, {"json": {"program": 5}}, 422, "program: ", ["program"]),
        ({"body_bytes": 10}, {"json": {"program": "print(1)"}}, 400, "10 bytes", []),  # 413, which the toy replaces
        ({"token": b"t" * 20}, {"json": {"program": ""}}, 401, "token", []),
        ({"bound": 0}, {"json": {"program": ""}}, 503, "runs wait", []),  # 429, which the toy replaces
        ({}, {"content": b"{}", "headers": {"content-type": "text/plain"}}, 415, "application/json", []),
    ],
)
def test_its_errors_are_rendered_in_its_own_form(
    settings: dict[str, Any], request_: dict[str, Any], status: int, words: str, wrong: list[str]
) -> None:
    with Running(SERVED, **settings) as running:
        answer = running.http.post("/toy/go", **request_)
        assert (answer.status_code, list(answer.json())) == (status, ["oops", "wrong"]), answer.text
        assert words in answer.json()["oops"]
        assert answer.json()["wrong"] == wrong
        other = running.http.post("/v1/run", **request_)
        assert list(other.json()) == ["detail"]


def test_paths_of_the_toy_that_do_not_exist_are_its_errors_too() -> None:
    with Running(SERVED) as running:
        assert running.http.get("/toy/nowhere").json() == {"oops": "Not Found", "wrong": []}
        assert running.http.get("/toyland").json() == {"detail": "Not Found"}
        assert running.http.get("/toy/go").status_code == 405


def test_the_openapi_document_describes_it() -> None:
    with Running(SERVED) as running:
        operation = running.http.get("/openapi.json").json()["paths"]["/toy/go"]["post"]
    assert operation["tags"] == ["Toy"]
    assert set(operation["responses"]) == {"200", "400", "401", "403", "408", "415", "422", "503", "504"}
    forms = {code: each["content"]["application/json"]["schema"] for code, each in operation["responses"].items()}
    assert {each["$ref"] for code, each in forms.items() if code != "200"} == {"#/components/schemas/Oops"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/run_code", SANDBOX_FUSION),
        ("/run_code/", SANDBOX_FUSION),
        ("/api/v2/execute", PISTON),
        ("/v1/run", NATIVE),
        ("/v1/health", NATIVE),
        ("/api/v2", NO_DIALECT),
        ("/metrics", NO_DIALECT),
        ("/", NO_DIALECT),
    ],
)
def test_the_dialect_of_a_path(path: str, expected: Dialect) -> None:
    assert find_dialect(path, DIALECTS) is expected


def test_the_longest_prefix_wins() -> None:
    inner = Dialect("inner", "Inner", ("/v1/inner/",), lambda _: APIRouter())
    for table in ((inner, *DIALECTS), (*DIALECTS, inner)):
        assert find_dialect("/v1/inner/x", table) is inner
        assert find_dialect("/v1/run", table) is NATIVE


def test_names_and_prefixes_are_unique_and_every_route_lies_below_a_prefix_of_its_dialect() -> None:
    names = [each.name for each in DIALECTS]
    prefixes = [prefix for each in DIALECTS for prefix in each.prefixes]
    assert len(set(names)) == len(names)
    assert len(set(prefixes)) == len(prefixes)
    with Running() as running:
        for dialect in DIALECTS:
            routes = [each for each in dialect.router(running.service).routes if isinstance(each, APIRoute)]
            assert routes
            assert {find_dialect(each.path, DIALECTS).name for each in routes} == {dialect.name}


def _blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.checkout
def test_every_file_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`([\w./-]+/[\w./-]+\.(?:py|md))`", PAGE.read_text())) - {"harness/serve/dialects/echo.py"}
    assert len(named) >= 5
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.checkout
def test_the_table_on_the_page_is_the_table() -> None:
    _, shown = _blocks()
    table = (ROOT / "harness/serve/dialects/__init__.py").read_text().splitlines()
    new = [line for line in shown.splitlines() if line.endswith("# new")]
    assert len(new) == 2
    for line in shown.splitlines():
        assert line in new or line in table, line


def test_the_dialect_on_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, _ = _blocks()
    (tmp_path / "echo_dialect.py").write_text(source)
    spec = importlib.util.spec_from_file_location("echo_dialect", tmp_path / "echo_dialect.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "echo_dialect", module)
    spec.loader.exec_module(module)
    with Running((*DIALECTS, module.ECHO)) as running:
        answer = running.http.post("/echo/run", json={"program": "print(1)"})
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "output": ""})
        missing = running.http.post("/echo/run", json={})
        assert (missing.status_code, list(missing.json())) == (400, ["error"])
