"""``make bench-serve``: the service under many clients, held against its own document, killed and started again.

    python -m benchmarks.serving [--clients N] [--seconds S] [--seed N] [--examples N]

Exits with 1 when a mark is missed. The clients, the service and the Python API it is compared with share one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from rich.console import Console

from benchmarks.claims import Claim, at_least, at_most, table_of
from benchmarks.serving.load import Question, load, questions
from semi_instruct.engine import Engine, Outcome
from tests.harness.serve.contract import breaches
from tests.harness.serve.running import ENDLESS, Server, code, until

_MIB = 1 << 20
_WARM_S = 5.0
_ALIVE = 60


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.serving", description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=150, help="of schemathesis, of each kind, for each operation")
    options = parser.parse_args()
    api = python_api(questions(options.seed), options.seconds / 2)
    claims = under_load(options.clients, options.seconds, options.seed, api)
    claims += held_against_its_document(options.examples, options.seed)
    claims += killed_and_started_again()
    Console(width=120).print(table_of(claims))
    sys.exit(not all(claim.holds for claim in claims))


def python_api(asked: list[Question], seconds: float) -> float:
    """Runs a second of the Python API on the same programs in the same order."""
    with Engine() as engine:
        _submit_all(engine, asked, _WARM_S)
        done, took = _submit_all(engine, asked, seconds)
    print(f"Python API: {done} runs in {took:.1f} s, {done / took:.0f} a second", flush=True)
    return done / took


def _submit_all(engine: Engine, asked: list[Question], seconds: float) -> tuple[int, float]:
    ahead: deque[Future[Outcome]] = deque()
    started = time.monotonic()
    done = number = 0
    while time.monotonic() - started < seconds:
        case = asked[number % len(asked)].case
        number += 1
        ahead.append(engine.submit(case.program, case.stdin, case.args, case.limits))
        if len(ahead) >= 4 * engine.workers:
            ahead.popleft().result()
            done += 1
    for each in ahead:
        each.result()
        done += 1
    return done, time.monotonic() - started


def under_load(clients: int, seconds: float, seed: int, api: float) -> list[Claim]:
    """All clients at once; the first seconds only warm."""
    with Server() as server:
        host, port = urlsplit(server.url).hostname or "", urlsplit(server.url).port or 0
        asyncio.run(load(host, port, clients, _WARM_S, seed))
        process = psutil.Process(server.process.pid)
        idle, before = _when_idle(server, lambda: _standing(process)), process.memory_info().rss
        started = time.monotonic()
        tally = asyncio.run(load(host, port, clients, seconds, seed))
        took = time.monotonic() - started
        after = process.memory_info().rss
        left = _when_idle(server, lambda: _standing(process))
        groups = server.groups()
    for line in (*tally.ours[:5], *tally.wrong[:5]):
        print(line)
    rate = len(tally.latencies_s) / took
    p50, p99 = _quantile(tally.latencies_s, 0.5), _quantile(tally.latencies_s, 0.99)
    print(f"{len(tally.latencies_s)} answers in {took:.1f} s, {rate:.0f} a second; p50 {p50:.3f} s, p99 {p99:.3f} s")
    return [
        at_most(f"answers that are our fault, of {len(tally.latencies_s)}", len(tally.ours), 0),
        at_most("outcomes that are not the true ones", len(tally.wrong), 0),
        at_most("s: p99 of an answer beyond its run's wall limit, without the queue", _quantile(tally.over_s, 0.99), 1),
        at_most("s: p99 of an answer, queue and all, against the wall limit of 10 s + 1 s", p99, 11),
        at_least("of the Python API's throughput", rate / api, 0.7),
        at_most("MiB that the service has grown", (after - before) / _MIB, 16),
        at_most("processes and descriptors more than before", sum(left) - sum(idle), 0),
        at_most("control groups left behind", sum(Path(group).exists() for group in groups), 0),
    ]


def _standing(process: psutil.Process) -> tuple[int, int]:
    return len(process.children(recursive=True)), process.num_fds()


def _when_idle(server: Server, look: Callable[[], tuple[int, int]]) -> tuple[int, int]:
    """What is seen when nothing runs and connections are closed."""
    until(lambda: server.load()["running"] == server.load()["waiting"] == 0, 30)
    time.sleep(1)
    return look()


def held_against_its_document(examples: int, seed: int) -> list[Claim]:
    """Schemathesis, at length."""
    with Server("--max-time", "5") as server:
        found = breaches(server.url, examples, seed)
        alive = server.http.get("/healthz").status_code == 200
    for line in found.failures[:5]:
        print(line)
    name = f"breaches of the OpenAPI document, in {found.tried} requests of schemathesis"
    return [at_most(name, len(found.failures) + (not alive), 0)]


def killed_and_started_again() -> list[Claim]:
    """SIGKILL in mid-load, three times over."""
    seconds, left = [], 0
    for _ in range(3):
        with Server() as server:
            for _ in range(_ALIVE):
                server.in_background("/run_code", code(ENDLESS, run_timeout=60))
            until(lambda server=server: server.load()["waiting"] > _ALIVE // 2)
            children, groups = server.descendants(), server.groups()
            server.end(signal.SIGKILL)
            with Server() as again:
                seconds.append(again.seconds_to_ready)
                answer = again.post("/run_code", code("print(1)"))
                left += answer.status_code != 200
            until(lambda children=children: not any(each.is_running() for each in children))
            left += sum(each.is_running() for each in children) + sum(Path(group).exists() for group in groups)
    return [
        at_most("s from a start after SIGKILL to ready, worst of 3", max(seconds), 2),
        at_most("processes and control groups left of the killed", left, 0),
    ]


def _quantile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1] if len(values) > 1 else 0.0


if __name__ == "__main__":
    main()
