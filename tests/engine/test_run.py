"""One run: what goes in, what comes out, and how it is called."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from semi_instruct.engine import Engine, InvalidRequest, Limits, Opaque, Program, Status
from semi_instruct.engine.limits import MIB
from tests.timing import allow_seconds


def _forge(record: bytes) -> str:
    """A program that writes the record where its function's value belongs, and ends."""
    return f"""
import os
def f():
    data = {record!r} + b"\\n"
    while data: data = data[os.write(3, data):]
    os._exit(0)
"""


def test_a_program_reads_stdin_and_writes_stdout(engine: Engine) -> None:
    outcome = engine.run(Program("print(int(input()) * 2)"), stdin=b"21\n", limits=Limits(cpu_time=2.0))
    assert outcome.status is Status.OK
    assert outcome.stdout == b"42\n"
    assert (outcome.exit_code, outcome.signal, outcome.stderr) == (0, None, b"")


@pytest.mark.parametrize(
    ("source", "status", "exit_code", "signal"),
    [
        ("pass", Status.OK, 0, None),
        ("import sys; sys.exit(3)", Status.NONZERO_EXIT, 3, None),
        ("import sys; sys.exit('words')", Status.NONZERO_EXIT, 1, None),
        ("exit(4)", Status.NONZERO_EXIT, 4, None),
        ("quit()", Status.OK, 0, None),
        ("import os; os._exit(137)", Status.NONZERO_EXIT, 137, None),
        ("1 / 0", Status.NONZERO_EXIT, 1, None),
        ("import os; os.kill(os.getpid(), 9)", Status.SIGNALED, None, 9),
        ("import os; os.abort()", Status.SIGNALED, None, 6),
        ("import ctypes; ctypes.string_at(0)", Status.SIGNALED, None, 11),
        ("import os; os.kill(os.getpid(), 31)", Status.SIGNALED, None, 31),
        ("def f(:", Status.COMPILE_ERROR, 1, None),
        ("x = 1\0", Status.COMPILE_ERROR, 1, None),
        (b"x = '\xff'", Status.COMPILE_ERROR, 1, None),
        ("x = '\ud800'", Status.COMPILE_ERROR, 1, None),
        ("import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)", Status.FORBIDDEN_SYSCALL, None, 9),
        ("while True: pass", Status.TIME_LIMIT, None, 9),
        ("import time; time.sleep(60)", Status.TIME_LIMIT, None, 9),
        ("import os; os.kill(0, 19)", Status.TIME_LIMIT, None, 9),
        ("while True: print('x' * 1000)", Status.OUTPUT_LIMIT, None, 9),
        ("import sys\nwhile True: sys.stderr.write('x' * 1000)", Status.OUTPUT_LIMIT, None, 9),
    ],
)
def test_status_is_what_the_kernel_says(
    engine: Engine, source: str | bytes, status: Status, exit_code: int | None, signal: int | None
) -> None:
    limits = Limits(cpu_time=allow_seconds(0.3), wall_time=allow_seconds(0.6), memory=64 * MIB, output=100_000)
    outcome = engine.run(Program(source), limits=limits)
    assert outcome.status is status, outcome
    assert (outcome.exit_code, outcome.signal) == (exit_code, signal)
    assert outcome.wall_time_s < limits.wall_seconds + allow_seconds(1)


def test_the_name_of_a_forbidden_call_is_told_even_from_a_grandchild(engine: Engine) -> None:
    source = (
        "import os, ctypes\nif os.fork() == 0:\n    ctypes.CDLL(None).mount(0, 0, 0, 0, 0)\nos.wait(); print('alive')"
    )
    outcome = engine.run(Program(source))
    assert (outcome.status, outcome.detail, outcome.stdout) == (Status.FORBIDDEN_SYSCALL, "mount", b"")


def test_memory_beyond_its_limit_is_a_status_of_its_own(engine: Engine) -> None:
    limits = Limits(cpu_time=allow_seconds(3), wall_time=allow_seconds(6), memory=64 * MIB)
    outcome = engine.run(Program("x = bytearray(1 << 30)"), limits=limits)
    assert (outcome.status, outcome.exit_code, outcome.signal) == (Status.MEMORY_LIMIT, None, 9)
    assert outcome.peak_memory_bytes == pytest.approx(limits.memory, rel=0.1)


