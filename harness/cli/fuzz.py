"""``semi-instruct fuzz``: looks for inputs on which candidates differ from the oracles."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from semi_instruct.engine import Engine
from semi_instruct.harness.cli import fuzz_report
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.cli.options import (
    JUDGING,
    AsJson,
    Common,
    Out,
    Runtime,
    Seed,
    Workers,
    check_budget,
    command_of,
    read_from,
    written_to,
)
from semi_instruct.harness.errors import BadRequest, Interrupted
from semi_instruct.harness.inputs.stdin import Format, text_of
from semi_instruct.harness.inputs.stdin.in_helper import limited_formats
from semi_instruct.harness.output.progress import progress
from semi_instruct.harness.output.rows import partial_path, row_output, where_rows_are
from semi_instruct.harness.search.fuzz import INPUTS, Finding, Settings
from semi_instruct.harness.search.fuzz_on_cores import News, fuzz_on_cores
from semi_instruct.harness.search.fuzz_request import Asked, Wanted, given_format, wanted
from semi_instruct.harness.text import one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Common):
    """The options of ``fuzz``.

    Raises:
        BadRequest: options that exclude each other, or a value out of range.
    """

    problems: Annotated[
        Path | None,
        typer.Argument(metavar="[PROBLEMS.jsonl]", help="One problem per line, as for verify; - is stdin."),
    ] = None
    problem: Annotated[str | None, typer.Option(metavar="ID", help="Search this problem only.")] = None
    candidate: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|FILE", help="A candidate: its id, or without PROBLEMS its file. Repeatable."),
    ] = None
    oracle: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A program known to be right. Repeatable.")
    ] = None
    example: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="An input; with --entry a JSON list of arguments. Repeatable."),
    ] = None
    entry: Annotated[str | None, typer.Option(metavar="NAME", help="The programs define this function.")] = None
    inputs: Annotated[
        int, typer.Option(metavar="N", min=1, help="Inputs to try per problem, at most.", rich_help_panel=JUDGING)
    ] = INPUTS
    budget: Annotated[
        float | None,
        typer.Option(metavar="S", help="CPU seconds per problem. Default: no limit.", rich_help_panel=JUDGING),
    ] = None
    seed: Seed = 0
    show_format: Annotated[
        bool, typer.Option("--show-format", help="Print the format of the inputs, and search nothing.")
    ] = False
    format_file: Annotated[
        Path | None, typer.Option("--format", metavar="FILE", help="Draw inputs of this format.")
    ] = None
    out: Out = None
    as_json: AsJson = False
    runtime: Runtime = None
    workers: Workers = None

    @property
    def asked(self) -> Asked:
        """The problems and candidates that the options name."""
        problems = read_from(self.problems) if self.problems is not None else None
        return Asked(
            problems,
            self.problem,
            self.candidate or (),
            self.oracle or (),
            self.example or (),
            self.entry,
            self.format_file,
        )

    @property
    def output(self) -> Path | None:
        """The file for a row per candidate, or None."""
        return written_to(self.out)

    @property
    def rows_on_stdout(self) -> bool:
        """Whether stdout is for the rows alone."""
        return self.as_json or (self.out is not None and self.output is None)

    def __post_init__(self) -> None:
        check_budget(self.budget)
        asked = self.asked
        if self.output is not None:
            read = [asked.problems, asked.format, *asked.oracles, *asked.examples]
            read += [] if asked.problems else [Path(each) for each in asked.candidates]
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
        row_output(options.output, options.rows_on_stdout) as write,
        progress(tally.line, lambda: tally.candidates, 0, bar, quiet=options.quiet) as refresh,
    ):

        def on_news(news: News) -> None:
            tally.runs += news.runs
            tally.latest = news
            refresh()

        # However the block is left, nothing of the work is left behind.
        open_engine = partial(Engine, runtime=options.runtime)
        found = fuzz_on_cores(chain([first], problems), open_engine, settings, on_news, options.workers)
        with closing(found) as findings:
            for finding in findings:
                _count(tally, finding)
                write(finding.to_json())
                if not options.rows_on_stdout:
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


command = command_of(
    Options,
    execute,
    "fuzz",
    """
    Search for inputs on which a candidate differs from the oracles, and print the smallest found.

    Name a problem file, or the programs by their files: semi-instruct fuzz --oracle right.py --candidate mine.py
    --example input.txt. What is printed was run in fresh sandboxes, and all oracles agree on it.

    Exit status 0 if no difference was found; 1 if one was, or too little was judged; 2 if the input cannot be used, or
    the oracles agree on no input at all; 3 if a fault of the sandbox left something unsearched.
    """,
)
