"""Third-party clients, unchanged, against a real server: to switch means to change a URL."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import pytest
import sandbox_fusion
import ultra_piston
from sandbox_fusion.models import CommandRunStatus, RunStatus

from tests.harness.serve.running import Server, code
from tests.timing import allow_seconds


def _request(source: str, **more: object) -> sandbox_fusion.RunCodeRequest:
    return sandbox_fusion.RunCodeRequest(code=source, language="python", **more)


def test_sandbox_fusion_run_code(server: Server) -> None:
    answer = sandbox_fusion.run_code(_request("print(input())", stdin="hello"), endpoint=server.url, max_attempts=1)
    assert (answer.status, answer.run_result.stdout) == (RunStatus.Success, "hello\n")


def test_sandbox_fusion_files(server: Server) -> None:
    files = {"a.txt": base64.b64encode(b"text").decode()}
    request = _request("open('b.txt', 'w').write(open('a.txt').read() * 2)", files=files, fetch_files=["b.txt"])
    answer = sandbox_fusion.run_code(request, endpoint=server.url, max_attempts=1)
    assert base64.b64decode(answer.files["b.txt"]) == b"texttext"


def test_sandbox_fusion_failures_are_answers_and_its_summary_reads_them(server: Server) -> None:
    mapping = sandbox_fusion.SummaryMapping(Success="ok", Failed="failed", RunTimeout="slow")
    summaries = []
    for source in ("print(1)", "1 / 0", "while True: pass", "x = bytearray(1 << 40)", "print('x' * 99_000_000)"):
        request = _request(source, run_timeout=allow_seconds(2))
        answer = sandbox_fusion.run_code(request, endpoint=server.url, max_attempts=1)
        summaries.append(sandbox_fusion.summary_run_code_result(answer, mapping))
    assert summaries == ["ok", "failed", "slow", "failed", "failed"]


def test_sandbox_fusion_run_concurrent(server: Server) -> None:
    requests = [[_request(f"print({number} ** 2)")] for number in range(60)]
    options = [{"endpoint": server.url, "max_attempts": 1}] * 60
    answers = sandbox_fusion.run_concurrent(sandbox_fusion.run_code, args=requests, kwargs=options, concurrency=30)
    assert [int(answer.run_result.stdout) for answer in answers] == [number**2 for number in range(60)]
    assert {answer.run_result.status for answer in answers} == {CommandRunStatus.Finished}


async def _asynchronously(server: Server) -> str:
    answer = await sandbox_fusion.run_code_async(_request("print('async')"), endpoint=server.url, max_attempts=1)
    return str(answer.run_result.stdout)


def test_sandbox_fusion_async(server: Server) -> None:
    import asyncio

    assert asyncio.run(_asynchronously(server)) == "async\n"


def test_verl(server: Server) -> None:
    """The eight fields that its reward function sends, and the fields that it reads."""
    body = server.post(
        "/run_code", code("print(sum(map(int, input().split())))", stdin="20 22\n", memory_limit_MB=1024)
    )
    assert body.status_code == 200
    answer = body.json()
    assert (answer["status"], answer["run_result"]["status"], answer["run_result"]["stdout"]) == (
        "Success",
        "Finished",
        "42\n",
    )
    slow = server.post("/run_code", code("while True: pass", run_timeout=allow_seconds(0.5))).json()
    assert (slow["status"], slow["run_result"]["status"]) == ("Failed", "TimeLimitExceeded")


def test_clients_without_token_support_send_one_in_the_url(tmp_path: Path) -> None:
    token = secrets.token_urlsafe(32)
    (tmp_path / "token").write_text(f"{token}\n")
    with Server("--workers", "1", "--token-file", str(tmp_path / "token")) as guarded:
        with pytest.raises(Exception, match="401"):
            sandbox_fusion.run_code(_request("print(1)"), endpoint=guarded.url, max_attempts=1)
        url = guarded.url.replace("://", f"://token:{token}@")
        assert sandbox_fusion.run_code(_request("print(1)"), endpoint=url, max_attempts=1).status == RunStatus.Success
        piston = ultra_piston.PistonClient(base_url=f"{guarded.url}/api/v2", api_key=f"Bearer {token}", rate_limit=0)
        assert piston.post_execute("python", "*", ultra_piston.File(content="print(2)")).run.stdout == "2\n"


def test_ultra_piston(server: Server) -> None:
    piston = ultra_piston.PistonClient(base_url=f"{server.url}/api/v2/", rate_limit=0)
    [runtime] = piston.get_runtimes()
    assert runtime.language == "python"
    file = ultra_piston.File(name="main.py", content="import sys\nprint(sys.argv[1:], input())")
    done = piston.post_execute("python", runtime.version, file, stdin="in", args=["a"])
    assert (done.run.output, done.run.code, done.version) == ("['a'] in\n", 0, runtime.version)
    failed = piston.post_execute("python3", "3.x", ultra_piston.File(content="1 / 0"))
    assert (failed.run.code, "ZeroDivisionError" in failed.run.stderr) == (1, True)
    with pytest.raises(ultra_piston.errors.BadRequestError):
        piston.post_execute("cobol", "*", file)
