"""``make bench-planted``: who of candidates planted on purpose is retained by ``semi-instruct build``.

    python -m benchmarks.planted [--condefects FILE] [--humanevalpack FILE] [--tasks N] [--wrong N] [--budget S] \\
        [--seed N] [--folder DIR] [-o FILE]

A generator stands in for a model: it "proposes" programs of which it is known whether they are right. Wrong are,
chosen at random from both files, faulty programs that contestants handed in (ConDefects) and buggy solutions
(HumanEvalPack, where the harness has the docstring's examples and nothing of the tests). Right are ConDefects' correct
programs that are not among the natural codes, which are two of the correct ones. ``build --mode semi`` judges all of
them. Mutants are not planted: the harness rates its test cases by mutants of the oracle, which would be no fair trial.

The marks: of the wrong at most 2 % retained, of the right at least 98 % retained by judgement. Exits with 1 when one
is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console

from benchmarks.claims import at_least, at_most, table_of
from examples import condefects, humanevalpack
from semi_instruct.engine import Engine
from semi_instruct.harness.dataset.corpora import Corpus
from semi_instruct.harness.dataset.pairs import Pair
from semi_instruct.harness.dataset.pipeline import Inputs, build_dataset
from semi_instruct.harness.dataset.settings import Settings
from semi_instruct.harness.dataset.stages import VALIDATE
from semi_instruct.harness.dataset.stages.retention import why_not
from semi_instruct.harness.dataset.stages.stage import Build
from semi_instruct.harness.dataset.stages.validation import judged_at
from semi_instruct.harness.dataset.state import State
from semi_instruct.harness.problems.schema import Example, Problem
from semi_instruct.harness.synthesis.proposals import Ask, Proposal, Repair, Subject, Usage, Written

DATA = Path("../shared/data")
NATURAL = condefects.ORACLES
_NEVER_JUDGED = "never judged"


@dataclass(frozen=True, slots=True)
class Planted:
    """A program of which it is known whether it is right.

    Attributes:
        row: of its task, as ``verify`` reads it, whose oracles are the natural codes.
        source: that is proposed.
        kind: where it is from.
    """

    row: dict[str, Any]
    source: str
    kind: str
    is_right: bool

    @property
    def task(self) -> str:
        """Its task's id."""
        return str(self.row["id"])


