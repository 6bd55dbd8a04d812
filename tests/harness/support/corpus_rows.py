"""Rows in the layouts of known corpora, field for field, with contents of ours; and helpers for tests of ``build``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from semi_instruct.engine import Engine
from semi_instruct.harness.dataset.corpora import Corpus
from semi_instruct.harness.dataset.pipeline import Inputs, Made, build_dataset
from semi_instruct.harness.dataset.settings import Mode, Settings
from semi_instruct.harness.dataset.stages.stage import Build
from semi_instruct.harness.dataset.state import State
from semi_instruct.harness.parallel.parallel_map import OpenEngine
from semi_instruct.harness.synthesis.proposals import Generator
from tests.harness.support.fake_engine import SubprocessEngine

DOUBLE = "print(int(input()) * 2)\n"

APPS: dict[str, Any] = {
    "problem_id": 7,
    "question": "Double the number.\n\n-----Input-----\n\nOne integer.",
    "solutions": json.dumps([DOUBLE, "n = int(input())\nprint(n + n)\n"]),
    "input_output": json.dumps({"inputs": ["4\n", "5\n"], "outputs": ["8\n", "10\n"]}),
    "difficulty": "introductory",
    "url": "https://example.org/7",
    "starter_code": "",
}
TACO: dict[str, Any] = {
    "question": "Double the number.",
    "solutions": json.dumps([DOUBLE]),
    "starter_code": "",
    "input_output": json.dumps({"inputs": ["4\n"], "outputs": ["8\n"]}),
    "difficulty": "EASY",
    "raw_tags": "['Math']",
    "name": None,
    "source": "codechef",
    "tags": "['Mathematics']",
    "skill_types": "[]",
    "url": "https://example.org/t",
    "Expected Auxiliary Space": None,
    "time_limit": "3.5 seconds",
    "date": None,
    "picture_num": "0",
    "memory_limit": "256 megabytes",
    "Expected Time Complexity": None,
}
CODE_CONTESTS: dict[str, Any] = {
    "name": "1_A. Double",
    "description": "Double the number.",
    "public_tests": {"input": ["4\n"], "output": ["8\n"]},
    "private_tests": {"input": ["5\n"], "output": ["10\n"]},
    "generated_tests": {"input": ["4\n", "6\n"], "output": ["8\n", "12\n"]},
    "source": 2,
    "difficulty": 7,
    "solutions": {"language": [2, 3, 1], "solution": ["int main(){}", DOUBLE, "print 2"]},
    "incorrect_solutions": {"language": [3], "solution": ["print(0)"]},
    "cf_rating": 800,
    "time_limit": {"seconds": 1, "nanos": 500000000},
    "memory_limit_bytes": 256000000,
}
HUMAN_EVAL: dict[str, Any] = {
    "task_id": "HumanEval/900",
    "prompt": 'def double(n: int) -> int:\n    """Twice n.\n    >>> double(2)\n    4\n    """\n',
    "entry_point": "double",
    "canonical_solution": "    return n * 2\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-3) == -6\n",
}
MBPP: dict[str, Any] = {
    "text": "Write a function to double a number.",
    "code": "def helper(n):\r\n  return n\r\ndef double(n):\r\n  return helper(n) * 2",
    "task_id": 601,
    "test_setup_code": "",
    "test_list": ["assert double(2) == 4", "assert double((0)) == 0", "assert double(x()) == 1"],
    "challenge_test_list": [],
}
CON_DEFECTS: dict[str, Any] = {
    "task": "abc900_a",
    "difficulty": "12",
    "time_limit_s": 2.0,
    "samples": [{"input": "4\n", "output": "8\n"}, {"input": "0\n", "output": "0\n"}],
    "correct": [{"id": "1", "source": DOUBLE}],
    "faulty": [{"id": "2", "source": "print(8)", "killed_by_samples": True}],
}


def task_row(name: str, *codes: str, examples: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A row that ``verify`` reads, without candidates."""
    given = examples or {"4\n": "8\n", "-1\n": "-2\n", "30\n": "60\n"}
    return {
        "id": name,
        "kind": "stdin",
        "oracles": list(codes),
        "examples": [{"input": each, "output": answer} for each, answer in given.items()],
        "candidates": [],
        **more,
    }


def write_corpus(path: Path, *rows: dict[str, Any] | str) -> Path:
    """A JSONL file; text is written as it is."""
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def settings(corpus: Path, mode: Mode = "natural", **changes: Any) -> Settings:
    """Settings that judge by examples alone."""
    usual: dict[str, Any] = {"planned": 0, "budget": 1.5, "least_cases": 1, "least_killed": 0.0}
    return Settings(mode, 0, corpus.name, corpus.stat().st_size, "auto", **(usual | changes))


def built(
    corpus: Path,
    folder: Path,
    *,
    mode: Mode = "natural",
    resume: bool = False,
    generator: Generator | None = None,
    strict: bool = False,
    embeddings: Path | None = None,
    benchmarks: dict[str, Path] | None = None,
    on_progress: Callable[[Any], None] = lambda _: None,
    engine: OpenEngine[Any] = SubprocessEngine,
    **changes: Any,
) -> Made:
    """Build, with an engine that has no walls unless another is given."""
    name = generator.name if generator else ""
    asked = settings(corpus, mode, generator=name, **changes)
    with State(folder, asked, resume) as state:
        build = Build(state, asked, engine, generator, 1, quiet=True, on_progress=on_progress)
        return build_dataset(build, Inputs(Corpus(corpus), benchmarks, strict, embeddings), folder)


def sharing(engine: Engine) -> OpenEngine[Any]:
    """What opens an engine that is open already: to start one costs more than these small builds."""

    @contextmanager
    def opened(*, workers: int, runtime: object = None) -> Iterator[Engine]:
        yield engine

    return opened


def pairs(folder: Path) -> list[dict[str, Any]]:
    """The pairs of a dataset."""
    return [json.loads(line) for line in (folder / "dataset" / "pairs.jsonl").read_text().splitlines()]


def drops(made: Made) -> dict[str, int]:
    """How many were dropped for each reason, over all stages."""
    return {reason: count for step in made.steps for reason, count in step.dropped.items()}
