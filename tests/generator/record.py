"""Records what a real model wrote for two problems of the bundled corpus, for ``test_recorded.py``.

    make demo-llm DEMO_LLM="--batch 8 --cache demo.sqlite"
    python -m tests.generator.record demo.sqlite > tests/harness/data/recorded.sql

To be done again when a prompt or a schema changes: the requests are then others.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from semi_instruct.engine import Engine
from semi_instruct.generator.cache import Cache, CachedModel
from semi_instruct.harness.problems.reader import ProblemFile
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.synthesis import Plan, generate
from semi_instruct.harness.synthesis.meter import Meter

CORPUS = Path(__file__).parents[2] / "examples" / "corpus.jsonl"
PROBLEMS = ("odd_sum", "transpose")
PLAN = Plan(budget=2.0)
"""What was asked for."""


def problems() -> list[Problem]:
    """Those whose texts are recorded."""
    with ProblemFile(CORPUS) as file:
        return [row for row in file.rows() if isinstance(row, Problem) and row.id in PROBLEMS]


def main(source: str) -> None:
    """Print the part of a cache that these problems need."""
    with TemporaryDirectory() as folder, Cache(Path(source)) as whole, Engine(1) as engine:
        path = Path(folder) / "part.sqlite"
        with Cache(path) as part:
            model = CachedModel(part, CachedModel(whole, None, whole.models()[0]))
            list(generate(problems(), model, engine, PLAN, Meter()))
        for line in sqlite3.connect(path).iterdump():
            print(line)


if __name__ == "__main__":
    main(sys.argv[1])
