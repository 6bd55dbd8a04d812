"""``semi-instruct fuzz``: looks for inputs on which candidates differ from the oracles."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from rich.console import Console

from semi_instruct.engine import Engine
from semi_instruct.harness.cli import fuzz_report
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.errors import BadRequest, Interrupted
from semi_instruct.harness.inputs.stdin import Format, text_of
from semi_instruct.harness.inputs.stdin.in_helper import limited_formats
from semi_instruct.harness.output.progress import progress
from semi_instruct.harness.output.rows import partial_path, row_output, where_rows_are
from semi_instruct.harness.search.fuzz import Finding, Settings
from semi_instruct.harness.search.fuzz_on_cores import News, fuzz_on_cores
from semi_instruct.harness.search.fuzz_request import Asked, Wanted, given_format, wanted
from semi_instruct.harness.text import one_line


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for.

    Attributes:
        inputs: to be tried, at most, for one problem.
        budget: CPU seconds a problem, or None.
        show_format: print the format of the inputs and search nothing.
        output: a file for a row a candidate, or None.
        as_json: the rows on stdout and nothing else.

    Raises:
        BadRequest: options that cannot be meant.
    """

    asked: Asked
    seed: int
    inputs: int
    budget: float | None
    show_format: bool
    output: Path | None
    as_json: bool

    def __post_init__(self) -> None:
        if self.budget is not None and not self.budget > 0:
            raise BadRequest(f"--budget: expected more than 0 seconds, not {self.budget:g}")
        if self.output is not None:
            read = [self.asked.problems, self.asked.format, *self.asked.oracles, *self.asked.examples]
            read += [] if self.asked.problems else [Path(each) for each in self.asked.candidates]
            for written in (self.output, partial_path(self.output)):
                if written.is_file() and any(each and each.exists() and written.samefile(each) for each in read):
                    raise BadRequest(f"-o {self.output}: would overwrite what is read")


@dataclass(slots=True)
class _Tally:
    """What has been done."""

    candidates: int = 0
    differences: int = 0
    undecided: int = 0  # candidates of which too little was judged
    untested: int = 0  # candidates of problems on whose inputs the oracles never agreed
    unsearched: int = 0  # candidates that a fault of ours prevented us from searching
    runs: int = 0
    latest: News | None = None

    def line(self) -> str:
        done = f"{self.candidates} candidates searched, {self.differences} differ, {self.runs} sandboxes"
        if self.latest is None:
            return done
        return f"{done}; {one_line(self.latest.problem)}: {self.latest.tried} inputs, {self.latest.valid} test cases"


def execute(options: Options) -> ExitStatus:
    """Search and report. Returns the exit status.

    Raises:
        HarnessError: files that cannot be read or written, or hold nothing to search.
        SandboxUnavailable: nothing is run without the walls.
        Interrupted: by Ctrl-C.
    """
    given = given_format(options.asked)
    formats = None if given is None else (given,)
    problems = wanted(options.asked, formats)
    if options.show_format:
        print(_format_text(_only_one(problems, "--show-format"), formats), end="")
        return ExitStatus.DONE
    if options.asked.problems is None and not options.asked.candidates:
        raise BadRequest("nothing to search: name the program in question, --candidate FILE")
    if given is not None:
        only = _only_one(problems, "--format")
        if only.problem.kind == "function":
            raise BadRequest("--format is for whole programs: a function has arguments")
        problems = iter([only])
    tally = _Tally()
    try:
        _search(options, problems, Settings(options.seed, options.inputs, options.budget, formats), tally)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted{where_rows_are(options.output)}") from None
    if tally.unsearched:
        return ExitStatus.UNTRUSTED
    if tally.untested:
        return ExitStatus.BAD_INPUT
    return ExitStatus.FAILED if tally.differences or tally.undecided else ExitStatus.DONE


def _search(options: Options, problems: Iterator[Wanted], settings: Settings, tally: _Tally) -> None:
    first = next(problems)  # before a sandbox is started, so that what is wrong is said at once
    console = Console(markup=False, highlight=False, emoji=False)
    bar = sys.stderr.isatty() and not sys.stdout.isatty()
    with (
        row_output(options.output, options.as_json) as write,
        progress(tally.line, lambda: tally.candidates, 0, bar) as refresh,
    ):

        def on_news(news: News) -> None:
            tally.runs += news.runs
            tally.latest = news
            refresh()

        # However the block is left, nothing of the work is left behind.
        with closing(fuzz_on_cores(chain([first], problems), Engine, settings, on_news)) as findings:
            for finding in findings:
                _count(tally, finding)
                write(finding.to_json())
                if not options.as_json:
                    fuzz_report.report(finding, console)


def _count(tally: _Tally, finding: Finding) -> None:
    name = one_line(f"{finding.problem.id} {finding.candidate.id}")
    tally.candidates += 1
    tally.differences += finding.difference is not None
    tally.undecided += bool(finding.undecided)
    if finding.fault:
        tally.unsearched += 1
        print(f"{name}: not searched: {one_line(finding.fault)}", file=sys.stderr)
    elif finding.difference is None and not finding.test_cases:
        tally.untested += 1
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(finding.dropped_inputs.items()))
        print(f"{name}: nothing tested: the oracles agree on no input ({reasons or 'none known'})", file=sys.stderr)


def _only_one(problems: Iterator[Wanted], option: str) -> Wanted:
    first = next(problems)
    if next(problems, None) is not None:
        raise BadRequest(f"{option} is about one problem: name it with --problem")
    return first


def _format_text(only: Wanted, formats: tuple[Format, ...] | None) -> str:
    problem = only.problem
    if problem.kind == "function":
        raise BadRequest(f"{problem.id}: only inputs of whole programs have a format: a function has arguments")
    known = formats or limited_formats([example.input for example in problem.examples])
    if not known:
        raise BadRequest(f"{problem.id}: no format explains the examples; inputs are made by changing those")
    return text_of(known[0])
