"""Files in and out of a sandbox, without a server: which are refused, and how they are copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from semi_instruct.engine import Engine, Limits, Program, Status
from semi_instruct.engine.limits import MIB
from semi_instruct.harness.serve.errors import Unprocessable
from semi_instruct.harness.serve.files import (
    MAX_BYTES,
    MAX_FILES,
    max_copy_out_bytes,
    plan_files,
    sandbox_path,
    with_copied_files,
    with_copy_program,
)
from semi_instruct.harness.serve.work import Done, Work
from tests.timing import allow_seconds

LIMITS = Limits(cpu_time=allow_seconds(5), wall_time=allow_seconds(6), memory=256 * MIB, output=1 * MIB)


def _run(
    engine: Engine,
    source: str,
    files: Mapping[str, bytes] | None = None,
    fetch: Sequence[str] = (),
    args: Sequence[str] = (),
    limits: Limits = LIMITS,
    stdin: bytes = b"",
) -> Done:
    planned = plan_files(files or {}, fetch, args)
    work = with_copy_program(Work(Program(source), limits, stdin, files=planned))
    return with_copied_files(engine.run(work.program, work.stdin, work.args, work.limits), planned)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/proc/self/mem",
        "/tmpfile",
        "/mnt/data",
        "/box/shm/x",
        "/opt/engine/zygote.py",
        "../x",
        "../../etc/passwd",
        "a/../../x",
        "/tmp/../etc/passwd",
        "/mnt/data/../../etc/passwd",
        "..",
        ".",
        "",
        "/",
        "a/",
        "a/.",
        "a/..",
        "file:///etc/passwd",
        "http://127.0.0.1/x",
        "C:/x",
        "a\0b",
        "a\nb",
        "a\ud800",
        "x" * 256,
        "\u00e9" * 128,
        "a/" * 16 + "b",
        "./" * 256 + "a",
    ],
)
def test_paths_that_lead_elsewhere_are_refused_for_files_and_named_for_fetch(path: str) -> None:
    with pytest.raises(Unprocessable, match="path"):
        plan_files({path: b""}, ())
    planned = plan_files({}, [path, "a"])
    assert planned is not None
    assert (list(planned.refused), planned.copy_out) == ([path], {"a": "work/a"})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", "work/a"),
        ("./a", "work/a"),
        ("a//b", "work/a/b"),
        ("a/./b", "work/a/b"),
        ("a/../b", "work/b"),
        ("../work/a", "work/a"),
        ("../tmp/a", "tmp/a"),
        ("/box/work/a", "work/a"),
        ("/mnt/data/a/b", "work/a/b"),
        ("//mnt//data//a", "work/a"),
        ("/tmp/a", "tmp/a"),
        ("/var/tmp/a", "tmp/a"),
        ("/../tmp/./a", "tmp/a"),
    ],
)
def test_sandbox_path(path: str, expected: str) -> None:
    assert sandbox_path(path) == expected


def test_files_that_cannot_be_planned() -> None:
    with pytest.raises(Unprocessable, match="at most 256 files"):
        plan_files({str(number): b"" for number in range(MAX_FILES + 1)}, ())
    with pytest.raises(Unprocessable, match="bytes of files"):
        plan_files({"a": bytes(MAX_BYTES), "b": b"x"}, ())
    with pytest.raises(Unprocessable, match="a file and a folder"):
        plan_files({"a": b"", "a/b": b""}, ())
    with pytest.raises(Unprocessable, match="a file and a folder"):
        plan_files({"lib": b""}, (), (), "lib/main.py")
    with pytest.raises(Unprocessable, match="another file"):
        plan_files({"a": b"", "/mnt/data/./a": b""}, ())
    with pytest.raises(Unprocessable, match="another file"):
        plan_files({"./go.py": b""}, (), (), "go.py")
    with pytest.raises(Unprocessable, match="files and folders"):
        plan_files({f"{'/'.join(f'{number}-{part}' for part in range(10))}": b"" for number in range(256)}, ())
    with pytest.raises(Unprocessable, match="limit file_size"):
        with_copy_program(Work(Program(""), Limits(file_size=10), files=plan_files({"a": bytes(11)}, ())))
    assert plan_files({}, ()) is None


def test_files_in_and_out(engine: Engine) -> None:
    source = """
