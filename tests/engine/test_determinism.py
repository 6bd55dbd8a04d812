"""The same program and input give the same bytes: every time, on every worker, after every restart."""

from __future__ import annotations

from engine import Engine, Program

_EVERYTHING_THAT_VARIES = Program("""
import os, random, socket, tempfile, time
print({"one", "two", "three", "four", "five"})
print(hash("x"), hash(b"y"), id(object()), id([]), object())
print(random.random(), random.randrange(10**9), random.sample(range(100), 5))
print(os.getpid(), os.getppid(), os.getuid(), os.listdir("."), os.listdir("/"), os.getcwd())
print(socket.gethostname(), time.tzname, time.localtime(0), sorted(os.environ.items()))
print(open("/proc/self/mountinfo").read().count("\\n"), input())
""")


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
        for source in ("import numpy", "x = list(range(10**6))", "1/0", "import os; os.fork()", "while True: print(1)"):
            engine.run(Program(source))
            assert engine.run(_EVERYTHING_THAT_VARIES, stdin=b"x").stdout == first.stdout
