"""``python -m benchmarks.starved``: what verl's reward makes of correct programs on a machine that is too busy.

Correct programs are sent to a server as verl's reward function sends them (volcengine/verl,
verl/utils/reward_score/sandbox_fusion/utils.py: eight fields, ``run_timeout`` 10, a client's time-out of
``compile_timeout`` + ``run_timeout`` + 10 seconds, 504 tried three times), while busy loops use the same two cores.
A case scores 1 when its output is right. Prints how many do, and exits with 1 when one does not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.harness.serve.running import Server, code

_CORES = 2
_TIMEOUT_S, _MORE_S = 10, 10  # verl's DEFAULT_TIMEOUT and API_TIMEOUT
_ATTEMPTS = 3
# CPU seconds differ from machine to machine; this is about 0.5 to 3 of them.
_PROGRAM = """
rounds = int(input())
value = 1
for number in range(rounds):
    value = (value * 1103515245 + number) % 2147483648
print(value)
"""
_ROUNDS = (3_000_000, 6_000_000, 12_000_000)


@dataclass(frozen=True, slots=True)
class Case:
    """A program's input, and what it prints."""

    stdin: str
    expected: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case: why it did not score (empty where it did), and the seconds of its run and of all."""

    why: str
    run_s: float
    seconds: float


def main(arguments: list[str] | None = None) -> int:
    """Measure. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=150)
    parser.add_argument("--clients", type=int, default=4, help="requests at one time")
    parser.add_argument("--loops", type=int, default=8, help="busy loops")
    asked = parser.parse_args(arguments)
    cores = sorted(os.sched_getaffinity(0))[:_CORES]
    os.sched_setaffinity(0, cores)  # for the server and the loops as well
    cases = [_case(rounds) for rounds in _ROUNDS]
    with ExitStack() as stack:
        server = stack.enter_context(Server("--workers", str(len(cores))))
        stack.enter_context(busy(asked.loops))
        started = time.monotonic()
        with ThreadPoolExecutor(asked.clients) as clients:
            results = list(
                clients.map(lambda number: score(server.url, cases[number % len(cases)]), range(asked.cases))
            )
    reasons = Counter(result.why for result in results if result.why)
    runs = sorted(result.run_s for result in results)
    print(f"{len(results) - reasons.total()} of {len(results)} correct programs score 1")
    print(f"{asked.loops} busy loops on {len(cores)} cores, {asked.clients} requests at a time")
    print(f"wall time of a run: median {runs[len(runs) // 2]:.1f} s, longest {runs[-1]:.1f} s")
    print(f"{time.monotonic() - started:.0f} s in all")
    for why, count in reasons.most_common():
        print(f"{count} lost: {why}")
    return 1 if reasons else 0


def _case(rounds: int) -> Case:
    value = 1
    for number in range(rounds):
        value = (value * 1103515245 + number) % 2147483648
    return Case(f"{rounds}\n", str(value))


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Loops that use all they get of the cores."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def score(url: str, case: Case) -> Result:
    """Send a case as verl does, and judge the answer as verl does."""
    request = code(_PROGRAM, stdin=case.stdin, compile_timeout=_TIMEOUT_S, run_timeout=_TIMEOUT_S)
    started = time.monotonic()
    why, run_s = "504 three times", 0.0
    for attempt in range(_ATTEMPTS):
        try:
            answer = httpx.post(f"{url}/run_code", json=request, timeout=2 * _TIMEOUT_S + _MORE_S)
        except httpx.HTTPError as error:
            why = f"no answer: {type(error).__name__}"
            break
        if answer.status_code != 504:
            why, run_s = _judged(answer, case)
            break
        time.sleep(attempt + 1)
    return Result(why, run_s, time.monotonic() - started)


def _judged(answer: httpx.Response, case: Case) -> tuple[str, float]:
    if answer.status_code != 200:
        return f"HTTP {answer.status_code}", 0.0
    body: dict[str, Any] = answer.json()
    run = body["run_result"] or {}
    run_s = float(run.get("execution_time") or 0.0)
    if body["status"] != "Success":
        return f"{body['status']}: {run.get('status')}", run_s
    return ("" if run["stdout"].rstrip("\n") == case.expected else "another output"), run_s


if __name__ == "__main__":
    sys.exit(main())
