"""The same program and input give the same bytes: every time, on every worker, after every restart."""

from __future__ import annotations

from engine import Engine, Limits, Program

_EVERYTHING_THAT_VARIES = Program("""
import os, random, socket, tempfile, time
print({"one", "two", "three", "four", "five"})
print(hash("x"), hash(b"y"), id(object()), object())
print(id([]), id(()), id({}), id(set()), id(lambda: 0), id(1.5), id("a" + input.__name__), id(open(0, closefd=False)))
print(random.random(), random.randrange(10**9), random.sample(range(100), 5))
print(os.getpid(), os.getppid(), os.getuid(), os.listdir("."), os.listdir("/"), os.getcwd())
print(socket.gethostname(), time.tzname, time.localtime(0), sorted(os.environ.items()))
print(open("/proc/self/mountinfo").read().count("\\n"), input())
""")

_HISTORY = [
    "import numpy",
    "x = list(range(10**6))",
    "1/0",
    "import os; os.fork()",
    "import os; os.kill(os.getpid(), 9)",
    "import os; os.kill(os.getpid(), 11)",
    "while True: print(1)",
    "while True: pass",
    "x = bytearray(1 << 30)",
    "import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)",
    "import os; os.kill(os.getpid(), 9)",
]


def test_1000_runs_over_two_workers_and_a_restart_print_the_same() -> None:
    seen = set()
    for _ in range(2):
        with Engine(workers=2) as engine:
            for outcome in engine.map(_EVERYTHING_THAT_VARIES, [b"line\n"] * 500):
                seen.add(outcome.stdout)
    assert len(seen) == 1, seen
    assert seen.pop().endswith(b"line\n")


def test_what_ran_before_does_not_show() -> None:
    with Engine(workers=1) as engine:
        first = engine.run(_EVERYTHING_THAT_VARIES, stdin=b"x")
        for source in _HISTORY:
            engine.run(Program(source), limits=Limits(cpu_time=0.5, memory=64 << 20))
            assert engine.run(_EVERYTHING_THAT_VARIES, stdin=b"x").stdout == first.stdout, source
