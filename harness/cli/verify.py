"""``semi-instruct verify``: a file of problems in, verdicts out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from semi_instruct.engine import Engine
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.cli.options import (
    JUDGING,
    OUTPUT,
    AsJson,
    Budget,
    Common,
    Out,
    PlannedInputs,
    Problems,
    Runtime,
    Seed,
    Workers,
    check_budget,
    command_of,
    read_from,
    written_to,
)
from semi_instruct.harness.cli.verify_pairs import is_pair_file, verify_pairs
from semi_instruct.harness.compare.comparison import Comparison
from semi_instruct.harness.compare.specification import read_option
from semi_instruct.harness.dataset.judging import HowJudged
from semi_instruct.harness.errors import BadFile, BadRequest, BadRow, HarnessError, Interrupted
from semi_instruct.harness.inputs.plan import PLANNED_INPUTS
from semi_instruct.harness.judge.suite import nothing_kept
from semi_instruct.harness.output.progress import progress
from semi_instruct.harness.output.rows import RowOutput, partial_path, resumed_path, row_output
from semi_instruct.harness.problems.reader import ProblemFile
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.verification.earlier_rows import DIGEST, EarlierRows
from semi_instruct.harness.verification.on_cores import verify_on_cores
from semi_instruct.harness.verification.resuming import Due, HowVerified, Resuming
from semi_instruct.harness.verification.row_faults import unjudged_rows
from semi_instruct.harness.verification.scheduler import Judged, judge
from semi_instruct.harness.verification.tally import Tally

# Per problem. Programs that take seconds for an input would else take hours for all inputs that are planned.
BUDGET_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Common):
    """The options of ``verify``.

    Raises:
        BadRequest: options that exclude each other, or a value out of range.
    """

    problems: Problems
    out: Out = None
    suites: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep a few test cases of each problem here.", rich_help_panel=OUTPUT),
    ] = None
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the verdicts of this file; judge the rest.", rich_help_panel=OUTPUT),
    ] = None
    as_json: AsJson = False
    budget: Budget = BUDGET_S
    inputs: PlannedInputs = PLANNED_INPUTS
    seed: Seed = 0
    shrink: Annotated[bool, typer.Option(help="Make counterexamples minimal.", rich_help_panel=JUDGING)] = True
    compare: Annotated[
        str | None,
        typer.Option(metavar="KIND|JSON", help="The comparison where a problem states none.", rich_help_panel=JUDGING),
    ] = None
    runtime: Runtime = None
    workers: Workers = None

    @property
    def problem_file(self) -> Path:
        """The file of the problems."""
        return read_from(self.problems)

    @property
    def output(self) -> Path | None:
        """The file for the verdicts; None for stdout."""
        return written_to(self.out)

    @property
    def comparison(self) -> Comparison | None:
        """The comparison for problems that state none.

        Raises:
            BadRequest: it is none.
        """
        return read_option(self.compare) if self.compare is not None else None

    def __post_init__(self) -> None:
        check_budget(self.budget)
        for option, path in (("-o", self.output), ("--suites", self.suites)):
            if path is not None and _would_overwrite(path, self.problem_file):
                raise BadRequest(f"{option} {path}: would overwrite the problems")
        if self.output is not None and self.suites is not None and _share_a_file(self.output, self.suites):
            raise BadRequest(f"--suites {self.suites}: is where the verdicts go")
        if self.resume is not None:
            if self.suites is not None and _share_a_file(self.resume, self.suites):
                raise BadRequest(f"--suites {self.suites}: is where the verdicts of --resume are")
            if not self.problem_file.is_file():
                raise BadRequest(f"--resume: {self.problems} is read twice, so it must be a regular file")

    @property
    def partial_files(self) -> list[Path]:
        """Where what has been written so far is, while the work lasts."""
        partial = [partial_path(path) for path in (self.output, self.suites) if path is not None]
        return [path for path in partial if path.exists()]

    @property
    def earlier_verdicts(self) -> list[Path]:
        """The files that may hold rows of earlier runs, those of the latest last.

        Raises:
            BadFile: there is none, and the verdicts do not go there either.
        """
        if self.resume is None:
            return []
        found = _files(self.resume, partial_path(self.resume), *_partials(self.output))
        if not found and (self.output is None or not _same_place(self.resume, self.output)):
            raise BadFile(f"{self.resume}: no such file of verdicts to go on with")
        return found

    @property
    def earlier_suites(self) -> list[Path]:
        """The files that may hold test cases that earlier runs kept."""
        return _files(self.suites, *_partials(self.suites)) if self.resume is not None and self.suites else []

    @property
    def rows_on_stdout(self) -> bool:
        """Whether stdout is for verdicts."""
        return self.as_json or self.output is None


def _partials(path: Path | None) -> list[Path]:
    return [partial_path(path)] if path is not None else []


def _files(*paths: Path) -> list[Path]:
    """Those that are regular files, each once."""
    return list({path.resolve(): path for path in paths if path.is_file()}.values())


def _written(path: Path) -> tuple[Path, ...]:
    return path, partial_path(path), resumed_path(path)


def _would_overwrite(path: Path, kept: Path) -> bool:
    return any(_same_place(written, kept) for written in _written(path) if written.is_file())


def _share_a_file(path: Path, other: Path) -> bool:
    return any(_same_place(*pair) for pair in product(_written(path), _written(other)))


def _same_place(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))


@dataclass(slots=True)
class _GoodRows:
    """The problems of a file. Bad rows are told on stderr and counted; a bad file ends the reading."""

    file: ProblemFile
    compare: Comparison | None
    bad: int = 0
    _iterator: Iterator[Problem] = field(init=False)

    def __iter__(self) -> Iterator[Problem]:
        try:
            for row in self.file.rows():
                if isinstance(row, BadRow):
                    self._tell(row)
                else:
                    yield row.compared_by(self.compare) if self.compare is not None else row
        except BadFile as error:
            # What was read before is judged nonetheless.
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        self.bad += 1
        print(error, file=sys.stderr, flush=True)


def execute(options: Options) -> ExitStatus:
    """Verify and report. Returns the exit status.

    Raises:
        BadFile: the problems, or the earlier verdicts, cannot be opened.
        BadRow: a row of the earlier verdicts is none, or belongs to no candidate.
        OutputUnusable: the output cannot be written.
        MachineFailed: the disk is full, or the like.
        SandboxUnavailable: nothing is run without the walls.
        Interrupted: by Ctrl-C.
    """
    if is_pair_file(options.problem_file):
        return _verify_pairs(options)
    tally = Tally()
    earlier = _earlier(options)
    with ProblemFile(options.problem_file) as file, earlier or nullcontext():
        problems = _GoodRows(file, options.comparison)
        try:
            _judge(options, file, problems, earlier, tally)
        except KeyboardInterrupt:
            left = " and ".join(map(str, options.partial_files))
            rest = f": what was written so far is in {left}" if left else ""
            raise Interrupted(f"interrupted{rest}") from None
    if not options.as_json and not options.quiet:
        stream = sys.stderr if options.rows_on_stdout else sys.stdout
        tally.report(Console(file=stream, markup=False, highlight=False, emoji=False))
    if problems.bad:
        return ExitStatus.BAD_INPUT
    return ExitStatus.FAILED if tally.surprises else ExitStatus.DONE


def _earlier(options: Options) -> EarlierRows | None:
    """The rows of earlier runs, all of which belong to candidates; None if all is to be judged."""
    if options.resume is None:
        return None
    with ExitStack() as stack:
        earlier = stack.enter_context(EarlierRows(options.earlier_verdicts, options.earlier_suites))
        known, unread = _candidates(options.problem_file)
        if unread:
            # They are told when the problems are judged, or here if it does not come to that.
            earlier.set_aside(known)
        try:
            earlier.ensure_all_belong(known, options.problem_file, len(unread))
        except BadRow:
            for error in unread:
                print(error, file=sys.stderr, flush=True)
            raise
        stack.pop_all()
    return earlier


def _candidates(problems: Path) -> tuple[Mapping[str, frozenset[str]], list[HarnessError]]:
    """The ids of the candidates of each problem, and what of the file cannot be read.

    Raises:
        BadFile: it cannot be opened.
    """
    known: dict[str, frozenset[str]] = {}
    unread: list[HarnessError] = []
    with ProblemFile(problems) as file:
        try:
            for row in file.rows():
                if isinstance(row, BadRow):
                    unread.append(row)
                else:
                    known[row.id] = frozenset(candidate.id for candidate in row.candidates)
        except BadFile as error:
            unread.append(error)
    return known, unread


def _verify_pairs(options: Options) -> ExitStatus:
    for option, given in (("--suites", options.suites), ("--compare", options.compare)):
        if given is not None:
            raise BadRequest(f"{option}: {options.problem_file} holds pairs without oracles, which have neither")
    how = HowJudged(options.seed, options.budget, options.inputs)
    earlier = EarlierRows(options.earlier_verdicts) if options.resume is not None else None
    try:
        with earlier or nullcontext():
            bad = verify_pairs(
                options.problem_file,
                options.output,
                how,
                partial(Engine, runtime=options.runtime),
                options.workers,
                options.as_json,
                earlier,
                quiet=options.quiet,
            )
    except KeyboardInterrupt:
        raise Interrupted("interrupted") from None
    return ExitStatus.BAD_INPUT if bad else ExitStatus.DONE


def _judge(options: Options, file: ProblemFile, problems: _GoodRows, earlier: EarlierRows | None, tally: Tally) -> None:
    """Stream verdicts to where they go, counting and showing progress."""
    draw_bar = sys.stderr.isatty() and not (options.rows_on_stdout and sys.stdout.isatty())
    with (
        row_output(options.output, options.rows_on_stdout, earlier is not None) as write,
        row_output(options.suites, to_stdout=False, resumes=earlier is not None) as write_suite,
        progress(tally.line, lambda: file.position, file.size, draw_bar, quiet=options.quiet) as refresh,
    ):

        def on_runs(more: int) -> None:
            tally.count_runs(more)
            refresh()

        judge_as_asked = partial(
            judge,
            seed=options.seed,
            budget=options.budget,
            planned=options.inputs,
            shrink=options.shrink,
            keeps_suites=options.suites is not None,
        )
        how = HowVerified(options.seed, options.budget, options.inputs, options.shrink)
        work = Resuming(problems, how, earlier, options.suites is not None)
        rows = _Rows(write, write_suite, earlier, tally)
        open_engine = partial(Engine, runtime=options.runtime)
        finished = verify_on_cores(
            work, open_engine, judge_as_asked, lost=_lost, workers=options.workers, on_runs=on_runs
        )
        # However the block is left, nothing of the work is left behind.
        with closing(finished):
            for judged in finished:
                for due in work.kept_before_next():
                    rows.keep(due)
                rows.write(work.next_judged(), judged)
                refresh()
            for due in work.kept_before_next():
                rows.keep(due)
            rows.keep_those_aside()
    if earlier is not None and not options.quiet:
        judged_now = tally.verdicts.total() - rows.kept
        print(earlier.about_kept(rows.kept, judged_now, options.problem_file), file=sys.stderr, flush=True)


@dataclass(slots=True)
class _Rows:
    """Writes and counts the rows of problems, those that are judged and those that are kept."""

    write_row: RowOutput
    write_suite: RowOutput
    earlier: EarlierRows | None
    tally: Tally
    kept: int = 0

    def write(self, due: Due, judged: Judged) -> None:
        """Write the rows of a problem some of which was judged."""
        # The test cases first. A problem all of whose rows are there has then those that belong to these rows.
        if judged.suite is not None:
            self.write_suite(judged.suite.to_json())
        new = {row.candidate: row for row in judged.rows}
        for candidate, digest in due.digests.items():
            if candidate in due.kept:
                self._keep_row(due.problem, candidate)
            else:
                row = new[candidate]
                self.write_row(row.to_json() | {DIGEST: digest})
                self.tally.count_row(row)

    def keep(self, due: Due) -> None:
        """Write the rows of a problem nothing of which was judged."""
        if due.keeps_suite and self.earlier is not None:
            self.write_suite.keep(self.earlier.suite(due.problem))
        for candidate in due.digests:
            self._keep_row(due.problem, candidate)

    def keep_those_aside(self) -> None:
        """Write the rows that belong to no problem that can be read; they are not counted."""
        if self.earlier is not None:
            for line in self.earlier.suites_aside():
                self.write_suite.keep(line)
            for line in self.earlier.rows_aside():
                self.write_row.keep(line)

    def _keep_row(self, problem: str, candidate: str) -> None:
        if self.earlier is None:
            raise AssertionError("without earlier rows none is kept")
        line, row = self.earlier.row(problem, candidate)
        self.write_row.keep(line)
        self.tally.count_row(row)
        self.kept += 1


def _lost(problem: Problem, why: str) -> list[Judged]:
    return [Judged(unjudged_rows(problem, why), nothing_kept(problem))]


command = command_of(
    Options,
    execute,
    "verify",
    """
    Judge candidates against reference solutions.

    Without -o the verdicts go to stdout. With --suites a few test cases of each problem are kept in a file that verify
    reads. They kill, cover and reject what all test cases do. With --resume, candidates that are missing in a file of
    verdicts, or whose verdict there is sandbox_error, are judged; all other rows stay as they are. A run that was cut
    off goes on with --resume VERDICTS.jsonl -o VERDICTS.jsonl.

    Exit status 0 when all is judged, whatever the verdicts; 1 if a row expects another verdict; 2 if there were bad
    rows, when all the others are judged; 4 if the machine failed, for example with a full disk.
    """,
)
