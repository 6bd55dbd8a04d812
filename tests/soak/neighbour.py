"""A second engine on the machine, in a process that is none of the soak's: honest programs, which must never notice.

    python -m tests.soak.neighbour SEED

Runs programs until its standard input ends; then it says in a line of JSON how many, and what went wrong.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from semi_instruct.engine import Engine, SandboxUnavailable
from tests.soak.mixture import honest
from tests.timing import allow_seconds

_RUNS_AN_ENGINE = 40  # so that jails are started all the time, too
_PAUSE_SECONDS = 0.05
_MAX_TOLD = 20
_END_SECONDS = 60.0
_ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Report:
    """What the second engine has seen: how many runs, on how many engines in turn, and what was wrong."""

    runs: int = 0
    engines: int = 0
    slowest_s: float = 0.0
    wrong: tuple[str, ...] = ()


@contextmanager
def neighbour(seed: int) -> Iterator[Report]:
    """Let it run beside. The report is filled when the block ends; whether it is good is for the caller to say."""
    report = Report()
    stop_read, stop = os.pipe()
    told, told_write = os.pipe()
    # Not a child of this process, whose children are counted. A shell has one-digit descriptors only, but for paths.
    detach = f'"$@" </proc/self/fd/{stop_read} >/proc/self/fd/{told_write} &'
    command = [sys.executable, "-m", "tests.soak.neighbour", str(seed)]
    subprocess.run(["/bin/sh", "-c", detach, "sh", *command], check=True, cwd=_ROOT, pass_fds=(stop_read, told_write))
    os.close(stop_read)
    os.close(told_write)
    try:
        yield report
        os.close(stop)
        stop = -1
        assert select.select([told], [], [], allow_seconds(_END_SECONDS))[0], "the second engine does not end"
        with os.fdopen(os.dup(told)) as lines:
            said = json.loads(lines.read())
        report.runs, report.engines, report.slowest_s = said["runs"], said["engines"], said["slowest_s"]
        report.wrong = tuple(said["wrong"])
    finally:
        os.close(told)
        if stop >= 0:
            os.close(stop)


def _run_until_told(seed: int) -> Report:
    random, report, wrong = Random(seed), Report(), []
    while not _is_over():
        try:
            with Engine(workers=1) as engine:
                report.engines += 1
                for _ in range(_RUNS_AN_ENGINE):
                    case = honest(random)
                    started = time.monotonic()
                    fault = case.wrong(engine.run(case.program, case.stdin, case.args, case.limits))
                    report.runs += 1
                    report.slowest_s = max(report.slowest_s, time.monotonic() - started)
                    if fault:
                        wrong.append(fault)
                    time.sleep(_PAUSE_SECONDS)
                    if _is_over():
                        break
        except SandboxUnavailable as error:
            wrong.append(f"no engine: {error}")
            time.sleep(_PAUSE_SECONDS)
    report.wrong = (*wrong[:_MAX_TOLD], *([f"and {len(wrong) - _MAX_TOLD} more"] if len(wrong) > _MAX_TOLD else []))
    return report


def _is_over() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


if __name__ == "__main__":
    done = _run_until_told(int(sys.argv[1]))
    print(json.dumps({"runs": done.runs, "engines": done.engines, "slowest_s": done.slowest_s, "wrong": done.wrong}))
