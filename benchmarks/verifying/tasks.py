"""Data sets as problems with candidates of which it is known whether they are correct."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from examples import condefects, humanevalpack
from semi_instruct.harness.problems.schema import Problem, parse_row


@dataclass(frozen=True, slots=True)
class Marks:
    """Percent of the correct candidates to be accepted, and of the faulty ones to be rejected, at least."""

    accepted: float
    rejected: float


CONTEST_MARKS = Marks(accepted=99, rejected=93)
FUNCTION_MARKS = Marks(accepted=100, rejected=100 * 160 / 164)


@dataclass(frozen=True, slots=True)
class Task:
    """A problem, and the ids of its candidates that are correct; the others are faulty."""

    problem: Problem
    correct: frozenset[str]


class DataSet:
    """Tasks in the shape of ConDefects, or of HumanEvalPack.

    Args:
        path: JSONL; which of the shapes it has shows in its first row.
        most: take so many tasks, spread over the file; None for all.
    """

    def __init__(self, path: Path, most: int | None = None) -> None:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        self.name = path.stem
        self._is_contest = "task" in rows[0]
        self._rows = _spread(rows, most)

    @property
    def marks(self) -> Marks:
        """What is to be reached on it."""
        return CONTEST_MARKS if self._is_contest else FUNCTION_MARKS

    def __len__(self) -> int:
        return len(self._rows)

    def tasks(self, seed: int) -> list[Task]:
        """The tasks, in the order of the file.

        Args:
            seed: which correct programs of a contest task are its oracles.
        """
        return [_contest_task(row, seed) if self._is_contest else _function_task(row) for row in self._rows]


def _spread(rows: list[dict[str, Any]], most: int | None) -> list[dict[str, Any]]:
    if most is None or most >= len(rows):
        return rows
    return [rows[number * len(rows) // most] for number in range(most)]


def _contest_task(row: dict[str, Any], seed: int) -> Task:
    """Half of the correct programs, rounded up, are the oracles; the others are candidates beside the faulty ones."""
    name = row["task"]
    correct = Random(f"{seed} {name}").sample(row["correct"], len(row["correct"]))
    oracles, others = correct[: (len(correct) + 1) // 2], correct[(len(correct) + 1) // 2 :]
    right = [{"id": f"correct-{program['id']}", "source": program["source"]} for program in others]
    wrong = [{"id": f"faulty-{program['id']}", "source": program["source"]} for program in row["faulty"]]
    changed = {"oracles": [program["source"] for program in oracles], "candidates": right + wrong}
    return Task(_parsed(condefects.problem(row) | changed), frozenset(candidate["id"] for candidate in right))


def _function_task(row: dict[str, Any]) -> Task:
    """The canonical solution is the oracle and a candidate too; nothing is taken from the tests."""
    return Task(_parsed(humanevalpack.problem_without_tests(row)), frozenset({"canonical"}))


def _parsed(row: dict[str, Any]) -> Problem:
    return parse_row(json.dumps(row), row["id"], 1)