def test_a_child_killed_for_memory_counts_though_its_parent_exits_0(engine: Engine) -> None:
    source = "import os\nif os.fork() == 0:\n    x = bytearray(1 << 30)\nprint(os.wait()[1])"
    outcome = engine.run(Program(source), limits=Limits(memory=64 * MIB))
    assert (outcome.status, outcome.exit_code, outcome.stdout) == (Status.MEMORY_LIMIT, 0, b"9\n")


def test_a_source_that_does_not_compile_is_just_that_though_its_message_is_too_long(engine: Engine) -> None:
    outcome = engine.run(Program("(" * 200_000), limits=Limits(output=100_000))
    assert (outcome.status, outcome.stderr_truncated) == (Status.COMPILE_ERROR, True)


def test_a_limit_on_files_is_not_about_the_program_s_own_source(engine: Engine) -> None:
    source = b"#" + b"x" * 100_000 + b"\nprint('ran')\nwith open('other', 'w') as file: file.write('xx')"
    outcome = engine.run(Program(source), limits=Limits(file_size=0))
    assert (outcome.status, outcome.stdout) == (Status.NONZERO_EXIT, b"ran\n")
    assert outcome.stderr.endswith(b"OSError: [Errno 27] File too large\n")


def test_output_is_exact_to_the_cap_and_marked_beyond(engine: Engine) -> None:
    program = Program("import sys; sys.stdout.buffer.write(bytes(range(256)) * 1000)")
    data = bytes(range(256)) * 1000
    full = engine.run(program, limits=Limits(output=256_000))
    assert (full.status, full.stdout, full.stdout_truncated) == (Status.OK, data, False)
    cut = engine.run(program, limits=Limits(output=255_999))
    assert (cut.status, cut.stdout, cut.stdout_truncated) == (Status.OUTPUT_LIMIT, data[:-1], True)


def test_streams_are_capped_separately_and_never_block_each_other(engine: Engine) -> None:
    source = "import sys\nfor _ in range(40):\n    sys.stderr.write('e' * 100_000)\n    sys.stdout.write('o' * 100_000)"
    outcome = engine.run(Program(source), limits=Limits(output=4_000_000))
    assert outcome.status is Status.OK
    assert (len(outcome.stdout), len(outcome.stderr)) == (4_000_000, 4_000_000)


def test_a_program_need_not_read_its_input(engine: Engine) -> None:
    outcome = engine.run(Program("print('done')"), stdin=b"x" * (64 * MIB))
    assert (outcome.status, outcome.stdout) == (Status.OK, b"done\n")


def test_a_closed_stdout_is_empty_output(engine: Engine) -> None:
    outcome = engine.run(Program("import os; os.close(1); os.close(2)"))
    assert (outcome.status, outcome.stdout) == (Status.OK, b"")


def test_a_process_left_behind_does_not_hold_the_run(engine: Engine) -> None:
    source = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(30)\n    print('late')\nprint('done')"
    )
    outcome = engine.run(Program(source))
    assert (outcome.status, outcome.stdout) == (Status.OK, b"done\n")
    assert outcome.wall_time_s < allow_seconds(10)  # it would stay for 30


def test_output_of_a_process_left_behind_is_kept_until_the_first_one_ends(engine: Engine) -> None:
    source = (
        "import os\nif os.fork() == 0:\n    os.write(1, b'child ')\n    os._exit(0)\nos.wait()\nos.write(1, b'parent')"
    )
    assert engine.run(Program(source)).stdout == b"child parent"


def test_nothing_stays_for_the_next_run(engine: Engine) -> None:
    source = (
        "import os\n"
        "for place in ('/tmp', '/dev/shm', '/var/tmp', '.'):\n"
        "    print(os.listdir(place))\n"
        "    open(place + '/mark', 'w').write('x')"
    )
    outcomes = [engine.run(Program(source)).stdout for _ in range(4)]
    assert set(outcomes) == {b"[]\n[]\n['mark']\n['main.py']\n"}