import pathlib, sys
print(pathlib.Path("data/in.bin").read_bytes(), sys.argv, input(), __name__, __file__)
pathlib.Path("data/deep").mkdir()
pathlib.Path("data/deep/out.bin").write_bytes(bytes(range(256)))
import helper
"""
    files = {"data/in.bin": b"\0\xff", "helper.py": b"print('helped')", "main.py": b"not the program"}
    done = _run(engine, source, files, ["data/deep/out.bin", "main.py", "nowhere", "data"], ["x", "y z"], stdin=b"in\n")
    assert done.outcome.status is Status.OK, done
    assert done.outcome.stdout == (
        b"b'\\x00\\xff' ['program.py', 'x', 'y z'] in __main__ /box/work/program.py\nhelped\n"
    )
    assert done.files == {"data/deep/out.bin": bytes(range(256)), "main.py": b"not the program"}
    assert done.refused == {"nowhere": "there is no such file", "data": "it is not a regular file"}
    assert (done.outcome.returned, done.outcome.value) == (False, None)


@pytest.mark.parametrize(
    ("source", "status", "code", "number"),
    [
        ("raise SystemExit(7)", Status.NONZERO_EXIT, 7, None),
        ("import os; os._exit(9)", Status.NONZERO_EXIT, 9, None),
        ("1 / 0", Status.NONZERO_EXIT, 1, None),
        ("import os; os.kill(os.getpid(), 11)", Status.SIGNALED, None, 11),
        ("import os; os.kill(os.getpid(), 9)", Status.SIGNALED, None, 9),
        ("import os; os.kill(os.getppid(), 9)", Status.SIGNALED, None, 9),
        ("while True: pass", Status.TIME_LIMIT, None, 9),
        ("x = bytearray(1 << 30)", Status.MEMORY_LIMIT, None, 9),
        ("while True: print('x' * 1000)", Status.OUTPUT_LIMIT, None, 9),
        ("import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)", Status.FORBIDDEN_SYSCALL, None, 9),
        ("print('open", Status.COMPILE_ERROR, 1, None),
    ],
)
def test_the_status_is_the_kernels_with_files_too(
    engine: Engine, source: str, status: Status, code: int | None, number: int | None
) -> None:
    limits = Limits(cpu_time=allow_seconds(0.5), wall_time=allow_seconds(2), memory=64 * MIB, output=64 << 10)
    done = _run(engine, source, {"a": b"1"}, ["a"], limits=limits)
    assert (done.outcome.status, done.outcome.exit_code, done.outcome.signal) == (status, code, number), done
    assert done.files == ({"a": b"1"} if code is not None and status is not Status.COMPILE_ERROR else done.files)


def test_the_traceback_is_the_programs_own(engine: Engine) -> None:
    done = _run(engine, "def f():\n    return 1 / 0\nf()\n", {"a": b""})
    assert done.outcome.stderr.decode() == (
        "Traceback (most recent call last):\n"
        '  File "/box/work/main.py", line 3, in <module>\n    f()\n'
        '  File "/box/work/main.py", line 2, in f\n    return 1 / 0\n           ~~^~~\n'
        "ZeroDivisionError: division by zero\n"
    )


def test_nothing_is_followed_and_nothing_hangs(engine: Engine) -> None:
    source = """
