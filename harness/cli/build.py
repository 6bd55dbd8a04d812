"""``semi-instruct build``: a corpus in, a dataset and a report out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, cast

import typer

from semi_instruct.engine import Engine
from semi_instruct.generator.errors import GeneratorError
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.cli.options import (
    MODEL,
    Budget,
    Cache,
    Common,
    Concurrency,
    ModelInputs,
    ModelName,
    PlannedInputs,
    RequestsPerMinute,
    Runtime,
    Seed,
    Workers,
    check_budget,
    command_of,
)
from semi_instruct.harness.dataset.benchmarks import HUMAN_EVAL
from semi_instruct.harness.dataset.corpora import AUTO, Corpus
from semi_instruct.harness.dataset.corpora.mapped import read_mapping
from semi_instruct.harness.dataset.pipeline import Inputs, Made, build_dataset
from semi_instruct.harness.dataset.report.funnel import funnel_lines
from semi_instruct.harness.dataset.settings import MODES, Mode, Settings
from semi_instruct.harness.dataset.stages.stage import Build
from semi_instruct.harness.dataset.state import State, ensure_unlocked
from semi_instruct.harness.errors import BadRequest, Interrupted, MachineFailed, OutputUnusable
from semi_instruct.harness.inputs.plan import PLANNED_INPUTS
from semi_instruct.harness.parallel.machine_faults import is_of_a_full_base, naming
from semi_instruct.harness.synthesis.model_generator import ModelGenerator
from semi_instruct.harness.synthesis.opening import opened_model
from semi_instruct.harness.synthesis.plan import Plan
from semi_instruct.harness.synthesis.proposals import Generator
from semi_instruct.harness.text import lines_of_text

TEXTS = "texts.sqlite"
CORPUS, FILTERS = "Corpus", "Filters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Common):
    """The options of ``build``. See ``harness.dataset.settings.Settings`` for what they mean.

    Raises:
        BadRequest: options that exclude each other, or a value out of range.
    """

    corpus: Annotated[Path, typer.Argument(metavar="CORPUS", help="JSONL, Parquet, or a folder of a data set.")]
    folder: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="The folder of the build.")]
    mode: Annotated[str, typer.Option(metavar="semi|self|natural", help="What the pairs are made of.")] = "natural"
    seed: Seed = 0
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the build in DIR.")] = False
    layout: Annotated[
        str, typer.Option(metavar="NAME", help="Layout, if the fields do not tell.", rich_help_panel=CORPUS)
    ] = AUTO
    columns: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Which column holds what.", rich_help_panel=CORPUS)
    ] = None
    licence: Annotated[
        str, typer.Option(metavar="NAME", help="Licence, if the corpus does not say.", rich_help_panel=CORPUS)
    ] = ""
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad row.", rich_help_panel=CORPUS)] = False
    budget: Budget = 20.0
    inputs: PlannedInputs = PLANNED_INPUTS
    decontaminate: Annotated[
        bool, typer.Option(help="Drop what HumanEval and other benchmarks hold.", rich_help_panel=FILTERS)
    ] = True
    benchmark: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FILE", help="Another benchmark. Repeatable.", rich_help_panel=FILTERS),
    ] = None
    near_duplicate_threshold: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Similarity of codes that are duplicates.", rich_help_panel=FILTERS),
    ] = 0.8
    embeddings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.whl|DIR", help="Drop instructions that mean the same, by this model.", rich_help_panel=FILTERS
        ),
    ] = None
    semantic_threshold: Annotated[
        float,
        typer.Option(
            metavar="COSINE",
            help="Cosine similarity above which instructions are duplicates.",
            rich_help_panel=FILTERS,
        ),
    ] = 0.95
    min_test_cases: Annotated[
        int, typer.Option(metavar="N", min=1, help="Test cases that a pair needs.", rich_help_panel=FILTERS)
    ] = 3
    min_mutants_killed: Annotated[
        float, typer.Option(metavar="SHARE", help="Mutants that these have to kill.", rich_help_panel=FILTERS)
    ] = 0.5
    pairs_per_task: Annotated[
        int, typer.Option(metavar="N", min=0, help="Pairs per task, at most; 0 for all.", rich_help_panel=FILTERS)
    ] = 0
    max_pairs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Pairs in all, the best; 0 for all.", rich_help_panel=FILTERS)
    ] = 0
    model: ModelName = None
    cache: Cache = None
    codes_per_task: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Natural codes to take per task; 0 for all.", rich_help_panel=MODEL),
    ] = 0
    samples: Annotated[
        int, typer.Option(metavar="N", min=1, help="Codes to ask for, of one request.", rich_help_panel=MODEL)
    ] = 4
    functions: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Functions to ask for, per whole program.", rich_help_panel=MODEL),
    ] = 0
    model_inputs: ModelInputs = Plan().inputs
    repairs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Rounds of repair of rejected codes.", rich_help_panel=MODEL)
    ] = 0
    round_trip: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Codes written from the instruction that must pass.", rich_help_panel=MODEL),
    ] = 0.0
    concurrency: Concurrency = None
    requests_per_minute: RequestsPerMinute = None
    runtime: Runtime = None
    workers: Workers = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise BadRequest(f"--mode {self.mode}: expected {', '.join(MODES)}")
        if self.mode == "natural" and self.model is not None:
            raise BadRequest("--model: natural mode asks no model; --mode semi and --mode self do")
        if self.mode != "natural" and self.model is None and not self.texts.is_file():
            raise BadRequest(f"--mode {self.mode}: needs --model NAME, or --cache FILE that has a model's texts")
        if self.mode != "semi" and (self.repairs or self.round_trip or self.functions):
            raise BadRequest("--functions, --repairs and --round-trip: in semi mode alone")
        shares = {
            "--near-duplicate-threshold": self.near_duplicate_threshold,
            "--semantic-threshold": self.semantic_threshold,
            "--min-mutants-killed": self.min_mutants_killed,
            "--round-trip": self.round_trip,
        }
        for option, value in shares.items():
            if not 0 <= value <= 1:
                raise BadRequest(f"{option} {value:g}: expected a share from 0 to 1")
        check_budget(self.budget)

    @property
    def texts(self) -> Path:
        """The file that keeps what the model writes, so that none of it is asked for again."""
        return self.cache or self.folder / TEXTS

    @property
    def benchmark_files(self) -> Mapping[str, Path]:
        """Files of benchmarks, by name.

        Raises:
            BadRequest: not written as ``NAME=FILE``, or no such file.
        """
        files: dict[str, Path] = {}
        for given in self.benchmark or ():
            name, found, path = given.partition("=")
            if not found or not name.isidentifier() or not Path(path).is_file():
                raise BadRequest(f"--benchmark {given}: expected NAME=FILE, a file that is there")
            files[name.lower()] = Path(path)
        return files


def execute(options: Options) -> ExitStatus:
    """Build and report. Returns the exit status.

    Raises:
        BadRequest, BadFile, BadRow, OutputUnusable, InUse, SandboxUnavailable: nothing, or no more, can be done.
        MachineFailed: the disk is full, or the like; what was done is kept.
        Interrupted: by Ctrl-C.
    """
    mapping = read_mapping(options.columns) if options.columns else None
    corpus = Corpus(options.corpus, options.layout, mapping)
    benchmarks = options.benchmark_files
    ensure_unlocked(options.folder, options.resume)
    try:
        with naming(options.folder), _generator(options) as generator:
            made = _build(options, corpus, benchmarks, generator)
    except GeneratorError as error:
        if is_of_a_full_base(error.__context__):
            raise MachineFailed(f"{error} (--resume goes on with what is in {options.folder})") from None
        raise BadRequest(f"{error} (--resume goes on with what is in {options.folder})") from None
    _report(made, options.folder, options.quiet)
    return ExitStatus.DONE


@contextmanager
def _generator(options: Options) -> Iterator[Generator | None]:
    if options.mode == "natural":
        yield None
        return
    try:
        options.texts.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnusable(f"{options.texts.parent}: {error.strerror or error}") from None
    with opened_model(options.model, options.texts, options.concurrency, options.requests_per_minute) as model:
        yield ModelGenerator(model, options.model_inputs, options.functions)


def _build(options: Options, corpus: Corpus, files: Mapping[str, Path], generator: Generator | None) -> Made:
    with State(options.folder, _settings(options, corpus, files, generator), options.resume) as state:
        build = Build(
            state,
            state.settings,
            partial(Engine, runtime=options.runtime),
            generator,
            options.workers,
            options.quiet,
        )
        benchmarks = files if options.decontaminate else None
        try:
            return build_dataset(build, Inputs(corpus, benchmarks, options.strict, options.embeddings), options.folder)
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted: --resume goes on with what is in {options.folder}") from None


def _settings(options: Options, corpus: Corpus, files: Mapping[str, Path], generator: Generator | None) -> Settings:
    benchmarks = tuple(sorted({HUMAN_EVAL, *files})) if options.decontaminate else ()
    return Settings(
        mode=cast(Mode, options.mode),
        seed=options.seed,
        corpus=options.corpus.name,
        corpus_bytes=options.corpus.stat().st_size if options.corpus.is_file() else 0,
        layout=corpus.layout,
        columns=options.columns.read_text("utf-8") if options.columns else "",
        licence=options.licence,
        generator=generator.name if generator else "",
        listed=options.model_inputs if generator else 0,
        budget=options.budget,
        planned=options.inputs,
        benchmarks=benchmarks,
        near=options.near_duplicate_threshold,
        alike=options.semantic_threshold if options.embeddings else 0.0,
        least_cases=options.min_test_cases,
        least_killed=options.min_mutants_killed,
        pairs_a_task=options.pairs_per_task,
        limit=options.max_pairs,
        codes_a_task=options.codes_per_task,
        samples=options.samples,
        functions=options.functions,
        repairs=options.repairs,
        least_round_trip=options.round_trip,
    )


def _report(made: Made, folder: Path, quiet: bool) -> None:
    if not quiet:
        print(lines_of_text("\n".join(funnel_lines(made.steps))))
    if made.bad_rows:
        print(f"{made.bad_rows} bad rows, named in the report", file=sys.stderr)
    if not quiet:
        print(f"{made.pairs} pairs in {folder / 'dataset'}; report: {made.report}")


command = command_of(
    Options,
    execute,
    "build",
    """
    Make a dataset of instruction-code pairs from natural codes: filter, validate, retain, export, report.

    Natural mode takes the codes as they are. In semi mode a model writes an instruction and a code for each, judged by
    the natural codes. In self mode it invents tasks, and independent codes and tests have to agree.

    DIR/dataset holds the pairs as Parquet and JSONL with their test cases, and problems.jsonl, which verify accepts.
    DIR/report.html is for people. A build that was killed goes on with --resume and ends with the same dataset.

    Needs the extra [build].
    """,
)
