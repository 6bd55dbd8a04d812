"""``make bench-verify``: how many correct programs are accepted, how many faulty ones rejected, and what it costs.

    python -m benchmarks.verifying [DATA.jsonl ...] [--seeds N] [--tasks N] [--budget S] [--ablation] [-o FILE]

DATA has the columns of ConDefects or HumanEvalPack as in ../shared/data (the default). Of a contest task half of the
correct programs, chosen by seed, are oracles, the others candidates beside the faulty ones. Of a HumanEvalPack task the
canonical solution is the oracle, and inputs come from its signature and docstring alone. Results are kept in STATE as
they come: a second start goes on where the first stopped, as long as code, data and budget are the same. Which faulty
programs survive and which correct ones do not is listed there too. Exits with 1 when a mark is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console

from benchmarks.claims import table_of
from benchmarks.verifying.judging import Job, lost, workplace
from benchmarks.verifying.ledger import Ledger, fingerprint
from benchmarks.verifying.report import DataReport
from benchmarks.verifying.tasks import DataSet
from semi_instruct.harness.inputs.plan import PLANNED_INPUTS
from semi_instruct.harness.inputs.sources import ALL_SOURCES, Sources
from semi_instruct.harness.output.progress import progress
from semi_instruct.harness.parallel.processes import in_processes

_SHARED = Path("../shared/data")
_DATA = (_SHARED / "condefects_dev.jsonl", _SHARED / "humanevalpack.jsonl")


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge what has not been judged yet, then print and write the figures.

    Args:
        arguments: of the command line; None for this process's own.
    """
    options = _options(arguments)
    console = Console(width=150)
    try:
        reports = [_measured(path, options, console) for path in options.data]
    except KeyboardInterrupt:
        sys.exit(f"interrupted: results so far are kept in {options.state}; the same command goes on")
    claims = [claim for report in reports for claim in report.claims()]
    console.print(table_of(claims))
    if options.output:
        options.output.write_text(json.dumps([report.to_json() for report in reports], indent=1) + "\n")
    sys.exit(not all(claim.holds for claim in claims))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.verifying", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", type=Path, default=_DATA, metavar="DATA.jsonl")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to N-1 (default 5)")
    parser.add_argument("--tasks", type=int, help="only so many tasks of each file, spread over it")
    parser.add_argument("--budget", type=float, default=20.0, help="CPU seconds a task (default 20)")
    parser.add_argument("--ablation", action="store_true", help="with seed 0, also search with fewer sources of inputs")
    parser.add_argument(
        "--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: one a core)"
    )
    parser.add_argument(
        "--state", type=Path, default=Path(".venv/bench-verify"), help="folder for results as they come"
    )
    parser.add_argument("-o", "--output", type=Path, help="the figures and the mistakes as JSON")
    options = parser.parse_args(arguments)
    for path in options.data:
        if not path.is_file():
            parser.error(f"{path}: no such file")
    if options.seeds < 1 or (options.tasks is not None and options.tasks < 1):
        parser.error("--seeds and --tasks: at least 1")
    return options


def _measured(path: Path, options: argparse.Namespace, console: Console) -> DataReport:
    """Judge a data set and print its tables."""
    data = DataSet(path, options.tasks)
    fewer = [sources for sources in Sources if sources is not ALL_SOURCES] if options.ablation else []
    searches = [(ALL_SOURCES, seed) for seed in range(options.seeds)] + [(sources, 0) for sources in fewer]
    jobs = {
        (sources, seed): [Job(task, sources, seed, options.budget) for task in data.tasks(seed)]
        for sources, seed in searches
    }
    ledger = Ledger(options.state / f"{data.name}-{fingerprint(path, (options.budget, PLANNED_INPUTS))}.jsonl")
    _judge_missing(data.name, [job for search in jobs.values() for job in search], ledger, options.workers)
    results = {search: [ledger.results[job.key] for job in jobs[search]] for search in searches}
    report = DataReport(
        name=data.name,
        marks=data.marks,
        budget=options.budget,
        full={seed: results[ALL_SOURCES, seed] for seed in range(options.seeds)},
        ablation={sources: results[sources, 0] for sources in fewer},
    )
    for table in report.tables():
        console.print(table)
    listed = options.state / f"{data.name}-mistakes.txt"
    report.write_mistakes(listed)
    console.print(f"One by one, by cause: {listed}", highlight=False)
    return report


def _judge_missing(name: str, jobs: Sequence[Job], ledger: Ledger, workers: int) -> None:
    """Do what the ledger does not have yet."""
    missing = [job for job in jobs if job.key not in ledger.results]
    if not missing:
        return
    done = len(jobs) - len(missing)

    def describe() -> str:
        return f"{name}: {done} of {len(jobs)} tasks"

    with (
        closing(in_processes(missing, [workplace] * workers, lost=lost)) as results,
        progress(describe, lambda: done, len(jobs), sys.stderr.isatty()) as refresh,
    ):
        for result in results:
            ledger.add(result)
            done += 1
            refresh()


if __name__ == "__main__":
    main()
