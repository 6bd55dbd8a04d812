"""The same program and input give the same bytes, every time and everywhere; or other ones each time, if told to."""

from __future__ import annotations

import datetime
import json

import pytest

from semi_instruct.engine import Engine, InvalidRequest, Limits, Program, Status
from semi_instruct.engine.limits import MIB
from tests.timing import allow_seconds

_EVERYTHING_THAT_VARIES = Program("""
import os, random, secrets, socket, tempfile, time, uuid
print({"one", "two", "three", "four", "five"})
print(hash("x"), hash(b"y"), id(object()), object())
print(id([]), id(()), id({}), id(set()), id(lambda: 0), id(1.5), id("a" + input.__name__), id(open(0, closefd=False)))
print(random.random(), random.randrange(10**9), random.sample(range(100), 5), random.Random().random())
random.seed(); print(random.random(), random.SystemRandom().random(), uuid.uuid4(), secrets.token_hex())
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


def test_random_numbers_of_numpy_and_of_forked_processes_repeat() -> None:
    source = """
import os, random, uuid
import numpy
print(numpy.random.rand(), numpy.random.default_rng().random(), flush=True)
for _ in range(2):
    if os.fork() == 0:
        print(random.random(), uuid.uuid4(), flush=True)
        os._exit(0)
    os.wait()
print(random.random(), uuid.uuid4())
"""
    seen = []
    for _ in range(2):
        with Engine(workers=1) as engine:
            outcome = engine.run(Program(source))
            assert outcome.status is Status.OK, outcome
            seen.append(outcome.stdout)
    assert seen[0] == seen[1]
    assert len(set(seen[0].splitlines())) == 4, "a forked process repeats its parent"


_ASPECTS = Program("""
import json, os, random, time, uuid, datetime
print(json.dumps({
    "hash seed": hash("x"),
    "order of a set": str(set(map(str, range(20)))),
    "address of an object": id(object()),
    "address of a library": [line for line in open("/proc/self/maps") if "libc" in line][0].split("-")[0],
    "random": random.random(),
    "entropy": str(uuid.uuid4()),
    "time": time.time(),
    "monotonic": time.monotonic(),
    "date": str(datetime.date.today()),
    "time zone": time.strftime("%z"),
    "environment": sorted(os.environ.items()),
    "pid": os.getpid(),
}))
""")


def test_varied_runs_differ_in_every_aspect_and_fixed_runs_in_time_alone(engine: Engine) -> None:
    varied = [json.loads(run.stdout) for run in engine.map(_ASPECTS, [b""] * 8, determinism="varied")]
    fixed = [json.loads(run.stdout) for run in engine.map(_ASPECTS, [b""] * 8, clock=1e9)]
    assert {name for name in varied[0] if len({str(each[name]) for each in varied}) == 1} == set()
    assert {name for name in fixed[0] if len({str(each[name]) for each in fixed}) > 1} <= {"time", "monotonic"}


@pytest.mark.parametrize(
    ("source", "status", "code", "signal"),
    [
        ("print(input())", Status.OK, 0, None),
        ("raise SystemExit(7)", Status.NONZERO_EXIT, 7, None),
        ("def f(:", Status.COMPILE_ERROR, 1, None),
        ("import os; os.kill(os.getpid(), 11)", Status.SIGNALED, None, 11),
        ("import os; os.kill(os.getpid(), 2)", Status.SIGNALED, None, 2),
        ("import os; os.kill(os.getppid(), 9)", Status.SIGNALED, None, 9),
        ("while True: pass", Status.TIME_LIMIT, None, 9),
        ("x = bytearray(1 << 30)", Status.MEMORY_LIMIT, None, 9),
        ("while True: print('x' * 1000)", Status.OUTPUT_LIMIT, None, 9),
        ("import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)", Status.FORBIDDEN_SYSCALL, None, 9),
    ],
)
def test_a_varied_run_ends_as_a_fixed_one(
    engine: Engine, source: str, status: Status, code: int | None, signal: int | None
) -> None:
    limits = Limits(
        cpu_time=allow_seconds(1), wall_time=allow_seconds(20), memory=128 * MIB, output=100_000, processes=8
    )
    outcome = engine.run(Program(source), stdin=b"line", limits=limits, determinism="varied")
    assert (outcome.status, outcome.exit_code, outcome.signal) == (status, code, signal), outcome


@pytest.mark.parametrize("determinism", ["fixed", "varied"])
def test_as_many_processes_as_allowed(engine: Engine, determinism: str) -> None:
    source = """
import os, time
for _ in range(7):
    if os.fork() == 0: time.sleep(9)
print("seven", flush=True)
os.fork()
"""
    outcome = engine.run(Program(source), limits=Limits(processes=8), determinism=determinism)
    assert (outcome.status, outcome.stdout) == (Status.PROCESS_LIMIT, b"seven\n")


def test_a_function_can_be_called_varied(engine: Engine) -> None:
    outcome = engine.run(Program("def f(a, b): return [a, b]", entry="f"), args=(1, "x"), determinism="varied")
    assert (outcome.returned, outcome.value) == (True, [1, "x"])


def test_a_program_whose_output_is_no_function_of_its_input_is_found(engine: Engine) -> None:
    program = Program("import random\nprint(sum(random.randint(1, 6) for _ in input().split()))")
    dice = [b"1 2 3 4 5 6"] * 8
    assert len({run.stdout for run in engine.map(program, dice)}) == 1
    assert len({run.stdout for run in engine.map(program, dice, determinism="varied")}) > 1


_CLOCKS = """
import datetime, json, time
began = time.time(), time.monotonic()
before = time.process_time()
while time.process_time() < before + 0.1: pass
computed = time.time() - began[0], time.monotonic() - began[1]
time.sleep(0.2)
slept = time.time() - began[0], time.monotonic() - began[1]
now = datetime.datetime.now(datetime.UTC)
print(json.dumps([began[0], computed, slept, now.isoformat(), str(datetime.date.today()), time.strftime("%Y"),
    time.gmtime()[0], time.localtime()[0], time.ctime()[-4:], time.asctime()[-4:], datetime.datetime.today().year,
    time.time_ns() / 1e9, time.clock_gettime(time.CLOCK_REALTIME)]))
"""


def test_a_clock_starts_where_it_is_told_and_advances_with_cpu_time_and_sleep(engine: Engine) -> None:
    start = datetime.datetime(2001, 2, 3, tzinfo=datetime.UTC)
    outcome = engine.run(Program(_CLOCKS), clock=start.timestamp())
    assert outcome.status is Status.OK, outcome
    began, computed, slept, now, today, *years, by_ns, by_clock = json.loads(outcome.stdout)
    assert 0 <= began - start.timestamp() < allow_seconds(0.1)
    assert computed == pytest.approx([0.1, 0.1], abs=allow_seconds(0.05))
    assert slept == pytest.approx([0.3, 0.3], abs=allow_seconds(0.05))
    assert now.startswith("2001-02-03T00:00:00.")
    assert today == "2001-02-03"
    assert {str(each) for each in years} == {"2001"}
    assert by_ns == pytest.approx(began + 0.3, abs=allow_seconds(0.1))
    assert by_clock == pytest.approx(by_ns, abs=allow_seconds(0.05))


def test_numpy_and_a_clock_get_on(engine: Engine) -> None:
    source = "import numpy, datetime\nprint(numpy.datetime64(datetime.datetime.now(), 'Y'))"
    assert engine.run(Program(source), clock=0).stdout == b"1970\n"


@pytest.mark.parametrize("clock", [-1, float("nan"), float("inf"), 1e12, "now", True])
def test_a_senseless_clock_is_refused(engine: Engine, clock: object) -> None:
    with pytest.raises(InvalidRequest, match="clock"):
        engine.run(Program("pass"), clock=clock)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("determinism", ["Fixed", "", None, 1, []])
def test_an_unknown_determinism_is_refused(engine: Engine, determinism: object) -> None:
    with pytest.raises(InvalidRequest, match="'fixed' or 'varied'"):
        engine.submit(Program("pass"), determinism=determinism)  # type: ignore[arg-type]  # wrong on purpose