def test_ends_as_a_cold_interpreter_does(engine: Engine) -> None:
    source = """
import atexit, sys, threading, time
class Last:
    def __del__(self): print("finalizer")
last = Last()
atexit.register(print, "exit handler")
threading.Thread(target=lambda: (time.sleep(0.05), print("thread"))).start()
print("main", __name__, __file__.endswith("main.py"), sys.argv[1:])
sys.exit(5)
"""
    cold = subprocess.run([sys.executable, "-I", "-"], input=source, text=True, capture_output=True, check=False)
    warm = engine.run(Program(source))
    assert warm.stdout.decode().splitlines()[1:] == cold.stdout.splitlines()[1:]
    assert warm.exit_code == cold.returncode == 5


@pytest.mark.parametrize(
    "source",
    [
        "w = open(1, 'w', closefd=False).write\nw('fast\\n')",
        "import os\nos.dup2(1, 5)\nf = os.fdopen(5, 'w')\nf.write('five\\n')",
        "import sys\nprint('first')\nsys.stdout = open('/dev/null', 'w')",
        "import io, sys\nold = sys.stdout\nold.write('first\\n')\nsys.stdout = io.StringIO()",
        "def g():\n    try: yield 1\n    finally: print('finally')\nx = g()\nnext(x)",
        "f = open('/dev/stdout', 'w')\nf.write('by name\\n')",
        "import sys\nsys.exit(2**70)",
        "import sys\nsys.exit(-1)",
        "import sys\nsys.stdout.close()",
        "import weakref\nclass A: pass\na = A()\nweakref.finalize(a, print, 'finalised')",
        "import sys\nprint('x', end='')\nsys.stderr.write('e')\nraise SystemExit(True)",
    ],
)
def test_what_is_written_and_how_it_ends_is_as_cold(engine: Engine, source: str) -> None:
    cold = subprocess.run([sys.executable, "-I", "-c", source], capture_output=True, check=False)
    warm = engine.run(Program(source))
    assert (warm.stdout, warm.exit_code) == (cold.stdout, cold.returncode)


def test_a_traceback_shows_the_program_and_nothing_of_ours(engine: Engine) -> None:
    outcome = engine.run(Program("def f():\n    return 1 / 0\nf()"))
    assert outcome.stderr.decode().splitlines() == [
        "Traceback (most recent call last):",
        '  File "/box/work/main.py", line 3, in <module>',
        "    f()",
        '  File "/box/work/main.py", line 2, in f',
        "    return 1 / 0",
        "           ~~^~~",
        "ZeroDivisionError: division by zero",
    ]


def test_what_honest_programs_use_works(engine: Engine) -> None:
    source = """
import asyncio, multiprocessing, os, signal, socket, subprocess, sys, tempfile, threading
from multiprocessing import shared_memory
def square(x): return x * x
async def answer(): return 42
if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool: print(pool.map(square, range(4)))
    print(subprocess.run([sys.executable, "-c", "print('sub')"], capture_output=True, text=True).stdout.strip())
    print(asyncio.run(answer()))
    memory = shared_memory.SharedMemory(create=True, size=100); memory.close(); memory.unlink()
    with tempfile.NamedTemporaryFile() as file: file.write(b"x")
    one, other = socket.socketpair(); one.send(b"hi"); print(other.recv(2))
    print(open("/dev/stdin").read(), open("/dev/null").read() == "", len(os.urandom(4)))
"""
    outcome = engine.run(Program(source), stdin=b"in")
    assert outcome.stdout.decode().splitlines() == ["[0, 1, 4, 9]", "sub", "42", "b'hi'", "in True 4"], outcome


def test_deep_recursion_ends_in_an_outcome(engine: Engine) -> None:
    deep = "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(100_000))"
    assert engine.run(Program(deep)).stdout == b"100000\n"
    crash = "import sys\nsys.setrecursionlimit(10**9)\nf = lambda: sorted([1], key=lambda _: f())\nf()"
    assert engine.run(Program(crash)).status in {Status.NONZERO_EXIT, Status.SIGNALED, Status.MEMORY_LIMIT}


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -(2**5000),
        1.5,
        float("inf"),
        "ünï\ud800",
        b"\0\xff",
        (1, [2, {3}], frozenset({4})),
        {"plain": [1, {"json": None}]},
        {1: 2, (3, 4): "x", "$tuple": 1},
        2 + 3j,
    ],
)
def test_values_cross_in_both_directions(engine: Engine, value: object) -> None:
    outcome = engine.run(Program("def same(x): return x", entry="same"), args=(value,))
    assert outcome.returned, outcome
    assert outcome.value == value
    assert type(outcome.value) is type(value)


