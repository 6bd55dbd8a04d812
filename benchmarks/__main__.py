"""``make bench``: the README's figures, each as a ratio of things measured in turn, with the mark it has to reach.

    python -m benchmarks [--rounds N] [--runs N]

Exits with 1 when a mark is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from rich.console import Console

from benchmarks import rivals
from benchmarks.claims import Claim, at_least, at_most, table_of
from semi_instruct.engine import Engine, Program

MIB = 1 << 20
_IN_A_ROW, _TO_WARM = 100, 25


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help=f"rounds of {_IN_A_ROW} runs a rival (default 6)")
    parser.add_argument("--runs", type=int, default=100_000, help="runs of the test for growth (default 100,000)")
    options = parser.parse_args()
    claims = [*latency(options.rounds), scaling(), idle_worker(), growth(options.runs)]
    Console(width=120).print(table_of(claims))
    sys.exit(not all(claim.holds for claim in claims))


def latency(rounds: int) -> list[Claim]:
    """One small stdin program, one worker: the engine and its rivals in turn, so that drift hits all of them alike."""
    with tempfile.TemporaryDirectory() as name, Engine(workers=1) as engine:
        folder = Path(name)
        bare = rivals.BareFork()
        contestants: dict[str, Callable[[], float]] = {
            "engine": _timed(rivals.warm_run(engine)),
            "subprocess": _timed(rivals.plain_subprocess(folder)),
            "nsjail": _timed(rivals.nsjail_per_run(folder)),
            "bare": bare,
        }
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(rounds):
            for name, run in contestants.items():
                # Many in a row: each is to run warm, as it would in a queue, not behind somebody else's cache misses.
                seconds[name] += [run() for _ in range(_IN_A_ROW + _TO_WARM)][_TO_WARM:]
        bare.close()
    p50 = {name: statistics.median(times) for name, times in seconds.items()}
    for name, value in p50.items():
        print(f"p50 of {name}: {value * 1000:.2f} ms (p90 {_quantile(seconds[name], 0.9) * 1000:.2f})", flush=True)
    ours = p50["engine"]
    return [
        at_least("times faster than python in a subprocess, no sandbox", p50["subprocess"] / ours, 4),
        at_least("times faster than nsjail started per run", p50["nsjail"] / ours, 6),
        at_most("times the cost of a bare fork, exec and waitpid", ours / p50["bare"], 2.5),
    ]


def _timed(run: Callable[[], None]) -> Callable[[], float]:
    def timed() -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    return timed


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


def scaling(runs: int = 1500, rounds: int = 9) -> Claim:
    """Throughput of two workers over that of one, in turn."""
    with Engine(workers=1) as one, Engine(workers=2) as two:
        ratios = []
        for _ in range(rounds):
            alone, together = _runs_per_second(one, runs), _runs_per_second(two, runs)
            print(f"runs a second: 1 worker {alone:.0f}, 2 workers {together:.0f}", flush=True)
            ratios.append(together / alone)
    return at_least("times the throughput with 2 workers", statistics.median(ratios), 1.7)


def _runs_per_second(engine: Engine, runs: int) -> float:
    started = time.perf_counter()
    for outcome in engine.map(Program(rivals.SOURCE), [rivals.STDIN] * runs):
        assert outcome.stdout == rivals.STDOUT
    return runs / (time.perf_counter() - started)


def idle_worker() -> Claim:
    """Memory of one idle worker, all its processes, shared pages shared out."""
    with Engine(workers=1) as engine:
        engine.run(Program("pass"))
        time.sleep(0.5)
        children = psutil.Process().children(recursive=True)
        size = sum(child.memory_full_info().pss for child in children) / MIB
    return at_most("MiB PSS of an idle worker", size, 30)


def growth(runs: int) -> Claim:
    """Resident memory of the supervisor after many runs, less what it was after the first of them."""
    process = psutil.Process()
    with Engine() as engine:
        sizes = []
        for number, outcome in enumerate(engine.map(Program(rivals.SOURCE), (rivals.STDIN for _ in range(runs)))):
            assert outcome.stdout == rivals.STDOUT
            if number % max(runs // 10, 1) == runs // 20:
                sizes.append(process.memory_info().rss / MIB)
                print(f"supervisor after {number} runs: {sizes[-1]:.1f} MiB", flush=True)
    return at_most(f"MiB growth of the supervisor over {runs} runs", sizes[-1] - sizes[0], 1)


if __name__ == "__main__":
    main()
