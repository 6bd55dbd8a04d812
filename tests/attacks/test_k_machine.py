"""K05 and K06: a machine that is short of something, or busy, costs no row its verdict."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

from semi_instruct.engine import Engine, Limits, Outcome, Program, Status, cgroup
from tests.timing import allow_seconds, until

DOES_NOT_APPLY: dict[str, str] = {}

ROOT = Path(__file__).parents[2]
DOUBLE, WRONG = "print(int(input()) * 2)", "print(42)"
VERDICTS = ["accepted", "wrong_answer"]
_CORES = 2
_MANY = 4 * _CORES  # enough problems for a process on each core
_SHORT_S = 2.0

# The command as it is, on two cores, with what a test does to the machine around it.
COMMAND = f"""
import errno, os, sys, threading, time
os.sched_getaffinity = lambda _: set(range({_CORES}))
from semi_instruct.harness.cli import app
{{around}}
if __name__ == "__main__":
    sys.exit(app.main({{arguments!r}}))
"""

# No jail can be started for a while, and those there are end. The error is what the kernel answers.
NO_JAILS = """
import psutil
from semi_instruct.engine import jail

start, state = jail.start, {{"short": False}}

def start_or_fail(*arguments):
    if state["short"]:
        raise OSError({number}, os.strerror({number}))
    return start(*arguments)

def be_short():
    while len(jails := psutil.Process().children(recursive=True)) < 3:
        time.sleep(0.01)
    state["short"] = True
    for each in jails:
        try:
            each.kill()
        except psutil.NoSuchProcess:  # ended with another one
            pass
    time.sleep({seconds})
    state["short"] = False

jail.start = start_or_fail
threading.Thread(target=be_short, daemon=True).start()
"""

# The process may open no more files than it has, for a while.
NO_DESCRIPTORS = """
import resource
from semi_instruct.harness.cli import verify

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
open_engine = verify.Engine

def be_short(*, workers, runtime=None):
    lowest = os.open("/dev/null", os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 3, hard))
    threading.Timer({seconds}, resource.setrlimit, (resource.RLIMIT_NOFILE, (soft, hard))).start()
    return open_engine(workers=workers)

verify.Engine = be_short
"""


def problems(folder: Path, count: int) -> Path:
    """A file of problems, each with a right candidate and a wrong one."""
    path = folder / "problems.jsonl"
    with path.open("w") as file:
        for number in range(count):
            row = {"id": f"p{number}", "kind": "stdin", "oracles": [DOUBLE], "examples": [{"input": f"{number}\n"}]}
            row["candidates"] = [{"id": "right", "source": DOUBLE}, {"id": "wrong", "source": WRONG}]
            file.write(json.dumps(row) + "\n")
    return path


@dataclass(slots=True)
class Command:
    """A command that is running, and what it says on stderr."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    def wait(self) -> int:
        """Wait for its end."""
        return self.process.wait(allow_seconds(240))

    def has_said(self, words: str) -> bool:
        """Whether some line has these words."""
        return any(words in line for line in self.said)


@contextmanager
def running(arguments: list[Any], around: str = "", before: Callable[[], None] | None = None) -> Iterator[Command]:
    """The command line with these arguments.

    Args:
        around: code that runs before it.
        before: called in the new process, before it has done anything.
    """
    code = COMMAND.format(around=around, arguments=[str(each) for each in arguments])
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=before,
    ) as process:
        command = Command(process)
        assert process.stderr is not None
        listener = threading.Thread(target=_listen, args=(process.stderr, command.said))
        listener.start()
        try:
            yield command
        finally:
            process.kill()
            listener.join()


def _listen(stream: IO[str], said: list[str]) -> None:
    said.extend(iter(stream.readline, ""))


