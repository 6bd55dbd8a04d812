"""Right programs of contestants on a quiet machine and beside busy loops: no verdict may differ.

    python -m benchmarks.starved_verify [DATA] [--programs N] [--loops N] [--cores N]

Each of the programs (ConDefects, labelled correct) is judged by two others of its task on the task's samples, first
alone, then beside the loops, all on the same cores. Prints what differs, and exits with 1 if anything does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from examples import condefects

_DATA = "../shared/data/condefects_dev.jsonl"


def main() -> None:
    """Measure both, and compare."""
    parser = argparse.ArgumentParser(prog="benchmarks.starved_verify", description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path(_DATA), help=f"ConDefects tasks (default {_DATA})")
    parser.add_argument("--programs", type=int, default=200, help="right programs (default 200)")
    parser.add_argument("--loops", type=int, default=8, help="busy loops (default 8)")
    parser.add_argument("--cores", type=int, default=2, help="cores for everything (default 2)")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    with tempfile.TemporaryDirectory() as name:
        problems = Path(name, "problems.jsonl")
        count = _write_problems(options.data, problems, options.programs)
        quiet = _judged("quiet", problems)
        with _busy(options.loops):
            starved = _judged(f"beside {options.loops} busy loops", problems)
    differing = [each for each in quiet if starved[each] != quiet[each]]
    for problem, candidate in differing:
        print(f"{problem} {candidate}: {quiet[problem, candidate]}, then {starved[problem, candidate]}")
    print(f"{len(differing)} of {count} verdicts differ")
    sys.exit(bool(differing))


def _write_problems(data: Path, target: Path, programs: int) -> int:
    """Write problems with so many right programs as candidates, or as many as there are; their number."""
    left = programs
    with data.open(encoding="utf-8") as tasks, target.open("w", encoding="utf-8") as file:
        for line in tasks:
            row = condefects.problem(json.loads(line))
            right = [each for each in row["candidates"] if each["id"].startswith("correct-")]
            row["candidates"] = right[:left]
            left -= len(row["candidates"])
            file.write(json.dumps(row) + "\n")
            if not left:
                break
    return programs - left


def _judged(how: str, problems: Path) -> dict[tuple[str, str], tuple[str, int, int]]:
    """For each candidate the verdict, the test cases passed, and all test cases."""
    output = problems.with_name("verdicts.jsonl")
    command = [sys.executable, "-m", "semi_instruct", "verify", str(problems), "-o", str(output), "--inputs", "0"]
    started = time.monotonic()
    ended = subprocess.run([*command, "--budget", "1000", "--no-shrink"], stdout=subprocess.DEVNULL, check=False)
    if ended.returncode not in (0, 1):  # 1: some labels are wrong
        sys.exit(f"verify ended with {ended.returncode}")
    rows: list[dict[str, Any]] = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    counts = Counter(row["verdict"] for row in rows)
    print(f"{how}: {dict(counts)} in {time.monotonic() - started:.0f} s", flush=True)
    return {(row["problem"], row["candidate"]): (row["verdict"], row["passed"], row["test_cases"]) for row in rows}


@contextmanager
def _busy(loops: int) -> Iterator[None]:
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for loop in running:
            loop.kill()
            loop.wait()


if __name__ == "__main__":
    main()
