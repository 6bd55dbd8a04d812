"""``semi-instruct build``: a corpus in, a dataset and a report out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from semi_instruct.engine import Engine
from semi_instruct.generator.errors import GeneratorError
from semi_instruct.harness.cli.exit_status import ExitStatus
from semi_instruct.harness.dataset.benchmarks import HUMAN_EVAL
from semi_instruct.harness.dataset.corpora import AUTO, Corpus
from semi_instruct.harness.dataset.corpora.mapped import read_mapping
from semi_instruct.harness.dataset.modelled import ModelGenerator
from semi_instruct.harness.dataset.pipeline import Inputs, Made, build_dataset
from semi_instruct.harness.dataset.proposing import Generator
from semi_instruct.harness.dataset.report.funnel import shown
from semi_instruct.harness.dataset.settings import MODES, Mode, Settings
from semi_instruct.harness.dataset.stages.stage import Build
from semi_instruct.harness.dataset.state import State, see_that_it_is_free
from semi_instruct.harness.errors import BadRequest, Interrupted, MachineFailed, OutputUnusable
from semi_instruct.harness.parallel.machine_faults import is_of_a_full_base, naming
from semi_instruct.harness.synthesis.opening import opened_model
from semi_instruct.harness.synthesis.plan import Plan
from semi_instruct.harness.text import lines_of_text

TEXTS = "texts.sqlite"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for.

    Attributes:
        folder: the build's.
        layout, columns: see ``harness.dataset.corpora``.
        benchmarks: ``NAME=FILE`` each.
        embeddings: the model that embeds instructions, or None.
        workers: sandboxes, or None for one a core.
        model: its name (``generator.choosing``), or None to take what the cache has.
        cache: the file of the cache, or None for one in the folder.
        lanes: requests to the model at a time; None for what suits it.
        per_minute: requests a minute that a server is sent at most; None for no such limit.

    The others are as in ``harness.dataset.settings.Settings``.

    Raises:
        BadRequest: options that cannot be meant.
    """

    corpus: Path
    folder: Path
    mode: Mode = "natural"
    seed: int = 0
    resume: bool = False
    layout: str = AUTO
    columns: Path | None = None
    licence: str = ""
    strict: bool = False
    decontaminate: bool = True
    benchmarks: Sequence[str] = ()
    budget: float = 20.0
    planned: int = 200
    near: float = 0.8
    embeddings: Path | None = None
    alike: float = 0.95
    least_cases: int = 3
    least_killed: float = 0.5
    pairs_a_task: int = 0
    limit: int = 0
    codes_a_task: int = 0
    samples: int = 4
    functions: int = 0
    repairs: int = 0
    least_round_trip: float = 0.0
    workers: int | None = None
    model: str | None = None
    cache: Path | None = None
    listed: int = Plan().inputs
    lanes: int | None = None
    per_minute: float | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise BadRequest(f"--mode {self.mode}: expected {', '.join(MODES)}")
        if self.mode == "natural" and self.model is not None:
            raise BadRequest("--model: natural mode asks no model; --mode semi and --mode self do")
        if self.mode != "natural" and self.model is None and not self.texts.is_file():
            raise BadRequest(f"--mode {self.mode}: needs --model NAME, or --cache FILE that has a model's texts")
        if self.mode != "semi" and (self.repairs or self.least_round_trip or self.functions):
            raise BadRequest("--functions, --repairs and --round-trip: in semi mode alone")
        shares = {
            "--near": self.near,
            "--alike": self.alike,
            "--least-killed": self.least_killed,
            "--round-trip": self.least_round_trip,
        }
        for option, value in shares.items():
            if not 0 <= value <= 1:
                raise BadRequest(f"{option} {value:g}: expected a share from 0 to 1")
        if not self.budget > 0:
            raise BadRequest(f"--budget: expected more than 0 seconds, not {self.budget:g}")

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
        for given in self.benchmarks:
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
    see_that_it_is_free(options.folder, options.resume)
    try:
        with naming(options.folder), _generator(options) as generator:
            made = _build(options, corpus, benchmarks, generator)
    except GeneratorError as error:
        if is_of_a_full_base(error.__context__):
            raise MachineFailed(f"{error} (--resume goes on with what is in {options.folder})") from None
        raise BadRequest(f"{error} (--resume goes on with what is in {options.folder})") from None
    _report(made, options.folder)
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
    with opened_model(options.model, options.texts, options.lanes, options.per_minute) as model:
        yield ModelGenerator(model, options.listed, options.functions)


def _build(options: Options, corpus: Corpus, files: Mapping[str, Path], generator: Generator | None) -> Made:
    with State(options.folder, _settings(options, corpus, files, generator), options.resume) as state:
        build = Build(state, state.settings, Engine, generator, options.workers)
        benchmarks = files if options.decontaminate else None
        try:
            return build_dataset(build, Inputs(corpus, benchmarks, options.strict, options.embeddings), options.folder)
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted: --resume goes on with what is in {options.folder}") from None


def _settings(options: Options, corpus: Corpus, files: Mapping[str, Path], generator: Generator | None) -> Settings:
    benchmarks = tuple(sorted({HUMAN_EVAL, *files})) if options.decontaminate else ()
    return Settings(
        mode=options.mode,
        seed=options.seed,
        corpus=options.corpus.name,
        corpus_bytes=options.corpus.stat().st_size if options.corpus.is_file() else 0,
        layout=corpus.layout,
        columns=options.columns.read_text("utf-8") if options.columns else "",
        licence=options.licence,
        generator=generator.name if generator else "",
        listed=options.listed if generator else 0,
        budget=options.budget,
        planned=options.planned,
        benchmarks=benchmarks,
        near=options.near,
        alike=options.alike if options.embeddings else 0.0,
        least_cases=options.least_cases,
        least_killed=options.least_killed,
        pairs_a_task=options.pairs_a_task,
        limit=options.limit,
        codes_a_task=options.codes_a_task,
        samples=options.samples,
        functions=options.functions,
        repairs=options.repairs,
        least_round_trip=options.least_round_trip,
    )


def _report(made: Made, folder: Path) -> None:
    print(lines_of_text("\n".join(shown(made.steps))))
    if made.bad_rows:
        print(f"{made.bad_rows} bad rows, named in the report", file=sys.stderr)
    print(f"{made.pairs} pairs in {folder / 'dataset'}; report: {made.report}")
