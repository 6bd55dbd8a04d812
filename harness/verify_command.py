"""``semi-instruct verify``: a file of problems in, verdicts out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

from rich.console import Console

from engine import Engine
from harness.compare import Comparison
from harness.dataset.judging import HowJudged
from harness.errors import BadFile, BadRequest, BadRow, Interrupted
from harness.exit_status import ExitStatus
from harness.problem_file import ProblemFile
from harness.problems import Problem
from harness.progress import progress
from harness.row_output import partial_path, row_output
from harness.suite import nothing_kept
from harness.tally import Tally
from harness.verify import Judged, judge
from harness.verify_on_cores import lost_rows, verify_on_cores
from harness.verify_pairs import is_pair_file, verify_pairs

# For a problem: programs that take seconds for an input would else take hours for all that are planned.
BUDGET_S = 20.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for.

    Attributes:
        output: the file for the verdicts, or None for stdout.
        budget: CPU seconds a problem.
        planned: inputs to plan for a whole program beside its examples.
        shrink: whether counterexamples are made minimal.
        workers: sandboxes, or None for one a core.
        compare: how problems whose rows do not say it are compared, or None for the usual way.
        as_json: verdicts on stdout, whatever ``output`` is, and no summary.
        suites: the file for the test cases that are kept, or None to keep none.

    Raises:
        BadRequest: options that cannot be meant.
    """

    problems: Path
    output: Path | None
    budget: float
    planned: int
    seed: int
    workers: int | None
    as_json: bool
    compare: Comparison | None = None
    shrink: bool = True
    suites: Path | None = None

    def __post_init__(self) -> None:
        if not self.budget > 0:
            raise BadRequest(f"--budget: expected more than 0 seconds, not {self.budget:g}")
        for option, path in (("-o", self.output), ("--suites", self.suites)):
            if path is not None and _would_overwrite(path, self.problems):
                raise BadRequest(f"{option} {path}: would overwrite the problems")
        if self.output is not None and self.suites is not None and _share_a_file(self.output, self.suites):
            raise BadRequest(f"--suites {self.suites}: is where the verdicts go")

    @property
    def partial_files(self) -> list[Path]:
        """Where what has been written so far is, while the work lasts."""
        partial = [partial_path(path) for path in (self.output, self.suites) if path is not None]
        return [path for path in partial if path.exists()]

    @property
    def rows_on_stdout(self) -> bool:
        """Whether stdout is for verdicts."""
        return self.as_json or self.output is None


def _would_overwrite(path: Path, kept: Path) -> bool:
    return any(_same_place(written, kept) for written in (path, partial_path(path)) if written.is_file())


def _share_a_file(path: Path, other: Path) -> bool:
    return any(_same_place(*pair) for pair in product((path, partial_path(path)), (other, partial_path(other))))


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
        BadFile: the problems cannot be opened.
        OutputUnusable: the output cannot be written.
        SandboxUnavailable: nothing is run without the walls.
        Interrupted: by Ctrl-C.
    """
    if is_pair_file(options.problems):
        return _verify_pairs(options)
    tally = Tally()
    with ProblemFile(options.problems) as file:
        problems = _GoodRows(file, options.compare)
        try:
            _judge(options, file, problems, tally)
        except KeyboardInterrupt:
            left = " and ".join(map(str, options.partial_files))
            rest = f": what was written so far is in {left}" if left else ""
            raise Interrupted(f"interrupted{rest}") from None
    if not options.as_json:
        stream = sys.stderr if options.rows_on_stdout else sys.stdout
        tally.report(Console(file=stream, markup=False, highlight=False, emoji=False))
    if problems.bad:
        return ExitStatus.BAD_INPUT
    return ExitStatus.FAILED if tally.surprises else ExitStatus.DONE


def _verify_pairs(options: Options) -> ExitStatus:
    for option, given in (("--suites", options.suites), ("--compare", options.compare)):
        if given is not None:
            raise BadRequest(f"{option}: {options.problems} holds pairs without oracles, which have neither")
    how = HowJudged(options.seed, options.budget, options.planned)
    try:
        bad = verify_pairs(options.problems, options.output, how, options.workers, options.as_json)
    except KeyboardInterrupt:
        raise Interrupted("interrupted") from None
    return ExitStatus.BAD_INPUT if bad else ExitStatus.DONE


def _judge(options: Options, file: ProblemFile, problems: _GoodRows, tally: Tally) -> None:
    """Stream verdicts to where they go, counting and showing progress."""
    draw_bar = sys.stderr.isatty() and not (options.rows_on_stdout and sys.stdout.isatty())
    with (
        row_output(options.output, options.rows_on_stdout) as write,
        row_output(options.suites, to_stdout=False) as write_suite,
        progress(tally.line, lambda: file.position, file.size, draw_bar) as refresh,
    ):

        def on_runs(more: int) -> None:
            tally.count_runs(more)
            refresh()

        judge_as_asked = partial(
            judge,
            seed=options.seed,
            budget=options.budget,
            planned=options.planned,
            shrink=options.shrink,
            keeps_suites=options.suites is not None,
        )
        finished = verify_on_cores(
            problems, Engine, judge_as_asked, lost=_lost, workers=options.workers, on_runs=on_runs
        )
        # However the block is left, nothing of the work is left behind.
        with closing(finished):
            for judged in finished:
                for row in judged.rows:
                    write(row.to_json())
                    tally.count_row(row)
                if judged.suite is not None:
                    write_suite(judged.suite.to_json())
                refresh()


def _lost(problem: Problem, why: str) -> list[Judged]:
    return [Judged(lost_rows(problem, why), nothing_kept(problem))]
