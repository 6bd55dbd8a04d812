"""``make bench-planted``: who of candidates planted on purpose is retained by ``semi-instruct build``.

    python -m benchmarks.planted [DATA] [--tasks N] [--wrong N] [--budget S] [--seed N] [--folder DIR] [-o FILE]

A generator stands in for a model: for each task of ConDefects it "proposes" programs of which it is known whether they
are right. Wrong are faulty programs that contestants handed in, chosen at random; right are correct programs that are
not among the natural codes, which are two of the correct ones. ``build --mode semi`` judges all of them. Mutants are
not planted: the harness rates its test cases by mutants of the oracle, so they would be no fair trial.

The marks: of the wrong at most 2 % retained, of the right at least 98 % retained by judgement. Exits with 1 when one
is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console

from benchmarks.claims import at_least, at_most, table_of
from engine import Engine
from harness.dataset.corpora import Corpus
from harness.dataset.pairs import Pair
from harness.dataset.pipeline import Inputs, build_dataset
from harness.dataset.proposing import Ask, Failure, Proposal, Rewritten, Usage
from harness.dataset.retention import why_not
from harness.dataset.settings import Settings
from harness.dataset.stage import Build
from harness.dataset.state import State
from harness.dataset.tasks import NaturalCode, Task
from harness.dataset.validation import VALIDATE, judged_at
from harness.problems import Example

DATA = Path("../shared/data/condefects_dev.jsonl")
NATURAL = 2


class Planting:
    """A generator that proposes what is planted; what is planted for a task is said with its first natural code."""

    name = "planted"
    lanes = 1

    def __init__(self, planted: dict[str, list[str]]) -> None:
        self._planted = planted

    @property
    def usage(self) -> Usage:
        """Nothing."""
        return Usage()

    def rewrite(self, task: Task, code: NaturalCode, samples: int, seed: int) -> Rewritten:
        """All that is planted for a task."""
        if code.id != task.codes[0].id:
            return Rewritten()
        ask = Ask(f"Solve {task.id}.", "stdin")
        return Rewritten(tuple(Proposal(ask, source) for source in self._planted.get(task.id, [])))

    def instruct(self, task: Task, ask: Ask, source: str, seed: int) -> str | None:
        """None: what is planted has one."""
        return None

    def inputs(self, task: Task, code: NaturalCode, seed: int) -> Sequence[Any]:
        """None: the harness finds its own."""
        return []

    def invent(self, seeds: Sequence[str], samples: int, seed: int) -> Sequence[Ask]:
        """Nothing."""
        return []

    def solve(self, ask: Ask, samples: int, seed: int) -> Sequence[str]:
        """Nothing."""
        return []

    def tests(self, ask: Ask, seed: int) -> Sequence[Example]:
        """Nothing."""
        return []

    def repair(self, ask: Ask, source: str, failure: Failure, seed: int) -> str | None:
        """Nothing."""
        return None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.planted", description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--tasks", type=int, default=0, help="of the data, the first so many (default all)")
    parser.add_argument("--wrong", type=int, default=200, help="wrong programs to plant (default 200)")
    parser.add_argument("--budget", type=float, default=20.0, help="CPU seconds a task (default 20)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="write who was retained wrongly, or not, here")
    parser.add_argument("--folder", type=Path, help="keep the build here, and go on with it where it was cut off")
    options = parser.parse_args()
    tasks = [json.loads(line) for line in options.data.read_text("utf-8").splitlines()][: options.tasks or None]
    planted, wrong, right = plant(tasks, options.wrong, Random(options.seed))
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        corpus = folder / "corpus.jsonl"
        corpus.write_text("".join(json.dumps(row) + "\n" for row in map(_row, tasks)), "utf-8")
        pairs = built(corpus, folder / "build", Planting(planted), options.budget, options.seed)
    settings = Settings("semi", options.seed, "", 0, "")
    fates = [(pair, why_not(pair, settings)) for pair in pairs]
    kept_wrong = [pair for pair, why in fates if why is None and pair.source in wrong]
    of_right = [(pair, why) for pair, why in fates if pair.source in right]
    lost_right = [(pair, why) for pair, why in of_right if why is not None]
    of_wrong = sum(pair.source in wrong for pair in pairs)
    for pair in kept_wrong:
        print(f"retained though wrong: {pair.id}, {wrong[pair.source]}, {pair.test_cases} test cases")
    for pair, why in lost_right:
        print(f"not retained though right: {pair.id}: {why}")
    claims = [
        at_most(f"% of {of_wrong} wrong programs retained", 100 * len(kept_wrong) / max(1, of_wrong), 2),
        at_least(
            f"% of {len(of_right)} right programs retained",
            100 * (1 - len(lost_right) / max(1, len(of_right))),
            98,
        ),
    ]
    Console(width=120).print(table_of(claims))
    if options.output:
        figures = {"wrong": of_wrong, "kept_wrong": len(kept_wrong), "right": len(of_right), "lost": len(lost_right)}
        options.output.write_text(json.dumps(figures) + "\n")
    sys.exit(not all(claim.holds for claim in claims))


def plant(
    tasks: Sequence[dict[str, Any]], wrong: int, random: Random
) -> tuple[dict[str, list[str]], dict[str, str], frozenset[str]]:
    """What is planted, by task; what is wrong of it, with its kind; and what is right."""
    right = {task["task"]: [one["source"] for one in task["correct"][NATURAL:]] for task in tasks}
    faulty = [(task["task"], one["source"]) for task in tasks for one in task["faulty"]]
    chosen = random.sample(faulty, min(wrong, len(faulty)))
    planted = {name: list(dict.fromkeys(sources)) for name, sources in right.items()}
    known_right = frozenset(source for sources in right.values() for source in sources)
    kinds: dict[str, str] = {}
    for name, source in chosen:
        planted[name].append(source)
        kinds[source] = "faulty"
    return planted, kinds, known_right


def _row(task: dict[str, Any]) -> dict[str, Any]:
    return {**task, "correct": task["correct"][:NATURAL], "faulty": []}


def built(corpus: Path, folder: Path, generator: Planting, budget: float, seed: int) -> list[Pair]:
    """All pairs that were judged."""
    settings = Settings(
        "semi", seed, corpus.name, corpus.stat().st_size, "condefects", generator=generator.name, budget=budget
    )
    with State(folder, settings, resume=True) as state:
        build = Build(state, settings, Engine, generator)
        build_dataset(build, Inputs(Corpus(corpus, "condefects")), folder)
        return [pair for place in state.done(VALIDATE) for pair in judged_at(build, place).pairs]


if __name__ == "__main__":
    main()