class Planting:
    """A generator that proposes what is planted, all of a task with its first natural code."""

    lanes = 1

    def __init__(self, planted: Sequence[Planted]) -> None:
        # What is planted is part of the name, so that no build goes on with something else.
        self.name = f"planted {hashlib.sha256(repr([one.source for one in planted]).encode()).hexdigest()[:12]}"
        self._sources: dict[str, list[str]] = {}
        for one in planted:
            self._sources.setdefault(one.task, []).append(one.source)

    @property
    def usage(self) -> Usage:
        """Nothing."""
        return Usage()

    def rewrite(self, subject: Subject, samples: int, seed: int, first: int = 0) -> Written[Proposal]:
        """All that is planted for a task, with its first natural code."""
        task = subject.problem
        if subject.index:
            return Written()
        ask = Ask(f"Solve {task.id}.", task.kind, task.entry)
        return Written(tuple(Proposal(ask, source) for source in self._sources.get(task.id, [])))

    def instruct(self, problem: Problem, ask: Ask, source: str, seed: int) -> Written[str]:
        """Nothing: what is planted has an instruction."""
        return Written()

    def inputs(self, subject: Subject, seed: int) -> Sequence[Any]:
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

    def repair(self, repair: Repair, seed: int) -> Written[str]:
        """Nothing."""
        return Written()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.planted", description=__doc__)
    parser.add_argument("--condefects", type=Path, default=DATA / "condefects_dev.jsonl")
    parser.add_argument("--humanevalpack", type=Path, default=DATA / "humanevalpack.jsonl")
    parser.add_argument("--tasks", type=int, default=0, help="of each file, the first so many (default all)")
    parser.add_argument("--wrong", type=int, default=200, help="wrong programs to plant (default 200)")
    parser.add_argument("--budget", type=float, default=20.0, help="CPU seconds a task (default 20)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="write what became of each here, a line each")
    parser.add_argument("--folder", type=Path, help="keep the build here, and go on with it where it was cut off")
    options = parser.parse_args()
    known = [*of_condefects(_rows(options.condefects, options.tasks))]
    known += of_humanevalpack(_rows(options.humanevalpack, options.tasks))
    planted = plant(known, options.wrong, Random(options.seed))
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        corpus = folder / "corpus.jsonl"
        rows = {one.task: one.row for one in planted}
        corpus.write_text("".join(json.dumps(row) + "\n" for row in rows.values()), "utf-8")
        pairs = built(corpus, folder / "build", planted, options.budget, options.seed)
    fates = fates_of(planted, pairs, Settings("semi", options.seed, "", 0, ""))
    if options.output:
        options.output.write_text("".join(json.dumps(fate) + "\n" for fate in fates), "utf-8")
    sys.exit(not report(fates))


def of_condefects(tasks: Sequence[dict[str, Any]]) -> Iterator[Planted]:
    """The programs of ConDefects that are no natural codes, each source once a task."""
    for task in tasks:
        row = condefects.problem(task) | {"candidates": []}
        right = dict.fromkeys(program["source"] for program in task["correct"][NATURAL:])
        faulty = dict.fromkeys(program["source"] for program in task["faulty"] if program["source"] not in right)
        for source in right:
            yield Planted(row, source, "ConDefects", is_right=True)
        for source in faulty:
            yield Planted(row, source, "ConDefects", is_right=False)


def of_humanevalpack(tasks: Sequence[dict[str, Any]]) -> Iterator[Planted]:
    """The buggy solutions of HumanEvalPack."""
    for task in tasks:
        row = humanevalpack.problem_without_tests(task) | {"candidates": []}
        source = task["declaration"] + task["buggy_solution"]
        yield Planted(row, source, "HumanEvalPack", is_right=False)


def plant(known: Sequence[Planted], wrong: int, random: Random) -> list[Planted]:
    """All that are right, and so many of the wrong ones; in the order of the files."""
    faulty = [one for one in known if not one.is_right]
    chosen = {id(one) for one in random.sample(faulty, min(wrong, len(faulty)))}
    return [one for one in known if one.is_right or id(one) in chosen]


def fates_of(planted: Sequence[Planted], pairs: Sequence[Pair], settings: Settings) -> list[dict[str, Any]]:
    """What became of each: ``kept``, or ``why`` not."""
    judged = {(pair.task, pair.source): pair for pair in pairs}
    fates = []
    for one in planted:
        pair = judged.get((one.task, one.source))
        why = _NEVER_JUDGED if pair is None else why_not(pair, settings)
        cases = 0 if pair is None else pair.test_cases
        fate = {"task": one.task, "kind": one.kind, "right": one.is_right, "kept": why is None, "test_cases": cases}
        fates.append(fate | {"why": ": ".join(filter(None, why)) if isinstance(why, tuple) else why})
    return fates


def report(fates: Sequence[dict[str, Any]]) -> bool:
    """Print the marks, and what missed them. Returns whether both hold."""
    for fate in fates:
        if fate["kept"] != fate["right"]:
            what = "retained though wrong" if fate["kept"] else f"not retained though right: {fate['why']}"
            print(f"{fate['task']}: {what}; {fate['test_cases']} test cases")
    counted = Counter((fate["kind"], fate["right"], fate["kept"]) for fate in fates)
    for kind in sorted({fate["kind"] for fate in fates}):
        wrong, kept = counted[kind, False, True] + counted[kind, False, False], counted[kind, False, True]
        right, lost = counted[kind, True, True] + counted[kind, True, False], counted[kind, True, False]
        print(f"{kind}: {kept} of {wrong} wrong ones retained, {lost} of {right} right ones lost")
    judged = [fate for fate in fates if fate["why"] != _NEVER_JUDGED]
    if len(judged) < len(fates):
        print(f"{len(fates) - len(judged)} were never judged and do not count")
    of_wrong = [fate["kept"] for fate in judged if not fate["right"]]
    of_right = [fate["kept"] for fate in judged if fate["right"]]
    claims = [
        at_most(f"% of {len(of_wrong)} wrong programs retained", 100 * sum(of_wrong) / max(1, len(of_wrong)), 2),
        at_least(f"% of {len(of_right)} right programs retained", 100 * sum(of_right) / max(1, len(of_right)), 98),
    ]
    Console(width=120).print(table_of(claims))
    return all(claim.holds for claim in claims)


def _rows(path: Path, most: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()][: most or None]


def built(corpus: Path, folder: Path, planted: Sequence[Planted], budget: float, seed: int) -> list[Pair]:
    """All pairs that were judged."""
    generator = Planting(planted)
    settings = Settings(
        "semi", seed, corpus.name, corpus.stat().st_size, "problems", generator=generator.name, budget=budget
    )
    with State(folder, settings, resume=True) as state:
        build = Build(state, settings, Engine, generator)
        # The tasks of HumanEvalPack are HumanEval's.
        build_dataset(build, Inputs(Corpus(corpus, "problems"), benchmarks=None), folder)
        return [pair for index in state.done(VALIDATE) for pair in judged_at(build, index).pairs]


if __name__ == "__main__":
    main()
