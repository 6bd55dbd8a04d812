"""``semi-instruct generate``: a file of problems in, verified pairs out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from semi_instruct.engine import Engine
from semi_instruct.generator.errors import GeneratorError
from semi_instruct.generator.model import Model
from semi_instruct.generator.prompting import FOLDER, check
from semi_instruct.generator.tasks import Tasks
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.cli.options import (
    MODEL,
    OUTPUT,
    AsJson,
    Budget,
    Cache,
    Common,
    Concurrency,
    ModelInputs,
    ModelName,
    Out,
    PlannedInputs,
    Problems,
    RequestsPerMinute,
    Runtime,
    Seed,
    Workers,
    check_budget,
    command_of,
    read_from,
    written_to,
)
from semi_instruct.harness.errors import BadRequest, BadRow, Interrupted, MachineFailed
from semi_instruct.harness.output.progress import progress
from semi_instruct.harness.output.rows import row_output, where_rows_are
from semi_instruct.harness.parallel.machine_faults import is_of_a_full_base
from semi_instruct.harness.problems.reader import ProblemFile
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.synthesis.generation import Generated, generate
from semi_instruct.harness.synthesis.meter import Meter
from semi_instruct.harness.synthesis.opening import opened_model
from semi_instruct.harness.synthesis.plan import Plan
from semi_instruct.harness.synthesis.report import Funnel, best_pair, report, show_pair
from semi_instruct.harness.text import one_line

DEFAULTS = Plan()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Common):
    """The options of ``generate``."""

    problems: Problems
    model: ModelName = None
    cache: Cache = None
    samples: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Pairs to ask for, per problem, at most.", rich_help_panel=MODEL),
    ] = DEFAULTS.samples
    batch: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="Pairs to ask for at a time; the first accepted ends it.", rich_help_panel=MODEL
        ),
    ] = DEFAULTS.at_once
    model_inputs: ModelInputs = DEFAULTS.inputs
    feedback: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Rounds with the results of the inputs so far.", rich_help_panel=MODEL),
    ] = DEFAULTS.feedback
    edge_cases: Annotated[
        int, typer.Option(metavar="N", min=0, help="Edge cases to ask for.", rich_help_panel=MODEL)
    ] = 0
    programs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Input programs to ask for.", rich_help_panel=MODEL)
    ] = 0
    repairs: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Rounds of repair while nothing is accepted.", rich_help_panel=MODEL),
    ] = DEFAULTS.repairs
    concurrency: Concurrency = None
    requests_per_minute: RequestsPerMinute = None
    prompts: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Prompt files of your own.", rich_help_panel=MODEL)
    ] = None
    budget: Budget = 20.0
    inputs: PlannedInputs = DEFAULTS.planned
    seed: Seed = 0
    max_problems: Annotated[int | None, typer.Option(metavar="N", min=1, help="Problems to take, at most.")] = None
    out: Out = None
    show: Annotated[int, typer.Option(metavar="N", min=0, help="Accepted pairs to print.", rich_help_panel=OUTPUT)] = 3
    as_json: AsJson = False
    runtime: Runtime = None
    workers: Workers = None

    @property
    def plan(self) -> Plan:
        """What is asked of the model."""
        return Plan(
            self.model_inputs,
            self.feedback,
            self.edge_cases,
            self.programs,
            self.samples,
            self.batch,
            self.repairs,
            self.inputs,
            self.budget,
            self.seed,
        )

    @property
    def output(self) -> Path | None:
        """The file for the rows, or None."""
        return written_to(self.out)

    @property
    def rows_on_stdout(self) -> bool:
        """Whether stdout is for the rows alone."""
        return self.out is not None and self.output is None


def execute(options: Options) -> ExitStatus:
    """Generate, verify and report. Returns the exit status.

    Raises:
        BadRequest: neither a model nor a cache that has texts of one.
        BadFile: the problems cannot be opened.
        OutputUnusable: the output cannot be written.
        SandboxUnavailable: nothing is run without the walls.
        Interrupted: by Ctrl-C.
    """
    check_budget(options.budget)
    try:
        check(options.prompts or FOLDER)
        return _execute(options)
    except GeneratorError as error:
        if is_of_a_full_base(error.__context__):
            raise MachineFailed(str(error)) from None
        raise BadRequest(str(error)) from None
    except KeyboardInterrupt:
        again = "; with the same --cache nothing is asked twice" if options.cache else ""
        raise Interrupted(f"interrupted{where_rows_are(options.output)}{again}") from None


def _execute(options: Options) -> ExitStatus:
    console = Console(markup=False, highlight=False, emoji=False)
    funnel = Funnel()
    shown: list[Generated] = []
    with ExitStack() as stack:
        file = stack.enter_context(ProblemFile(read_from(options.problems)))
        write = stack.enter_context(row_output(options.output, options.rows_on_stdout))
        model = stack.enter_context(_opened(options))
        engine = stack.enter_context(Engine(options.workers, options.runtime))
        good = _GoodRows(file)
        meter = Meter()

        def state() -> str:
            return f"{funnel.natural_codes} natural codes, {meter.texts} texts, {funnel.accepted} pairs accepted"

        refresh = stack.enter_context(
            progress(state, lambda: file.position, file.size, sys.stderr.isatty(), quiet=options.quiet)
        )
        problems = islice(good, options.max_problems)
        for one in generate(problems, model, engine, options.plan, meter, Tasks(options.prompts or FOLDER)):
            funnel.count(one)
            write(one.to_json())
            if len(shown) < options.show and best_pair(one) is not None:
                shown.append(one)
            refresh()
        rates = meter.rates(model.lanes, engine.workers)
    if options.rows_on_stdout:
        return ExitStatus.BAD_INPUT if good.bad else ExitStatus.DONE
    if options.as_json:
        cost = asdict(model.cost) if model.cost is not None else None
        print(json.dumps({"model": model.name, "funnel": funnel.to_json(), "rates": rates, "cost": cost}))
    elif not options.quiet:
        _print_report(model, funnel, rates, shown, console)
    return ExitStatus.BAD_INPUT if good.bad else ExitStatus.DONE


def _opened(options: Options) -> AbstractContextManager[Model]:
    return opened_model(options.model, options.cache, options.concurrency, options.requests_per_minute)


def _print_report(
    model: Model, funnel: Funnel, rates: dict[str, float], shown: list[Generated], console: Console
) -> None:
    console.print(f"model: {one_line(model.name)}", soft_wrap=True)
    report(funnel, rates, model.cost, console)
    for one in shown:
        pair = best_pair(one)
        if pair is not None:
            show_pair(one, pair, console)


class _GoodRows:
    """The problems of a file. Bad rows are reported on stderr and counted."""

    def __init__(self, file: ProblemFile) -> None:
        self._file = file
        self.bad = 0

    def __iter__(self) -> Iterator[Problem]:
        for row in self._file.rows():
            if isinstance(row, BadRow):
                self.bad += 1
                print(row, file=sys.stderr, flush=True)
            else:
                yield row


command = command_of(
    Options,
    execute,
    "generate",
    """
    Have a model write inputs, instructions and code for natural codes, and verify what it writes.

    The natural code of a problem is its first oracle. Without --model all texts are taken from the cache, and no model
    is asked.

    Exit status 0 when all is done, however little is accepted; 2 if there were bad rows.
    """,
)
