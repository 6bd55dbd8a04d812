"""Engines for tests of the harness: no sandbox, so that these tests need none. For programs of ours only."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from semi_instruct.engine import Determinism, Limits, Outcome, Program, Status
from semi_instruct.engine.inside.values import dumps, loads

Script = Callable[[Program, bytes, tuple[Any, ...]], Outcome]

_LIMITS = Limits()
_CALL = """
import json, sys
namespace = {}
exec(compile(open(sys.argv[1]).read(), "program", "exec"), namespace)
value = namespace[sys.argv[2]](*json.loads(sys.argv[3]))
print(json.dumps(value))
"""


def printed(text: str, **facts: Any) -> Outcome:
    """The outcome of a program that printed ``text`` and ended ok."""
    return Outcome(Status.OK, exit_code=0, stdout=text.encode(), cpu_time_s=facts.pop("cpu", 0.01), **facts)


def ended(status: Status, **facts: Any) -> Outcome:
    """The outcome of a run that did not end ok."""
    return Outcome(status, cpu_time_s=facts.pop("cpu", 0.01), **facts)


def returned(value: Any) -> Outcome:
    """The outcome of a function that returned ``value``; it crosses the wall as values do."""
    return Outcome(Status.OK, exit_code=0, returned=True, value=loads(dumps(value)), cpu_time_s=0.01)


class ScriptedEngine:
    """Answers every run by calling a function, in threads, and keeps a record of what was asked.

    Attributes:
        asked: source, stdin and arguments of every run that was not varied, in the order of submission.
        asked_varied: of those that were.
        most_at_once: the most runs that were submitted and not finished at one time.
    """

    def __init__(self, script: Script, workers: int = 2) -> None:
        self.workers = workers
        self.asked: list[tuple[str, bytes, tuple[Any, ...]]] = []
        self.asked_varied: list[tuple[str, bytes, tuple[Any, ...]]] = []
        self.limits: list[Limits] = []
        self.conditions: list[tuple[str, float | None]] = []
        self.most_at_once = 0
        self._script = script
        self._pool = ThreadPoolExecutor(workers)
        self._lock = threading.Lock()
        self._unfinished = 0

    def submit(
        self,
        program: Program,
        stdin: bytes = b"",
        args: Sequence[Any] = (),
        limits: Limits = _LIMITS,
        *,
        determinism: str = Determinism.FIXED,
    ) -> Future[Outcome]:
        """Start a run."""
        record = self.asked if determinism == Determinism.FIXED else self.asked_varied
        record.append((program.source_bytes.decode("utf-8", "surrogatepass"), stdin, tuple(args)))
        self.limits.append(limits)
        with self._lock:
            self._unfinished += 1
            self.most_at_once = max(self.most_at_once, self._unfinished)
        future = self._pool.submit(self._script, program, stdin, tuple(args))
        future.add_done_callback(self._count_down)
        return future

    def _count_down(self, _: Future[Outcome]) -> None:
        with self._lock:
            self._unfinished -= 1

    def run(
        self,
        program: Program,
        stdin: bytes = b"",
        args: Sequence[Any] = (),
        limits: Limits = _LIMITS,
        *,
        determinism: str = Determinism.FIXED,
        clock: float | None = None,
    ) -> Outcome:
        """Run and wait."""
        self.conditions.append((determinism, clock))
        return self.submit(program, stdin, args, limits).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)


class SubprocessEngine(ScriptedEngine):
    """Runs programs as plain child processes, with no wall at all."""

    def __init__(self, workers: int | None = None, runtime: object = None) -> None:
        super().__init__(_run_child, workers or 2)


class SlowEngine(ScriptedEngine):
    """Takes its time, and every program prints 1."""

    def __init__(self, workers: int | None = None, runtime: object = None) -> None:
        super().__init__(_print_one, workers or 2)


def _print_one(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
    time.sleep(0.002)
    return printed("1")


def _run_child(program: Program, stdin: bytes, args: tuple[Any, ...]) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "program.py")
        file.write_bytes(program.source_bytes)
        command = [sys.executable, "-I", "-S", str(file)]
        if program.entry is not None:
            command = [sys.executable, "-I", "-S", "-c", _CALL, str(file), program.entry, json.dumps(args)]
        child = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=30)
    if child.returncode:
        return Outcome(Status.NONZERO_EXIT, exit_code=child.returncode, stdout=child.stdout, stderr=child.stderr)
    if program.entry is not None:
        return Outcome(Status.OK, exit_code=0, returned=True, value=json.loads(child.stdout), stderr=child.stderr)
    return Outcome(Status.OK, exit_code=0, stdout=child.stdout, stderr=child.stderr)
