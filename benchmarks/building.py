"""``make bench``: 100,000 rows through the filters and the export of ``semi-instruct build``, in bounded memory.

    python -m benchmarks.building [--rows N]

The rows are bundled natural codes, copied: every tenth row is a copy word for word, another tenth a copy with a
line more (a near duplicate), and all others have each of their own names renamed, so they are neither.

What the figure includes: reading and checking the rows, parsing every code, running every code on one example in a
sandbox of its own and comparing what it prints (equal codes are run each for itself), exact and near duplicates,
decontamination against HumanEval, and the export to Parquet, JSONL, problems and card. Not included: validation, which
takes CPU seconds a task and is measured by ``make bench-verify``; the rows are handed on as if executed.

Exits with 1 when the mark is missed. Peak memory is that of this process and all it started, shared pages once.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from benchmarks.claims import at_most, table_of
from semi_instruct.engine import Engine
from semi_instruct.harness.dataset.benchmarks import load_benchmarks
from semi_instruct.harness.dataset.corpora import Corpus
from semi_instruct.harness.dataset.pairs import Evidence, JudgedTask, Pair, instruction_of
from semi_instruct.harness.dataset.report.export import export
from semi_instruct.harness.dataset.report.funnel import funnel, funnel_lines
from semi_instruct.harness.dataset.settings import Settings
from semi_instruct.harness.dataset.stages import DIVERSIFY, REPLAY, VALIDATE
from semi_instruct.harness.dataset.stages.contamination import decontaminate
from semi_instruct.harness.dataset.stages.diversity import diversify
from semi_instruct.harness.dataset.stages.duplicates import deduplicate
from semi_instruct.harness.dataset.stages.reading import read
from semi_instruct.harness.dataset.stages.replaying import Replayed, kept_at
from semi_instruct.harness.dataset.stages.retention import retain
from semi_instruct.harness.dataset.stages.screening import screen
from semi_instruct.harness.dataset.stages.stage import Build
from semi_instruct.harness.dataset.stages.validation import task_left
from semi_instruct.harness.dataset.state import Drop, Spent, State
from semi_instruct.harness.problems.verdicts import Verdict

MIB = 1 << 20
CORPUS = Path(__file__).parents[1] / "examples" / "corpus.jsonl"
_NAME = re.compile(r"(?<![\w.'\"])([a-z]\w*)\b(?=\s*=[^=])")
_LOOK_EVERY_S = 0.5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.building", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the corpus (default 100,000)")
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        corpus = Path(name) / "corpus.jsonl"
        write_rows(corpus, rows)
        started = time.monotonic()
        with Peak() as peak:
            lines, spent = build(corpus, Path(name) / "build")
        seconds = time.monotonic() - started
    print("\n".join(lines))
    for stage, took in sorted(spent.items()):
        print(f"{stage}: {took.wall_s:.1f} s, {took.runs} runs, {rows / took.wall_s if took.wall_s else 0:.0f} rows/s")
    print(f"{rows} rows in {seconds:.0f} s: {rows / seconds:.0f} rows/s, one run of each included")
    claim = at_most(f"GiB at most, of all processes, for {rows} rows", peak.bytes / MIB / 1024, 2)
    Console(width=120).print(table_of([claim]))
    sys.exit(not claim.holds)


def write_rows(path: Path, count: int) -> None:
    """A corpus of so many rows, an example each."""
    with path.open("w", encoding="utf-8") as file:
        for number, (row, source) in zip(range(count), _endless(), strict=False):
            given = next(example for example in row["examples"] if "output" in example)
            words = " ".join(map(str, range(number % 97, number % 97 + 9)))
            task = {
                "id": f"{row['id']}-{number}",
                "title": f"{row['title']}, number {number} of {words}",
                "kind": "stdin",
                "oracles": [_copied(source, number)],
                "examples": [given],
                "candidates": [],
            }
            file.write(json.dumps(task) + "\n")


def _endless() -> Iterator[tuple[dict[str, Any], str]]:
    rows = [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]
    sources = [(row, source) for row in rows if row["kind"] == "stdin" for source in row["oracles"]]
    while True:
        yield from sources


def _copied(source: str, number: int) -> str:
    """A copy that is the same, nearly the same, or has other names."""
    if number % 10 == 0:
        return source
    if number % 10 == 1:
        return f"{source.rstrip()}\nlast = {number}\n"
    # Variables alone; a name that is used before it is set keeps its place, for it is renamed everywhere.
    renamed = source
    for place, name in enumerate(dict.fromkeys(_NAME.findall(source))):
        if name not in {"input", "print", "end", "sep", "key", "reverse", "def", "default"}:
            renamed = re.sub(rf"(?<![\w.'\"]){name}\b(?!['\"])", f"{name}_{number}_{place}", renamed)
    return f"{renamed.rstrip()}\nunused_{number} = [{', '.join(f'{number}{each}' for each in range(40))}]\n"


def build(corpus: Path, folder: Path) -> tuple[list[str], dict[str, Spent]]:
    """All stages but validation. Returns the funnel, and seconds and runs by stage."""
    settings = Settings("natural", 0, corpus.name, corpus.stat().st_size, "problems", least_cases=1)
    benchmarks = load_benchmarks({})
    with State(folder, settings) as state:
        making = Build(state, settings, Engine)
        read(making, Corpus(corpus, "problems"))
        screen(making)
        deduplicate(making)
        decontaminate(making, benchmarks)
        making.each(VALIDATE, lambda index: _as_if_executed(making, index))
        retain(making)
        diversify(making, benchmarks)
        making.each(REPLAY, lambda index: (Replayed(kept_at(making, index, DIVERSIFY)), ()))
        count = export(making, folder)
        return funnel_lines(funnel(making, count)), state.spent()


def _as_if_executed(making: Build, index: int) -> tuple[JudgedTask, Iterable[Drop]]:
    task = task_left(making, index)
    instruction, written_by = instruction_of(task)
    pairs = [
        Pair(
            task.id,
            code.id,
            instruction,
            code.source,
            "stdin",
            Evidence.EXECUTED,
            Verdict.ACCEPTED,
            instruction_by=written_by,
            passed=1,
            test_cases=1,
        )
        for code in task.codes
    ]
    row = task.problem([code.source for code in task.codes], ()).to_json() if task.codes else {}
    suite = json.loads(json.dumps({name: value for name, value in row.items() if name != "candidates"}))
    return JudgedTask(tuple(pairs), (suite,)), ()


class Peak:
    """The most memory that this process and all it started had at one time. A context manager.

    Attributes:
        bytes: PSS where the kernel tells it, so shared pages count once.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_S):
            own = psutil.Process()
            self.bytes = max(self.bytes, sum(map(_size, [own, *own.children(recursive=True)])))


def _size(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # it has ended meanwhile
        return 0


if __name__ == "__main__":
    main()