def test_a_function_gets_arguments_and_a_dotted_entry_is_followed(engine: Engine) -> None:
    assert engine.run(Program("def f(x): return x + 1", entry="f"), args=(1,)).value == 2
    source = "class Solution:\n    @staticmethod\n    def add(a, b): return a + b"
    assert engine.run(Program(source, entry="Solution.add"), args=(2, 3)).value == 5


def test_a_main_block_does_not_run_for_a_function(engine: Engine) -> None:
    source = "def f(): return 1\nif __name__ == '__main__': print(1 / 0)"
    assert engine.run(Program(source, entry="f")).value == 1


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("def g(): pass", Status.NONZERO_EXIT),
        ("f = 5", Status.NONZERO_EXIT),
        ("import sys\ndef f(): sys.exit(0)", Status.OK),
        ("import os\ndef f(): os._exit(0)", Status.OK),
        ("def f():\n    x = []\n    x.append(x)\n    return x", Status.NONZERO_EXIT),
        ("import os\ndef f():\n    os.write(3, b'[1, 2')\n    os._exit(0)", Status.OK),
        (_forge(b'{"$complex":[' * 700 + b"1.0" + b",1.0]}" * 700), Status.OK),
        (_forge(b"[" + b"[]," * 600_000 + b"0]"), Status.OK),
        ("import os\ndef f():\n    os.write(3, b'{\"$evil\": 1}\\n')\n    os._exit(0)", Status.OK),
        ("import os\ndef f():\n    os.write(3, b'[' * 100000 + b'\\n')\n    os._exit(0)", Status.OK),
    ],
)
def test_no_value_without_a_return(engine: Engine, source: str, status: Status) -> None:
    outcome = engine.run(Program(source, entry="f"))
    assert (outcome.status, outcome.returned, outcome.value) == (status, False, None), outcome


def test_an_object_of_a_program_s_own_class_is_only_a_name(engine: Engine) -> None:
    source = "class Yes(int):\n    def __eq__(self, other): return True\n    __hash__ = None\ndef f(): return Yes()"
    value = engine.run(Program(source, entry="f")).value
    assert isinstance(value, Opaque)
    assert value.type_name == "solution.Yes"
    assert value != 0
    assert value != Opaque("solution.Yes")


def test_an_outcome_is_json_in_the_promised_shape(engine: Engine) -> None:
    outcome = engine.run(Program("import os; os.write(1, b'\\xff'); print('text', file=__import__('sys').stderr)"))
    data = json.loads(json.dumps(outcome.to_json()))
    assert data["stdout"] is None
    assert data["stdout_base64"] == "/w=="
    assert data["stderr"] == "text\n"
    assert {"status", "exit_code", "signal", "value", "cpu_time_s", "wall_time_s", "peak_memory_bytes"} <= set(data)
    assert {"user", "mount", "pid", "net", "ipc", "uts", "cgroup", "seccomp"} <= set(data["isolation"])


@pytest.mark.parametrize(
    "request_",
    [
        {"program": Program("x"), "args": (1,)},
        {"program": Program("x", entry="f"), "args": 5},
        {"program": Program("x"), "stdin": "text"},
        {"program": Program("x"), "limits": None},
        {"program": "x"},
        {"program": Program(b" " * (33 * MIB))},
    ],
    ids=lambda request_: "-".join(request_),
)
def test_a_bad_request_is_refused_before_anything_runs(engine: Engine, request_: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        engine.run(**request_)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(InvalidRequest):
        engine.submit(**request_)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    "bad",
    [
        {"cpu_time": 0},
        {"cpu_time": float("nan")},
        {"cpu_time": "1"},
        {"wall_time": -1},
        {"memory": 1},
        {"memory": 1.5},
        {"processes": 0},
        {"output": True},
        {"open_files": 1},
    ],
)
def test_limits_out_of_range_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(bad))):
        Limits(**bad)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("bad", [{"source": 1}, {"source": "", "language": "cobol"}, {"source": "", "entry": "a b"}])
def test_programs_that_are_none_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        Program(**bad)  # type: ignore[arg-type]  # wrong on purpose
