"""All dialects report the same event, each in its own form."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.harness.serve.running import Server, code
from tests.timing import allow_seconds

_B64 = base64.b64encode(b"hello\n").decode()


# Every failure of a program by dialect: the status; SandboxFusion's stage, code and a word on stderr; Piston's status,
# code and signal.
FAILURES = {
    "exit code": ("raise SystemExit(3)", "nonzero_exit", ("Finished", 3, ""), ("RE", 3, None)),
    "exception": ("1 / 0", "nonzero_exit", ("Finished", 1, "ZeroDivisionError"), ("RE", 1, None)),
    "no Python": ("print(", "compile_error", ("Finished", 1, "SyntaxError"), ("RE", 1, None)),
    "signal": ("import os; os.kill(os.getpid(), 11)", "signaled", ("Finished", -11, ""), ("SG", None, "SIGSEGV")),
    "wall time": (
        "import time; time.sleep(99)",
        "time_limit",
        ("TimeLimitExceeded", None, "time"),
        ("TO", None, "SIGKILL"),
    ),
    "memory": ("x = bytearray(1 << 30)", "memory_limit", ("Finished", -9, "memory_limit"), ("SG", None, "SIGKILL")),
    "a child's memory": (
        "import os\nif os.fork() == 0: x = bytearray(1 << 30)\nos.wait()",
        "memory_limit",
        ("Finished", -9, "memory_limit"),
        ("SG", None, "SIGKILL"),
    ),
    "output": (
        "while True: print('x' * 9999)",
        "output_limit",
        ("Finished", -9, "output_limit"),
        ("OL", None, "SIGKILL"),
    ),
    "much on stderr": (
        "import sys\nwhile True: print('x' * 9999, file=sys.stderr)",
        "output_limit",
        ("Finished", -9, "output_limit"),
        ("EL", None, "SIGKILL"),
    ),
    "forbidden": (
        "import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)",
        "forbidden_syscall",
        ("Finished", -9, "ptrace"),
        ("SG", None, "SIGKILL"),
    ),
    "processes, and then exit 0": (
        "import os, time\ntry:\n    while os.fork(): pass\n    time.sleep(9)\nexcept OSError: pass",
        "process_limit",
        ("Finished", 1, "process_limit"),
        ("RE", 1, None),
    ),
    "says it has no memory": ("raise SystemExit(137)", "nonzero_exit", ("Finished", 137, ""), ("RE", 137, None)),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_of_the_program_is_200_in_every_dialect(server: Server, name: str) -> None:
    source, status, (stage, return_code, word), (piston_status, piston_code, piston_signal) = FAILURES[name]
    limits = {"cpu_time": allow_seconds(2.0), "wall_time": allow_seconds(1.0), "memory": 64 << 20}
    ours = server.post("/v1/run", {"source": source, "limits": limits})
    assert (ours.status_code, ours.json()["status"]) == (200, status)

    theirs = server.post("/run_code", code(source, run_timeout=allow_seconds(1.0), memory_limit_MB=64))
    assert (theirs.status_code, theirs.json()["status"]) == (200, "Failed")
    result = theirs.json()["run_result"]
    assert (result["status"], result["return_code"]) == (stage, return_code)
    assert word in result["stderr"]
    assert set(result) == {"status", "execution_time", "return_code", "stdout", "stderr"}

    request = {"language": "python", "version": "*", "files": [{"content": source}]}
    piston = server.post(
        "/api/v2/execute", request | {"run_timeout": allow_seconds(1000), "run_memory_limit": 64 << 20}
    )
    run = piston.json()["run"]
    assert (piston.status_code, run["status"], run["code"], run["signal"]) == (
        200,
        piston_status,
        piston_code,
        piston_signal,
    )


def test_sandbox_fusion_success_with_exactly_its_fields(server: Server) -> None:
    request = code("print(input()[::-1])", stdin="olleh")
    answer = server.post("/run_code", request)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"status", "message", "compile_result", "run_result", "executor_pod_name", "files"}
    assert (body["status"], body["compile_result"], body["executor_pod_name"], body["files"]) == (
        "Success",
        None,
        None,
        {},
    )
    assert (body["run_result"]["stdout"], body["run_result"]["return_code"]) == ("hello\n", 0)
    assert 0 < body["run_result"]["execution_time"] < allow_seconds(10)
    assert float(answer.headers["x-queue-seconds"]) >= 0


def test_sandbox_fusion_defaults_and_unknown_fields(server: Server) -> None:
    assert server.post("/run_code", {"code": "print(1)", "language": "python"}).json()["status"] == "Success"
    assert server.post("/run_code", code("print(1)", a_new_field=[1])).json()["status"] == "Success"


def test_sandbox_fusion_files(server: Server) -> None:
    source = "text = open('in/a.txt').read()\nopen('out.txt', 'w').write(text.upper())"
    request = code(source, files={"in/a.txt": _B64, "none.txt": None}, fetch_files=["out.txt", "missing", "none.txt"])
    body = server.post("/run_code", request).json()
    assert body["status"] == "Success", body
    assert {path: base64.b64decode(data) for path, data in body["files"].items()} == {"out.txt": b"HELLO\n"}


def test_absolute_paths_work_and_files_that_cannot_be_returned_are_named(server: Server) -> None:
    source = "open('/mnt/data/o', 'w').write(open('/mnt/data/i').read() + open('/tmp/i').read())"
    files = {"/mnt/data/./i": _B64, "/tmp/i": _B64}
    fetch = ["/mnt/data/o", "./o", "/etc/passwd", "../../etc/passwd", "none"]
    theirs = server.post("/run_code", code(source, files=files, fetch_files=fetch)).json()
    ours = server.post("/v1/run", {"source": source, "files": files, "fetch_files": fetch}).json()
    assert (theirs["status"], ours["status"]) == ("Success", "ok"), (theirs, ours)
    for body in (theirs, ours):
        assert {path: base64.b64decode(data) for path, data in body["files"].items()} == {
            "/mnt/data/o": b"hello\nhello\n",
            "./o": b"hello\nhello\n",
        }
    assert set(ours["files_refused"]) == set(fetch[2:])
    assert all(repr(path) in theirs["message"] for path in fetch[2:])
    main = {"name": "/tmp/main.py", "content": "print(__file__, open('/mnt/data/i').read())"}
    request = {"language": "python", "version": "*", "files": [main, {"name": "/mnt/data/i", "content": "in"}]}
    assert server.post("/api/v2/execute", request).json()["run"]["stdout"] == "/box/tmp/main.py in\n"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"language": "cpp"}, "python"),
        ({"code": 5}, "string"),
        ({"run_timeout": "10"}, "number"),
        ({"run_timeout": 0}, "greater"),
        ({"run_timeout": 61}, "at most 60 s"),
        ({"memory_limit_MB": 1}, "memory must lie between"),
        ({"memory_limit_MB": 1 << 30}, "at most"),
        ({"files": {"../x": _B64}}, "'..'"),
        ({"files": {"x": "no base64!"}}, "not base64"),
        ({"files": {"/etc/passwd": _B64}}, "'/etc/passwd': expected a path relative"),
    ],
)
def test_sandbox_fusion_refuses_with_422(server: Server, change: dict[str, Any], words: str) -> None:
    before = server.runs()
    answer = server.post("/run_code", code("print(1)") | change)
    assert (answer.status_code, words in answer.text) == (422, True), answer.text
    assert server.runs() == before


def test_no_error_repeats_values_of_the_request(server: Server) -> None:
    answer = server.post("/run_code", code("secret-marker") | {"run_timeout": "secret-marker", "stdin": 5})
    assert answer.status_code == 422
    assert "secret-marker" not in answer.text


def test_piston_runtimes(server: Server) -> None:
    [runtime] = server.http.get("/api/v2/runtimes").json()
    assert runtime["language"] == "python"
    assert "python3" in runtime["aliases"]
    version = server.post("/v1/run", {"source": "import platform; print(platform.python_version())"}).json()["stdout"]
    assert runtime["version"] == version.strip().rstrip("+")


def test_piston_runs_files_arguments_and_encodings(server: Server) -> None:
    main = b"import sys, lib.words\nprint(sys.argv, lib.words.WORD, open('raw', 'rb').read(), input())"
    request = {
        "language": "py",
        "version": ">=3.12 <4 || 2.7",
        "files": [
            {"name": "go.py", "content": main.hex(), "encoding": "hex"},
            {"name": "lib/words.py", "content": "WORD = 'w\u00f6rd'"},
            {"name": "raw", "content": base64.b64encode(b"\0\xff").decode(), "encoding": "base64"},
        ],
        "stdin": "in",
        "args": ["a", "b c"],
    }
    answer = server.post("/api/v2/execute", request)
    run = answer.json()["run"]
    assert run["stdout"] == "['go.py', 'a', 'b c'] w\u00f6rd b'\\x00\\xff' in\n", run
    assert (run["code"], run["signal"], run["status"], run["message"]) == (0, None, None, None)
    assert set(run) >= {
        "stdout",
        "stderr",
        "output",
        "code",
        "signal",
        "message",
        "status",
        "cpu_time",
        "wall_time",
        "memory",
    }
    assert set(answer.json()) == {"language", "version", "run"}
    assert run["memory"] > 1 << 20


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"language": "brainfuck"}, "not available"),
        ({"version": "^2"}, "not available"),
        ({"version": "?"}, "not available"),
        ({"files": []}, "files"),
        ({"files": [{}]}, "files.0.content"),
        ({"files": [{"content": "zz", "encoding": "hex"}]}, "is not hex"),
        ({"files": [{"content": "", "name": "/abs"}]}, "relative"),
        ({"files": [{"content": "", "name": "a"}, {"content": "", "name": "a"}]}, "a different name"),
        ({"run_timeout": 61_000}, "at most 60 s"),
        ({"stdin": 5}, "stdin"),
    ],
)
def test_piston_refuses_with_400_and_a_message(server: Server, change: dict[str, Any], words: str) -> None:
    request = {"language": "python", "version": "*", "files": [{"content": "print(1)"}]} | change
    answer = server.post("/api/v2/execute", request)
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["message"]
    assert words in answer.json()["message"]


def test_piston_refuses_other_media_types_with_415(server: Server) -> None:
    answer = server.http.post("/api/v2/execute", content=b"{}", headers={"content-type": "text/plain"})
    assert (answer.status_code, list(answer.json())) == (415, ["message"])


def test_native_run_calls_functions_and_returns_values(server: Server) -> None:
    request = {"source": "def f(xs, y): return {x: y for x in xs}", "entry": "f", "args": [[1, 2], {"$tuple": [3]}]}
    body = server.post("/v1/run", request).json()
    assert (body["status"], body["returned"], body["value"]) == (
        "ok",
        True,
        {"$dict": [[1, {"$tuple": [3]}], [2, {"$tuple": [3]}]]},
    )


def test_native_run_returns_bytes_that_are_not_text(server: Server) -> None:
    source = "import sys\nsys.stdout.buffer.write(b'\\xff')"
    body = server.post("/v1/run", {"source": source, "id": "x"}).json()
    assert (body["stdout"], body["stdout_base64"], body["id"]) == (None, "/w==", "x")
    value = server.post("/v1/run", {"source": "def f(): return '\\ud800'", "entry": "f"})
    assert (value.status_code, value.json()["value"]) == (200, "\ud800")


def test_native_run_refuses_unknown_fields_and_values(server: Server) -> None:
    assert server.post("/v1/run", {"source": "", "callback_url": "http://127.0.0.1/"}).status_code == 422
    assert server.post("/v1/run", {"source": "", "limits": {"wall_time": 61}}).status_code == 422
    assert server.post("/v1/run", {"source": "", "args": [1]}).status_code == 422
    assert server.post("/v1/run", {"source": "", "entry": "f", "args": [{"$what": 1}]}).status_code == 422
    assert server.post("/v1/run", {"source": "", "language": "cobol"}).status_code == 422


def test_a_batch_comes_back_as_it_finishes(server: Server) -> None:
    slow = {"source": f"import time; time.sleep({allow_seconds(4)}); print('slow')", "id": "slow"}
    quick = [{"source": f"print({number})", "id": str(number)} for number in range(20)]
    lines = []
    with server.http.stream("POST", "/v1/runs", json={"runs": [slow, *quick]}) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        for line in answer.iter_lines():
            lines.append(json.loads(line))
            if len(lines) == 1:
                assert server.in_background("/v1/run", {"source": "print(1)"}).answer().json()["status"] == "ok"
    assert lines[-1]["id"] == "slow"
    assert {line["id"]: line["stdout"] for line in lines} == {"slow": "slow\n"} | {str(n): f"{n}\n" for n in range(20)}
    assert sorted(line["index"] for line in lines) == list(range(21))
    assert all(line["status"] == "ok" and line["queue_time_s"] >= 0 for line in lines)


def test_a_batch_with_one_bad_run_is_refused_before_any_runs(server: Server) -> None:
    before = server.runs()
    answer = server.post("/v1/runs", {"runs": [{"source": "print(1)"}, {"source": "", "limits": {"memory": 1}}]})
    assert answer.status_code == 422
    assert server.runs() == before


def test_verify_returns_the_verdicts_of_the_command_line(server: Server) -> None:
    problem = {
        "id": "double",
        "kind": "stdin",
        "oracles": ["print(int(input()) * 2)"],
        "examples": [{"input": "21\n"}, {"input": "-4\n"}],
        "candidates": [
            {"id": "right", "source": "n = int(input())\nprint(n + n)"},
            {"id": "wrong", "source": "print(abs(int(input())) * 2)"},
            {"id": "forger", "source": "import os\nos._exit(0)"},
        ],
    }
    answer = server.post("/v1/verify", {"problem": problem, "inputs": 0})
    assert answer.status_code == 200, answer.text
    rows = answer.json()["verdicts"]
    assert [(row["candidate"], row["verdict"]) for row in rows] == [
        ("right", "accepted"),
        ("wrong", "wrong_answer"),
        ("forger", "wrong_answer"),
    ]
    assert rows[1]["counterexample"]["input"] == "-4\n"
    assert answer.json()["runs"] > 6
    bad = server.post("/v1/verify", {"problem": problem | {"oracles": []}})
    assert (bad.status_code, "problem.oracles" in bad.json()["detail"]) == (422, True)


def test_health_reports_the_isolation_layers(server: Server) -> None:
    health = server.http.get("/v1/health").json()
    assert health["status"] == "ok"
    assert set(health["walls"].values()) == {True}
    assert {"user", "net", "seccomp", "memory", "pids", "cpu"} <= set(health["walls"])
    assert server.http.get("/healthz").json() == {"status": "ok"}


def test_metrics_count_runs_by_status_and_language(server: Server) -> None:
    def figure(name: str) -> float:
        lines = server.http.get("/metrics").text.splitlines()
        return float(next(line.split()[-1] for line in lines if line.startswith(name)))

    name = 'semi_instruct_runs_total{language="python",status="signaled"}'
    before, waited = figure(name), figure("semi_instruct_queue_seconds_count")
    server.post("/v1/run", {"source": "import os; os.kill(os.getpid(), 11)"})
    assert figure(name) == before + 1
    assert figure("semi_instruct_queue_seconds_count") == waited + 1
    assert figure("semi_instruct_workers") == 2
    assert figure("semi_instruct_worker_restarts") >= 0
    assert figure("semi_instruct_healthy") == 1


def test_the_pages_load_nothing_from_other_servers(server: Server) -> None:
    for path in ("/", "/docs"):
        page = server.http.get(path)
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "//" not in page.text.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
