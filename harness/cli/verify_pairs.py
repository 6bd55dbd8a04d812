"""``semi-instruct verify`` of a plain file of pairs: each gets the best evidence that can be had without an oracle.

Rows of one instruction that follow each other are judged by each other, as natural codes of a task are; one that stands
alone is executed: on its own examples, and on inputs made from its types.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from semi_instruct.harness.cli.pair_tally import PairTally
from semi_instruct.harness.dataset.corpora import Corpus, pair_rows
from semi_instruct.harness.dataset.corpora.rows import RowFile
from semi_instruct.harness.dataset.judging import HowJudged, map_items
from semi_instruct.harness.dataset.pairs import Evidence, JudgedTask, Pair
from semi_instruct.harness.dataset.stages.natural import NaturalWork, judge_natural, lost_natural
from semi_instruct.harness.dataset.stages.screening import screened
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.errors import BadRow
from semi_instruct.harness.output.progress import progress
from semi_instruct.harness.output.rows import row_output
from semi_instruct.harness.parallel.parallel_map import OpenEngine
from semi_instruct.harness.parallel.processes import Report
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.runs import Executor
from semi_instruct.harness.verification.earlier_rows import DIGEST, EarlierRows, digest_of

LAYOUT = "pairs"
_MAX_TOGETHER = 64
# Of a task, what says where it is from.
_DECIDES_NOTHING = ("id", "file", "line", "title", "difficulty")
_AFTER_SCREENING = {
    "does_not_parse": Verdict.COMPILE_ERROR,
    "no_entry": Verdict.COMPILE_ERROR,
    "does_not_run": Verdict.RUNTIME_ERROR,
    "contradicts_example": Verdict.WRONG_ANSWER,
    "sandbox_error": Verdict.SANDBOX_ERROR,
}


def is_pair_file(path: Path) -> bool:
    """Whether the first row of a file that is an object is a pair."""
    if not path.is_file():
        return False
    first = next((row.data for row in RowFile(path).rows() if not isinstance(row.data, BadRow)), None)
    return first is not None and "oracles" not in first and pair_rows.recognises(first)


def verify_pairs(
    path: Path,
    output: Path | None,
    how: HowJudged,
    open_engine: OpenEngine[Executor],
    workers: int | None,
    as_json: bool,
    earlier: EarlierRows | None = None,
    *,
    quiet: bool = False,
) -> int:
    """Judge all pairs, in the order of the file. Returns how many rows were bad; they are told on stderr.

    Args:
        earlier: the rows of earlier runs. Where all pairs of an instruction are decided there, none is judged; else all
            are, as they judge each other, and the rows that decide stay as they are.

    Raises:
        BadFile: it cannot be read.
        BadRow: a row of an earlier run is on no pair of the file.
        OutputUnusable: the output cannot be written.
        MachineFailed: the disk is full, or the like.
        SandboxUnavailable: nothing is run without the walls.
    """
    on_stdout = as_json or output is None
    tally = PairTally()
    rows = _Rows(Corpus(path, LAYOUT))
    if earlier is not None:
        found = _Rows(Corpus(path, LAYOUT), tells=False)
        known = {task.id: {code.id for code in task.codes} for task in found.tasks()}
        try:
            earlier.ensure_all_belong(known, path, len(found.bad_rows))
        except BadRow:
            for error in found.bad_rows:
                print(error, file=sys.stderr, flush=True)
            raise
    work = _Work(rows, how, earlier)
    bar = sys.stderr.isatty() and not on_stdout
    with (
        row_output(output, on_stdout, resumes=earlier is not None) as write,
        progress(tally.line, lambda: rows.position, rows.size, bar, quiet=quiet) as refresh,
    ):

        def on_runs(more: int) -> None:
            tally.runs += more
            refresh()

        def put(due: _Due, judged: JudgedTask | None) -> None:
            new = {pair.code: pair for pair in judged.pairs} if judged is not None else {}
            for code in due.codes:
                if earlier is not None and code in due.kept:
                    line, row = earlier.row(due.task, code)
                    write.keep(line)
                    tally.kept += 1
                    tally.count(row.verdict, row.evidence)
                elif judged is not None:
                    write(_row(new[code], judged) | {DIGEST: due.digest})
                    tally.count(new[code].verdict, evidence_of(new[code]).value)

        finished = map_items(work, open_engine, _judge, lost=lost_natural, workers=workers, on_runs=on_runs)
        with closing(finished):
            for judged in finished:
                for due in work.kept_before_next():
                    put(due, None)
                put(work.dues.popleft(), judged)
                refresh()
            for due in work.kept_before_next():
                put(due, None)
    if earlier is not None and not quiet:
        print(earlier.about_kept(tally.kept, tally.pairs - tally.kept, path), file=sys.stderr, flush=True)
    if not as_json and not quiet:
        print("\n".join(tally.lines()), file=sys.stderr if on_stdout else sys.stdout)
    return len(rows.bad_rows)


@dataclass(frozen=True, slots=True)
class _Due:
    """The pairs of an instruction, whose rows are next.

    Attributes:
        codes: their ids.
        kept: of these, those that an earlier run decided.
    """

    task: str
    digest: str
    codes: tuple[str, ...]
    kept: frozenset[str]

    @property
    def is_judged(self) -> bool:
        """Whether the pairs are judged now."""
        return len(self.kept) < len(self.codes)


@dataclass(slots=True)
class _Work:
    """The tasks that are to be judged, and the order of all rows."""

    rows: _Rows
    how: HowJudged
    earlier: EarlierRows | None
    dues: deque[_Due] = field(default_factory=deque)

    def __iter__(self) -> Iterator[NaturalWork]:
        for task in self.rows.tasks():
            due = self._due(task)
            self.dues.append(due)
            if due.is_judged:
                yield NaturalWork(task, self.how)

    def kept_before_next(self) -> Iterator[_Due]:
        """The tasks before the next one that is judged."""
        while self.dues and not self.dues[0].is_judged:
            yield self.dues.popleft()

    def _due(self, task: Task) -> _Due:
        codes = tuple(code.id for code in task.codes)
        row = {name: value for name, value in msgspec.to_builtins(task).items() if name not in _DECIDES_NOTHING}
        digest = digest_of(row, msgspec.to_builtins(self.how))
        kept: frozenset[str] = frozenset()
        if self.earlier is not None:
            kept = frozenset(code for code in codes if self.earlier.is_decided(task.id, code, digest))
        return _Due(task.id, digest, codes, kept)


class _Rows:
    """The pairs of a file as tasks, those of one instruction together. Bad rows are told on stderr and kept.

    Args:
        tells: whether bad rows are told.
    """

    def __init__(self, corpus: Corpus, tells: bool = True) -> None:
        self._corpus = corpus
        self._tells = tells
        self.size = corpus.size
        self.position = 0
        self.bad_rows: list[BadRow] = []

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
                self._tell(read.task)
            else:
                yield read.task

    def _tell(self, row: BadRow) -> None:
        self.bad_rows.append(row)
        if self._tells:
            print(row, file=sys.stderr, flush=True)


def _batches(tasks: Iterator[Task]) -> Iterator[list[Task]]:
    batch: list[Task] = []
    for task in tasks:
        batch.append(task)
        if len(batch) == _MAX_TOGETHER:
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


def _judge(engine: Executor, work: NaturalWork, report: Report) -> JudgedTask:
    """Those that run and keep to their own examples, judged; and what is wrong with the others."""
    kept = screened(engine, work.task, report)
    sound = msgspec.structs.replace(work, task=work.task.with_codes(kept.codes))
    judged = judge_natural(engine, sound, report)
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
    """Codes that are not known to be right can agree; none of them is an oracle."""
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
