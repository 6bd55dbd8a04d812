"""``semi-instruct generate``: a file of problems in, verified pairs out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from rich.console import Console

from semi_instruct.engine import Engine
from semi_instruct.generator.errors import GeneratorError
from semi_instruct.generator.model import Model
from semi_instruct.generator.prompting import FOLDER, check
from semi_instruct.generator.tasks import Tasks
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.errors import BadRequest, BadRow, Interrupted, MachineFailed
from semi_instruct.harness.output.progress import progress
from semi_instruct.harness.output.rows import row_output, where_rows_are
from semi_instruct.harness.parallel.machine_faults import is_of_a_full_base
from semi_instruct.harness.problems.reader import ProblemFile
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.synthesis.funnel import Funnel
from semi_instruct.harness.synthesis.meter import Meter
from semi_instruct.harness.synthesis.opening import opened_model
from semi_instruct.harness.synthesis.pipeline import generate
from semi_instruct.harness.synthesis.plan import Plan
from semi_instruct.harness.synthesis.problem import Generated
from semi_instruct.harness.synthesis.report import best_pair, report, show_pair
from semi_instruct.harness.text import one_line


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for.

    Attributes:
        model: its name (``generator.choosing``), or None to take what the cache has.
        cache: the file of the cache, or None for none.
        output: the file for the rows, or None for none.
        limit: problems to take, at most; None for all.
        lanes: requests to the model at a time; None for what suits it.
        per_minute: requests a minute that a server is sent at most; None for no such limit.
        workers: sandboxes, or None for one a core.
        prompts: the folder of the prompt files; None for ours.
        show: accepted pairs to print.
        as_json: the funnel and the rates as JSON alone.
    """

    problems: Path
    model: str | None
    cache: Path | None
    output: Path | None
    plan: Plan
    limit: int | None = None
    lanes: int | None = None
    workers: int | None = None
    prompts: Path | None = None
    show: int = 3
    as_json: bool = False
    per_minute: float | None = None


def execute(options: Options) -> ExitStatus:
    """Generate, verify and report. Returns the exit status.

    Raises:
        BadRequest: neither a model nor a cache that has texts of one.
        BadFile: the problems cannot be opened.
        OutputUnusable: the output cannot be written.
        SandboxUnavailable: nothing is run without the walls.
        Interrupted: by Ctrl-C.
    """
    budget = options.plan.budget
    if budget is not None and not budget > 0:
        raise BadRequest(f"--budget: expected more than 0 seconds, not {budget:g}")
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
        file = stack.enter_context(ProblemFile(options.problems))
        write = stack.enter_context(row_output(options.output, to_stdout=False))
        model = stack.enter_context(opened_model(options.model, options.cache, options.lanes, options.per_minute))
        engine = stack.enter_context(Engine(options.workers))
        good = _GoodRows(file)
        meter = Meter()

        def state() -> str:
            return f"{funnel.natural_codes} natural codes, {meter.texts} texts, {funnel.accepted} pairs accepted"

        refresh = stack.enter_context(progress(state, lambda: file.position, file.size, sys.stderr.isatty()))
        problems = islice(good, options.limit)
        for one in generate(problems, model, engine, options.plan, meter, Tasks(options.prompts or FOLDER)):
            funnel.count(one)
            write(one.to_json())
            if len(shown) < options.show and best_pair(one) is not None:
                shown.append(one)
            refresh()
        rates = meter.rates(model.lanes, engine.workers)
    if options.as_json:
        cost = asdict(model.cost) if model.cost is not None else None
        print(json.dumps({"model": model.name, "funnel": funnel.to_json(), "rates": rates, "cost": cost}))
    else:
        _tell(model, funnel, rates, shown, console)
    return ExitStatus.BAD_INPUT if good.bad else ExitStatus.DONE


def _tell(model: Model, funnel: Funnel, rates: dict[str, float], shown: list[Generated], console: Console) -> None:
    console.print(f"model: {one_line(model.name)}", soft_wrap=True)
    report(funnel, rates, model.cost, console)
    for one in shown:
        pair = best_pair(one)
        if pair is not None:
            show_pair(one, pair, console)


class _GoodRows:
    """The problems of a file. Bad rows are told on stderr and counted."""

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
