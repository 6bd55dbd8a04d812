"""Start and end of a server."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

from semi_instruct.extras import install_command
from semi_instruct.harness.cli import app
from tests.engine_processes import HELD
from tests.harness.serve.running import ENDLESS, Server, code
from tests.timing import allow_seconds, until


def test_open_requests_finish_after_sigterm() -> None:
    with Server("--workers", "1") as server:
        children = server.descendants()
        source = f"import time; time.sleep({allow_seconds(0.8)}); print('done')"
        asked = [server.in_background("/run_code", code(source)) for _ in range(3)]
        assert until(lambda: server.taken() == 3)
        assert server.end() == 0
        answers = [each.answer() for each in asked]
        assert [each.status_code for each in answers] == [200] * 3
        assert {each.json()["run_result"]["stdout"] for each in answers} == {"done\n"}
        events = [line["event"] for line in server.log()]
        assert [event for event in events if event != "request"] == ["ready", "draining", "ended"]
        assert not [each for each in children if each.is_running()]
        assert not server.groups()


def test_runs_that_outlast_the_drain_time_fail() -> None:
    with Server("--workers", "1", "--drain", "0.5") as server:
        asked = [server.in_background("/run_code", code(ENDLESS, run_timeout=60)) for _ in range(2)]
        piston = {"language": "python", "version": "*", "files": [{"content": ENDLESS}], "run_timeout": 60_000}
        asked.append(server.in_background("/api/v2/execute", piston))
        assert until(lambda: server.load()["waiting"] == 2)
        started = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - started < allow_seconds(30)
        assert [each.answer().status_code for each in asked] == [504, 504, 503]
        assert all("retry-after" in each.answer().headers for each in asked)


def test_sigkill_under_load_leaves_nothing_behind() -> None:
    with Server("--workers", "2") as server:
        for _ in range(20):
            server.in_background("/run_code", code(ENDLESS, run_timeout=60))
        assert until(lambda: server.load()["waiting"] >= 10)
        children, groups = server.descendants(), server.groups()
        assert children
        assert groups
        server.end(signal.SIGKILL)
        with Server("--workers", "2") as again:
            assert again.post("/run_code", code("print(1)")).json()["status"] == "Success"
        assert not until_gone(children)
        assert not [group for group in groups if Path(group).exists()]


def until_gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    """The processes that are still running after a timeout."""
    until(lambda: not [each for each in processes if each.is_running()])
    return [each for each in processes if each.is_running()]


def test_a_worker_that_dies_is_replaced_and_its_run_retried() -> None:
    with Server("--workers", "1") as server:
        [jail] = [each for each in server.descendants() if "nsjail" in each.name()]
        idle = len(server.descendants())
        asked = server.in_background("/run_code", code(f"{HELD.source}; print('again')", stdin=f"{allow_seconds(4)}"))
        assert until(lambda: len(server.descendants()) > idle), "the program does not run"
        jail.kill()
        assert asked.answer().json()["run_result"]["stdout"] == "again\n"
        assert "semi_instruct_worker_restarts 1.0" in server.http.get("/metrics").text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "anyone who can reach it can run programs; give --token-file"),
        (["--host", "::"], "--token-file"),
        (["--host", "10.1.2.3"], "--token-file"),
        (["--host", "example.org"], "expected an address"),
        (["--token-file", "/nowhere"], "No such file"),
        (["--token-file", "SHORT"], "at least 16 ASCII characters"),
        (["--token-file", "EMPTY"], "at least 16 ASCII characters"),
        (["--host", "192.0.2.1", "--token-file", "GOOD"], "cannot listen on 192.0.2.1"),
        (["--port", "TAKEN"], "cannot listen on 127.0.0.1"),
        (["--port", "70000"], "less than or equal to 65535"),
    ],
)
def test_refused_options_are_one_line(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("SHORT", "secret\n"), ("EMPTY", ""), ("GOOD", "x" * 32)):
        (tmp_path / name).write_text(text)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        values = {name: str(tmp_path / name) for name in ("SHORT", "EMPTY", "GOOD")}
        values["TAKEN"] = str(taken.getsockname()[1])
        assert app.main(["serve", *(values.get(each, each) for each in arguments)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert app.main(["serve"]) == 2
    assert capsys.readouterr().err == (f"semi-instruct: serve needs the extra serve: {install_command('serve')}\n")


def test_a_log_without_a_reader_does_not_block_the_service() -> None:
    import threading

    from semi_instruct.harness.serve.request_log import LogWriter

    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        log = LogWriter(stream)
        started = time.monotonic()
        for number in range(30_000):
            log.write("request", number=number, path="x" * 1000)
        assert time.monotonic() - started < allow_seconds(10)
        assert log._lost > 0
        reader = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reading, 1 << 16), b"")])
        reader.start()
        log.close(timeout_s=10)
    reader.join()
    os.close(reading)