def waited_once(said: list[str]) -> bool:
    """Whether it was said when the work began to wait, and when it went on, without a flood of lines."""
    lines = [line for line in said if line.startswith("semi-instruct: ")]
    begun = [line for line in lines if "waiting" in line]
    return 1 <= len(begun) <= 4 and any("continuing" in line for line in lines) and len(lines) <= 2 * len(begun)


def verdicts(path: Path) -> list[str]:
    return [json.loads(line)["verdict"] for line in path.read_text().splitlines()]


# ENOMEM: no memory. EAGAIN: no processes. ENOSPC: no inodes, no namespaces. 524 is ENOTSUPP: no memory for BPF.
@pytest.mark.parametrize("number", [12, 11, 28, 23, 524])
def test_k05_verify_goes_on_when_jails_cannot_start_for_a_while(number: int, tmp_path: Path) -> None:
    output = tmp_path / "v.jsonl"
    around = NO_JAILS.format(number=number, seconds=_SHORT_S)
    with running(["verify", problems(tmp_path, 3), "-o", output, "--inputs", "0"], around) as command:
        assert command.wait() == 0, command.said
    assert verdicts(output) == VERDICTS * 3
    assert waited_once(command.said), command.said


def test_k05_fuzz_goes_on_when_jails_cannot_start_for_a_while(tmp_path: Path) -> None:
    output = tmp_path / "f.jsonl"
    around = NO_JAILS.format(number=11, seconds=_SHORT_S)
    with running(["fuzz", problems(tmp_path, 1), "-o", output, "--inputs", "12"], around) as command:
        assert command.wait() == 1, command.said
    assert [json.loads(line)["difference"] for line in output.read_text().splitlines()] == [False, True]
    assert waited_once(command.said), command.said


def test_k05_build_goes_on_when_jails_cannot_start_for_a_while(tmp_path: Path) -> None:
    task = {"id": "t", "statement": "Double the number.", "codes": [DOUBLE, "n = int(input())\nprint(n + n)"]}
    pairs = [{"instruction": task["statement"], "output": code} for code in task["codes"]]
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(pair | {"input": ""}) + "\n" for pair in pairs))
    around = NO_JAILS.format(number=11, seconds=_SHORT_S)
    arguments = ["build", corpus, "-o", tmp_path / "built", "--no-decontaminate", "--inputs", "0", "--budget", "1"]
    with running(arguments, around) as command:
        assert command.wait() == 0, command.said
    assert not any("sandbox_error" in line for line in command.said), command.said
    assert waited_once(command.said), command.said


def test_k05_verify_goes_on_when_there_are_no_descriptors_for_a_while(tmp_path: Path) -> None:
    output = tmp_path / "v.jsonl"
    around = NO_DESCRIPTORS.format(seconds=_SHORT_S)
    with running(["verify", problems(tmp_path, 3), "-o", output, "--inputs", "0"], around) as command:
        assert command.wait() == 0, command.said
    assert verdicts(output) == VERDICTS * 3
    assert waited_once(command.said), command.said


@pytest.fixture
def few_processes() -> Iterator[Path]:
    """A control group in which there may be one process."""
    parent = cgroup.find().parents["pids"]
    group = parent / f"semi-instruct-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "pids.max").write_text("1")
        yield group
    finally:
        (group / "pids.max").write_text("max")
        assert until(lambda: _removed(group), 20)


def _removed(group: Path) -> bool:
    with suppress(OSError):  # a process is still about to end
        group.rmdir()
    return not group.exists()