import os
os.symlink("/opt/engine/zygote.py", "link")
os.symlink("/opt/engine", "folder")
os.mkfifo("fifo")
os.symlink("/dev/zero", "zero")
os.link("main.py", "hard")
os.rename("/box/work", "/box/elsewhere")
os.symlink("/opt/engine", "/box/work")
"""
    fetch = ["link", "folder/zygote.py", "fifo", "zero", "hard", "zygote.py"]
    done = _run(engine, source, {}, fetch)
    assert done.outcome.status is Status.OK, done
    assert list(done.files) == ["hard"]
    assert set(done.refused) == set(fetch) - {"hard"}


def test_files_that_are_too_large_are_refused_one_by_one(engine: Engine) -> None:
    room = max_copy_out_bytes(LIMITS)
    source = f"""
for name, size in (("small", 1000), ("large", {room}), ("exact", {room - 1000}), ("more", 1)):
    open(name, "wb").write(bytes(size))
os = __import__("os")
with open("sparse", "wb") as sparse:
    sparse.truncate(30 << 20)
"""
    done = _run(engine, source, {}, ["small", "large", "sparse", "exact", "more"])
    assert done.outcome.status is Status.OK, done
    assert {path: len(data) for path, data in done.files.items()} == {"small": 1000, "exact": room - 1000}
    assert set(done.refused) == {"large", "sparse", "more"}


def test_a_program_cannot_forge_the_reply_of_the_driver(engine: Engine) -> None:
    """It finds no descriptor of the driver, and cannot reach it. Its exit code is the one that is reported."""
    source = """
import os
found = []
for number in range(3, 64):
    try:
        os.fstat(number)
        found.append(number)
    except OSError:
        pass
parent = os.getppid()
for path in (f"/proc/{parent}/mem", f"/proc/{parent}/fd/3", f"/proc/{parent}/environ"):
    try:
        os.open(path, os.O_RDWR if path.endswith("mem") else os.O_RDONLY)
        found.append(path)
    except OSError:
        pass
print(found)
raise SystemExit(3)
"""
    done = _run(engine, source, {"a": b""}, ["a"])
    assert done.outcome.stdout == b"[]\n"
    assert (done.outcome.status, done.outcome.exit_code) == (Status.NONZERO_EXIT, 3)


def test_a_forged_reply_is_ignored(engine: Engine) -> None:
    """If a program reached the pipe of the driver, only files that were asked for, of the exact type, would be used."""
    planned = plan_files({}, ["a"])
    forged = "def copy_and_run(): return {'compiled': False, 'files': {'a': 'text', '/etc/x': b'y'}, 'refused': [1]}"
    done = with_copied_files(engine.run(Program(forged, entry="copy_and_run")), planned)
    assert (done.outcome.status, dict(done.files), set(done.refused)) == (Status.OK, {}, {"a"})
    number = Program("def copy_and_run(): return 5", entry="copy_and_run")
    assert with_copied_files(engine.run(number), planned).files == {}


def test_left_behind_processes_end_with_the_run(engine: Engine) -> None:
    source = """
import os, time
if os.fork() == 0:
    os.setsid()
    while True:
        open("late", "w").write(str(time.monotonic_ns()))
"""
    done = _run(engine, source, {}, ["late"])
    assert done.outcome.status is Status.OK
    assert done.outcome.wall_time_s < allow_seconds(3)


def test_the_limit_of_file_sizes_is_the_programs_and_not_about_its_source(engine: Engine) -> None:
    source = "import os\nfile = os.open('a', os.O_CREAT | os.O_WRONLY)\n"
    source += f"print(os.write(file, bytes(70)), os.write(file, bytes(70)))\n{'#' * 1000}"
    limits = Limits(cpu_time=allow_seconds(5), wall_time=allow_seconds(6), memory=256 * MIB, file_size=100)
    done = _run(engine, source, {"in": bytes(100)}, ["a", "in"], limits=limits)
    assert (done.outcome.status, done.outcome.stdout) == (Status.OK, b"70 30\n"), done
    assert done.files == {"a": bytes(100), "in": bytes(100)}
