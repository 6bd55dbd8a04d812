"""H: faults of a service, its clients and its host."""

from __future__ import annotations

import gzip
import json
import os
import re
import resource
import shutil
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from semi_instruct.engine import Engine, SandboxUnavailable, cgroup
from semi_instruct.harness.cli import app
from semi_instruct.harness.serve.health import Health
from tests.attacks.host import Host
from tests.harness.serve.running import ENDLESS, Server, code
from tests.timing import allow_seconds, until

DOES_NOT_APPLY: dict[str, str] = {}

_EXAMPLES = Path(__file__).parents[2] / "examples" / "serve"
_SLEEP = f"import time; time.sleep({allow_seconds(0.1)}); print('done')"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One worker, and few who may wait for it."""
    with Server("--workers", "1", "--queue", "8", "--max-body", "1") as running:
        yield running


def _connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", httpx.URL(server.url).port or 0), allow_seconds(30))


def _raw(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def _status(connection: socket.socket) -> int:
    return int(connection.makefile("rb").readline().split()[1])


def _wait_until_idle(server: Server) -> None:
    assert until(lambda: server.load()["running"] == server.load()["waiting"] == 0)


@contextmanager
def _held(server: Server) -> Iterator[None]:
    """The worker is busy, for as long as it takes."""
    with _connect(server) as holding:
        holding.sendall(_raw("/run_code", json.dumps(code(ENDLESS, run_timeout=60)).encode(), "X-Client-Id: holder"))
        assert until(lambda: server.load()["running"] == 1)
        yield


def test_h01_the_client_goes_away(server: Server) -> None:
    """Its run is killed and its worker free at once; what it had waiting never runs."""
    _wait_until_idle(server)
    endless = json.dumps(code(ENDLESS, run_timeout=60)).encode()
    batch = json.dumps({"runs": [{"source": ENDLESS, "limits": {"cpu_time": 60}}] * 5}).encode()
    problem = {"id": "p", "kind": "stdin", "oracles": [ENDLESS] * 2, "examples": [{"input": ""}]}
    problem["candidates"] = [{"id": "c", "source": ENDLESS}]
    verify = json.dumps({"problem": problem | {"time_limit_s": 20.0}}).encode()
    for path, body in (("/run_code", endless), ("/v1/runs", batch), ("/v1/verify", verify)):
        before = Host.look()
        with _connect(server) as running, _connect(server) as waiting:
            running.sendall(_raw(path, body))
            assert until(lambda: server.load()["running"] == 1), path
            waiting.sendall(_raw("/run_code", endless))
            assert until(lambda: server.load()["waiting"] >= 1), path
            waiting.close()
            assert until(lambda path=path: server.load()["waiting"] <= (1 if path == "/v1/verify" else 0)), path
        started = time.monotonic()
        assert server.post("/run_code", code("print(1)")).json()["status"] == "Success"
        assert time.monotonic() - started < allow_seconds(15), f"{path}: the worker was not free"
        _wait_until_idle(server)
        assert not before.lasting_changes("mounts", "groups", "ipc")
    assert {line.get("status") for line in server.log() if line.get("why") == "ClientDisconnected"} == {499}


def test_h01_a_client_that_asks_twice_and_goes_away(server: Server) -> None:
    """What it sent too early must not hide that it is gone."""
    _wait_until_idle(server)
    with _connect(server) as connection:
        connection.sendall(_raw("/run_code", json.dumps(code(ENDLESS, run_timeout=60)).encode()))
        assert until(lambda: server.load()["running"] == 1)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    started = time.monotonic()
    _wait_until_idle(server)
    assert time.monotonic() - started < allow_seconds(15)


def test_h02_ten_times_too_much(server: Server) -> None:
    """Who gets no place is told so at once and when to come back; waiting is not counted as running."""
    _wait_until_idle(server)
    with _held(server):
        asked = [server.in_background("/run_code", code(_SLEEP)) for _ in range(90)]
        assert until(lambda: sum(each.is_answered for each in asked) == 82, 60)
        assert server.load()["waiting"] == 8
    answers = [each.answer() for each in asked]
    assert Counter(answer.status_code for answer in answers) == {200: 8, 429: 82}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in refused)
    served = [answer for answer in answers if answer.status_code == 200]
    assert {answer.json()["run_result"]["stdout"] for answer in served} == {"done\n"}
    assert max(float(answer.headers["x-queue-seconds"]) for answer in served) > allow_seconds(0.2)
    assert all(answer.json()["run_result"]["execution_time"] < allow_seconds(2) for answer in served)


def test_h02_one_client_does_not_crowd_out_another(server: Server) -> None:
    """With the worker held, one fills the queue; who comes then takes one of its places, and the next turn but one."""
    _wait_until_idle(server)
    with _held(server):
        greedy = [server.in_background("/run_code", code(_SLEEP), headers={"x-client-id": "greedy"}) for _ in range(12)]
        assert until(lambda: sum(each.is_answered for each in greedy) == 4, 60)
        modest = server.in_background("/run_code", code("print(1)"), headers={"x-client-id": "modest"})
        assert until(lambda: sum(each.is_answered for each in greedy) == 5, 60), "it gets none of the other's places"
    assert modest.answer().status_code == 200
    served = [each for each in greedy if each.answer().status_code == 200]
    assert len(served) == 7
    later = [each for each in served if each.ended_at > modest.ended_at]
    assert len(later) >= 4, "it had to wait behind nearly all of the other's"


def test_h03_killed_with_a_hundred_runs_alive() -> None:
    before = Host.look()
    with Server("--workers", "2", "--queue", "200") as server:
        for _ in range(100):
            server.in_background("/run_code", code(ENDLESS, run_timeout=60))
        assert until(lambda: server.load()["waiting"] == 98, 20)
        children, groups = server.descendants(), server.groups()
        assert len([each for each in children if each.name() == "nsjail"]) == 2
        server.end(signal.SIGKILL)
        assert until(lambda: not any(each.is_running() for each in children))
        assert until(lambda: not any(Path(group).exists() for group in groups))
    assert not before.lasting_changes("processes", "mounts", "groups", "ipc", "files")


def test_h04_no_control_groups(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Not served without being asked for; asked for, it is told."""

    def none_to_be_had() -> None:
        raise SandboxUnavailable("cgroup", "no control group can be made", "mount one")

    monkeypatch.setattr(cgroup, "find", none_to_be_had)
    assert app.main(["serve", "--port", "0"]) == 3
    assert capsys.readouterr().err.startswith("semi-instruct: cgroup: no control group can be made. Remedy: mount one")
    with Engine(workers=1, allow_degraded=True) as engine:
        condition = Health(engine.isolation).condition(draining=False)
    assert condition.status == "degraded"
    assert condition.can_serve
    assert {wall for wall, stands in condition.walls.items() if not stands} == {"memory", "pids", "cpu"}