@pytest.mark.parametrize("count", [3, _MANY])
def test_k05_verify_goes_on_when_there_are_no_processes_for_a_while(
    count: int, tmp_path: Path, few_processes: Path
) -> None:
    """Neither for jails, nor for threads and processes of ours."""
    output = tmp_path / "v.jsonl"

    def enter() -> None:
        (few_processes / "cgroup.procs").write_text(str(os.getpid()))

    arguments = ["verify", problems(tmp_path, count), "-o", output, "--inputs", "0", "--budget", "1"]
    with running(arguments, before=enter) as command:
        assert until(lambda: command.has_said("waiting"), 60), command.said
        time.sleep(0.5)
        # A few now, so that a process, or a thread, comes to be and those that it needs do not.
        for most in (3, 6, 9, 14):
            (few_processes / "pids.max").write_text(str(most))
            time.sleep(0.5)
        assert command.process.poll() is None
        (few_processes / "pids.max").write_text("max")
        assert command.wait() == 0, command.said
    assert verdicts(output) == VERDICTS * count
    assert command.has_said("continuing"), command.said
    assert len([line for line in command.said if line.startswith("semi-instruct: ")]) <= 20, "a flood"


SLOW = "import time\nn = int(input())\nwhile time.process_time() < {seconds}: pass\nprint(n * 2)"
_BUSY = 8
_TIME_LIMIT_S = 0.5  # so that a run has 1.5 CPU seconds, and 4 s by the clock


@pytest.fixture
def busy_loops() -> Iterator[None]:
    """Eight of them, on two cores at most."""
    cores = set(sorted(os.sched_getaffinity(0))[:_CORES])
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(_BUSY)]
    for loop in loops:
        os.sched_setaffinity(loop.pid, cores)
    try:
        yield
    finally:
        for loop in loops:
            loop.send_signal(signal.SIGKILL)
            loop.wait()


@pytest.mark.usefixtures("busy_loops")
def test_k06_right_programs_beside_eight_busy_loops_are_right(tmp_path: Path) -> None:
    """Each takes 1.2 CPU seconds, which alone takes it 1.2 s, and here more than the 4 s it has by the clock.

    ``python -m benchmarks.starved_verify`` does it with 200 programs of contestants.
    """
    row = {"id": "p", "kind": "stdin", "time_limit_s": _TIME_LIMIT_S, "examples": [{"input": "21\n"}]}
    row |= {"oracles": [DOUBLE], "candidates": [{"id": f"c{n}", "source": SLOW.format(seconds=1.2)} for n in range(4)]}
    path, output = tmp_path / "problems.jsonl", tmp_path / "v.jsonl"
    path.write_text(json.dumps(row) + "\n")
    cores = set(sorted(os.sched_getaffinity(0))[:_CORES])
    with running(
        ["verify", path, "-o", output, "--inputs", "0"], before=lambda: os.sched_setaffinity(0, cores)
    ) as command:
        assert command.wait() == 0, command.said
    assert verdicts(output) == ["accepted"] * 4


@pytest.fixture
def two_cores() -> Iterator[None]:
    """What this process starts runs on two cores, those of the busy loops."""
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(all_of_them)[:_CORES]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


@pytest.mark.skipif(not cgroup.find().has_pressure, reason="this kernel has no cpu.pressure: nothing is extended")
@pytest.mark.usefixtures("busy_loops", "two_cores")
def test_k06_time_without_a_core_does_not_count_against_the_wall_limit() -> None:
    """Four programs at a time that take 1.2 CPU seconds each and have 2 s by the clock.

    Two cores need 2.4 s for them without any busy loop. So without the extension not all of them can end in time; the
    command grants four times the limit before it rejects, which would hide that.
    """
    seconds, count = allow_seconds(1.2), 2 * _CORES
    program = Program(SLOW.format(seconds=seconds))
    limits = Limits(wall_time=allow_seconds(2.0), cpu_time=allow_seconds(10.0), deadline=allow_seconds(120.0))

    def run(engine: Engine) -> Outcome:
        return engine.run(program, stdin=b"21\n", limits=limits)

    with Engine(workers=count) as engine, ThreadPoolExecutor(count) as threads:
        outcomes = list(threads.map(run, [engine] * count))
    assert [(outcome.status, outcome.stdout) for outcome in outcomes] == [(Status.OK, b"42\n")] * count, outcomes
    assert max(outcome.wall_time_s for outcome in outcomes) > limits.wall_seconds
