"""``semi-instruct verify`` of a plain file of pairs: each gets the best evidence that can be had without an oracle.

Rows of one instruction that follow each other are judged by each other, as natural codes of a task are; one that stands
alone is executed: on its own examples, and on inputs made from its types.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from engine import Engine
from harness.dataset.corpora import Corpus, Read, pair_rows
from harness.dataset.corpora.rows import RowFile
from harness.dataset.judging import HowJudged
from harness.dataset.natural import NaturalWork, judge_natural, lost_natural
from harness.dataset.on_cores import on_cores
from harness.dataset.pairs import Evidence, JudgedTask, Pair
from harness.dataset.screening import screened
from harness.dataset.tasks import Task
from harness.errors import BadRow
from harness.pair_tally import PairTally
from harness.processes import Tell
from harness.progress import progress
from harness.row_output import row_output
from harness.verdicts import Verdict
from harness.verify import Executor

LAYOUT = "pairs"
_MOST_TOGETHER = 64
_AFTER_SCREENING = {
    "does_not_parse": Verdict.COMPILE_ERROR,
    "no_entry": Verdict.COMPILE_ERROR,
    "does_not_run": Verdict.RUNTIME_ERROR,
    "contradicts_example": Verdict.WRONG_ANSWER,
}


def is_pair_file(path: Path) -> bool:
    """Whether the first row of a file that is an object is a pair."""
    if not path.is_file():
        return False
    first = next((row.data for row in RowFile(path).rows() if not isinstance(row.data, BadRow)), None)
    return first is not None and "oracles" not in first and pair_rows.recognises(first)


def verify_pairs(path: Path, output: Path | None, how: HowJudged, workers: int | None, as_json: bool) -> int:
    """Judge all pairs, in the order of the file. Returns how many rows were bad; they are told on stderr.

    Raises:
        BadFile: it cannot be read.
        OutputUnusable: the output cannot be written.
        SandboxUnavailable: nothing is run without the walls.
    """
    on_stdout = as_json or output is None
    tally = PairTally()
    rows = _Rows(Corpus(path, LAYOUT))
    with (
        row_output(output, on_stdout) as write,
        progress(tally.line, lambda: rows.position, rows.size, sys.stderr.isatty() and not on_stdout) as refresh,
    ):

        def on_runs(more: int) -> None:
            tally.runs += more
            refresh()

        works = (NaturalWork(task, how) for task in rows.tasks())
        finished = on_cores(works, Engine, _judge, lost=lost_natural, workers=workers, on_runs=on_runs)
        with closing(finished):
            for judged in finished:
                for pair in judged.pairs:
                    write(_row(pair, judged))
                    tally.count(pair, evidence_of(pair).value)
                refresh()
    if not as_json:
        print("\n".join(tally.lines()), file=sys.stderr if on_stdout else sys.stdout)
    return rows.bad


class _Rows:
    """The pairs of a file as tasks, those of one instruction together. Bad rows are told on stderr and counted."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self.size = corpus.size
        self.position = 0
        self.bad = 0

    def tasks(self) -> Iterator[Task]:
        """Each instruction with its codes, which keep the names of their rows."""
        number = 0
        for _, together in groupby(self._good(), key=lambda task: (task.statement, task.kind, task.entry)):
            for batch in _batches(together):
                number += 1
                names = _distinct([task.id for task in batch])
                codes = [
                    msgspec.structs.replace(task.codes[0], id=name) for task, name in zip(batch, names, strict=True)
                ]
                examples = {repr(one.input): one for task in reversed(batch) for one in task.examples}
                yield msgspec.structs.replace(
                    batch[0], id=str(number), codes=tuple(codes), examples=tuple(examples.values())
                )

    def _good(self) -> Iterator[Task]:
        for read in self._corpus.read():
            self.position = read.position
            if isinstance(read.task, BadRow):
                self._tell(read)
            else:
                yield read.task

    def _tell(self, read: Read) -> None:
        self.bad += 1
        print(read.task, file=sys.stderr, flush=True)


def _batches(tasks: Iterator[Task]) -> Iterator[list[Task]]:
    batch: list[Task] = []
    for task in tasks:
        batch.append(task)
        if len(batch) == _MOST_TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch


def _distinct(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return found


def _judge(engine: Executor, work: NaturalWork, tell: Tell) -> JudgedTask:
    """Those that run and keep to their own examples, judged; and what is wrong with the others."""
    kept = screened(engine, work.task, tell)
    sound = msgspec.structs.replace(work, task=work.task.with_codes(kept.codes))
    judged = judge_natural(engine, sound, tell)
    faults = {drop.code: drop for drop in kept.dropped}
    by_code = {pair.code: pair for pair in judged.pairs}
    for pair in lost_natural(work, "").pairs:
        fault = faults.get(pair.code)
        if fault is not None:
            detail = fault.detail or fault.reason.replace("_", " ")
            by_code[pair.code] = msgspec.structs.replace(pair, verdict=_AFTER_SCREENING[fault.reason], detail=detail)
    ordered = tuple(by_code[code.id] for code in work.task.codes)
    return msgspec.structs.replace(judged, pairs=ordered)


def evidence_of(pair: Pair) -> Evidence:
    """Codes that nobody holds for right can agree; none is an oracle."""
    return Evidence.EXECUTED if pair.evidence is Evidence.EXECUTED else Evidence.AGREEMENT


def _row(pair: Pair, judged: JudgedTask) -> dict[str, Any]:
    return {
        "problem": pair.task,
        "candidate": pair.code,
        "verdict": pair.verdict.value,
        "evidence": evidence_of(pair).value,
        "passed": pair.passed,
        "test_cases": pair.test_cases,
        "counterexample": pair.counterexample,
        "strength": pair.strength.to_json(),
        "dropped_inputs": judged.dropped_inputs,
        "agrees_with": list(pair.oracles),
        "detail": pair.detail,
    }