def test_h05_no_user_namespaces(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line at the start with layer and remedy; ``tests/engine/test_diagnosis.py`` has the switches."""
    remedy = "as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0"

    def refused(*_: Any, **__: Any) -> None:
        raise SandboxUnavailable("user", "AppArmor forbids user namespaces", remedy)

    monkeypatch.setattr("semi_instruct.engine.worker.Worker.__init__", refused)
    assert app.main(["serve", "--port", "0"]) == 3
    told = capsys.readouterr().err
    assert told.startswith("semi-instruct: user: ")
    assert remedy in told
    assert told.count("\n") == 1


def test_h06_the_host_runs_out(server: Server) -> None:
    """With no descriptor to be had, it says that the fault is ours, is not healthy, and recovers by itself."""
    _wait_until_idle(server)
    process = psutil.Process(server.process.pid)
    before = process.rlimit(resource.RLIMIT_NOFILE)
    request = {"language": "python", "version": "*", "files": [{"content": "print(1)"}]}
    server.post("/run_code", code("print(1)"))  # the connection is open from here on
    process.rlimit(resource.RLIMIT_NOFILE, (process.num_fds(), before[1]))
    try:
        theirs = server.post("/run_code", code("print(1)"))
        assert (theirs.status_code, theirs.json()["status"]) == (504, "SandboxError"), theirs.text
        assert server.post("/api/v2/execute", request).status_code == 503
        ours = server.post("/v1/run", {"source": "print(1)"})
        assert (ours.status_code, ours.json()["status"]) == (503, "sandbox_error")
        health = server.http.get("/v1/health")
        assert (health.status_code, health.json()["status"]) == (503, "failing")
        assert "open files" in health.json()["reason"]
        assert server.http.get("/healthz").status_code == 503
    finally:
        process.rlimit(resource.RLIMIT_NOFILE, before)
    assert until(lambda: server.http.get("/healthz").status_code == 200), "it does not try again"
    assert server.post("/run_code", code("print(1)")).json()["status"] == "Success"


_BODIES = {
    "duplicate keys": (b'{"code": "print(1)", "code": "print(2)", "language": "python"}', (), 400),
    "deep": (b"[" * 500_000, (), 413),  # more brackets than a body may have
    "half a surrogate": (b'{"code": "\\ud800", "language": "python"}', (), 400),
    "a huge number": (b'{"code": "", "language": "python", "run_timeout": ' + b"9" * 5000 + b"}", (), 400),
    "out of range": (
        b'{"code": "", "language": "python", "run_timeout": 1e999}',
        (),
        400,
    ),  # no number that JSON's readers share
    "not a number": (b'{"code": "", "language": "python", "run_timeout": NaN}', (), 400),
    "no JSON": (b"code=print(1)", (), 400),
    "nothing": (b"", (), 422),
    "a form": (b"code=1", ("Content-Type: application/x-www-form-urlencoded",), 415),
    "text": (json.dumps(code("")).encode(), ("Content-Type: text/plain",), 415),
    "another character set": (json.dumps(code("")).encode(), ("Content-Type: application/json; charset=utf-7",), 415),
    "compressed": (gzip.compress(b"[" * 10_000_000), ("Content-Encoding: gzip",), 415),
    "too large": (json.dumps(code("#" * (1 << 20))).encode(), (), 413),
    "huge base64": (json.dumps(code("", files={"a": "A" * (1 << 20)})).encode(), (), 413),
}


@pytest.mark.parametrize("name", _BODIES)
def test_h07_bodies_that_are_bombs(server: Server, name: str) -> None:
    body, headers, status = _BODIES[name]
    before = server.runs()
    request = _raw("/run_code", body, *headers)
    if headers and headers[0].startswith("Content-Type"):
        request = request.replace(b"Content-Type: application/json\r\n", b"", 1)
    with _connect(server) as connection:
        connection.sendall(request)
        started = time.monotonic()
        assert _status(connection) == status
        assert time.monotonic() - started < allow_seconds(15)
    assert server.runs() == before


def test_h07_a_body_is_refused_before_it_is_sent(server: Server) -> None:
    """By what it declares, or as soon as there is more of it than may be; and one that never comes, in the end."""
    head = b"POST /run_code HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with _connect(server) as connection:
        connection.sendall(head + b"Content-Length: 1000000000000\r\n\r\n")
        assert _status(connection) == 413
    with _connect(server) as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(17):
            connection.sendall(b"10000\r\n" + b" " * (1 << 16) + b"\r\n")
        assert _status(connection) == 413
    with _connect(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n")
        assert _status(connection) == 413


_LINE = b"X-Filler: " + b"x" * (1 << 16) + b"\r\n"


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"", _LINE),
        (b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", _LINE),
        (b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"x" * (1 << 16)),
        (b"Transfer-Encoding: chunked\r\n\r\n2;x=", b"x" * (1 << 16)),
    ],
    ids=["headers", "trailers", "one trailer", "a chunk extension"],
)
def test_h07_nothing_beside_a_body_is_endless(server: Server, begin: bytes, more: bytes) -> None:
    before = psutil.Process(server.process.pid).memory_info().rss
    with _connect(server) as connection:
        connection.sendall(b"POST /run_code HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + begin)
        assert until(lambda: _takes_no_more(connection, more)), "it is read for ever"
    assert psutil.Process(server.process.pid).memory_info().rss - before < 32 << 20


def test_h07_faults_without_number(server: Server) -> None:
    """A body in which everything is wrong is refused at once, in few words."""
    for path, field in (("/run_code", "files"), ("/api/v2/execute", "args"), ("/v1/run", "fetch_files")):
        wrong: Any = {f"{number}": 0 for number in range(100_000)} if field == "files" else [0] * 100_000
        started = time.monotonic()
        answer = server.post(path, {field: wrong})
        assert (answer.status_code, len(answer.content) < 1000) == (400, True), path
        assert time.monotonic() - started < allow_seconds(2)
    answer = server.post("/v1/run", {"k" * 1000 + f"{number}": 0 for number in range(900)})
    assert answer.status_code == 422
    assert len(answer.content) < 10_000


def _takes_no_more(connection: socket.socket, more: bytes) -> bool:
    try:
        connection.sendall(more)
    except OSError:
        return True
    return False


def test_h08_open_to_all(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not without a token, and a page of another site cannot ask, in whatever way a browser lets it."""
    assert app.main(["serve", "--host", "0.0.0.0"]) == 2
    assert "--token-file" in capsys.readouterr().err
    listening = [each for each in psutil.Process(server.process.pid).net_connections() if each.status == "LISTEN"]
    assert {each.laddr.ip for each in listening} == {"127.0.0.1"}
    before = server.runs()
    body = json.dumps(code("print(1)"))
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert server.http.post("/run_code", content=body, headers={"content-type": kind}).status_code == 415
    for header in ({"origin": "https://evil.example"}, {"origin": "null"}, {"host": "evil.example"}):
        assert server.post("/run_code", code("print(1)"), headers=header).status_code == 403
    asked = {"origin": server.url, "access-control-request-method": "POST"}
    preflight = server.http.options("/run_code", headers=asked)
    assert preflight.status_code == 405
    assert not [name for name in preflight.headers if name.startswith("access-control")]
    assert server.runs() == before
    assert server.post("/run_code", code("print(1)"), headers={"origin": server.url}).status_code == 200

    token = "t" * 40
    (tmp_path / "token").write_text(token)
    with Server("--host", "0.0.0.0", "--workers", "1", "--token-file", str(tmp_path / "token")) as guarded:
        shown = [None, "", "Bearer", f"Bearer {token[:-1]}", f"Bearer {token}x", f"Basic {token}", "Bearer \xff"]
        for path in ("/run_code", "/v1/run", "/v1/health", "/metrics", "/openapi.json", "/api/v2/runtimes"):
            for value in shown:
                headers = {} if value is None else {"authorization": value.encode("latin-1")}
                assert guarded.http.get(path, headers=headers).status_code == 401, (path, value)
        good = {"authorization": f"bearer {token}"}
        assert guarded.post("/run_code", code("print(1)"), headers=good).status_code == 200
        assert guarded.http.get("/healthz").json() == {"status": "ok"}
        assert token not in guarded.log_path.read_text()


def test_h09_no_privileged_container() -> None:
    """What the manifest grants is enough: a server with those capabilities alone has all its walls."""
    [container] = _pod_of(_EXAMPLES / "kubernetes.yaml")["containers"]
    context = container["securityContext"]
    assert not context.get("privileged")
    assert context["capabilities"]["drop"] == ["ALL"]
    granted = context["capabilities"]["add"]
    assert len(granted) <= 4
    assert "SYS_ADMIN" not in granted
    assert "privileged" not in (_EXAMPLES / "Containerfile").read_text()
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:  # an ordinary user has none of them anyway
        setpriv = shutil.which("setpriv")
        assert setpriv is not None
        bounds = ",".join(["-all", *(f"+{name.lower()}" for name in granted)])
        prefix = (setpriv, f"--bounding-set={bounds}", "--inh-caps=-all")
    with Server("--workers", "1", prefix=prefix) as server:
        assert server.http.get("/v1/health").json()["status"] == "ok"
        assert server.post("/run_code", code("print(1)")).json()["status"] == "Success"


def _pod_of(path: Path) -> dict[str, Any]:
    kinds = {each["kind"]: each for each in yaml.safe_load_all(path.read_text())}
    pod: dict[str, Any] = kinds["Deployment"]["spec"]["template"]["spec"]
    return pod


def test_h10_logs(server: Server) -> None:
    """One JSON line a request, of bounded length, without what was sent, whatever was sent."""
    secret = "correct-horse-battery"
    before = len(server.log())
    server.post("/run_code", code(f"print('{secret}')", stdin=secret, files={"a": "QQ=="}))
    server.post("/v1/run", {"source": f"raise ValueError('{secret}')"})
    server.post("/run_code", {"code": secret, "language": secret})
    server.http.get(f"/nowhere%0d%0aINJECTED%1b[2J{'x' * 3000}?{secret}")
    server.post("/run_code", code("print(1)"), headers={"x-client-id": "{name} %s %n " + "y" * 3000})
    assert until(lambda: len(server.log()) >= before + 5)
    lines = server.log_path.read_text().splitlines()
    assert len(lines) == before + 5
    assert all(json.loads(line)["event"] == "request" for line in lines[before:])
    text = "\n".join(lines)
    assert secret not in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)
    assert max(map(len, lines)) < 1500


def test_h11_no_url_is_fetched(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as knocked:
        knocked.settimeout(0.3)
        url = f"http://127.0.0.1:{knocked.getsockname()[1]}/"
        wanted = dict.fromkeys(("callback_url", "webhook", "callback", "notify", "url"), url)
        assert server.post("/run_code", code("print(1)", files={}) | wanted).status_code == 200
        piston = {"language": "python", "version": "*", "files": [{"content": "", "name": "m.py"}]}
        assert server.post("/api/v2/execute", piston | wanted).status_code == 200
        assert server.post("/v1/run", {"source": ""} | wanted).status_code == 422
        with pytest.raises(TimeoutError):
            knocked.accept()
    for path in ("file:///etc/passwd", url, "//host/share", "C:/x:y/../z"):
        assert server.post("/run_code", code("", files={path: "QQ=="})).status_code == 422, path


def test_h12_nothing_is_installed(server: Server) -> None:
    for path in ("/api/v2/packages", "/packages", "/install", "/v1/packages", "/run_jupyter", "/admin"):
        for method in ("GET", "POST", "DELETE"):
            answer = server.http.request(method, path, json={"language": "python", "version": "3.12.0"})
            assert answer.status_code == 404, (method, path)
