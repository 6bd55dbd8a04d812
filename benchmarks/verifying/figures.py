"""Results added up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.verifying.judging import UNDECIDED, Judged, TaskResult
from semi_instruct.harness.inputs.sources import Sources


def percent(part: int, whole: int) -> float:
    """A share; all of nothing is all."""
    return 100 * part / whole if whole else 100.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of the candidates of some tasks, and what it cost.

    Attributes:
        undecided: candidates of which nothing is said (no oracle, or our fault): neither accepted nor rejected.
        found_by: rejected faulty ones by the source of the first input that they fail.
        runs, run_seconds, own_seconds, wall_seconds: see :class:`TaskResult`; of a task, on average.
        most_seconds: CPU seconds, all together, of the task that took most.
    """

    tasks: int
    correct: int
    accepted: int
    faulty: int
    rejected: int
    undecided: int
    found_by: dict[Sources, int]
    runs: float
    run_seconds: float
    own_seconds: float
    wall_seconds: float
    most_seconds: float

    @property
    def accepted_percent(self) -> float:
        """Of the correct ones."""
        return percent(self.accepted, self.correct)

    @property
    def rejected_percent(self) -> float:
        """Of the faulty ones."""
        return percent(self.rejected, self.faulty)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "tasks": self.tasks,
            "correct": self.correct,
            "accepted": self.accepted,
            "accepted_percent": round(self.accepted_percent, 2),
            "faulty": self.faulty,
            "rejected": self.rejected,
            "rejected_percent": round(self.rejected_percent, 2),
            "undecided": self.undecided,
            "found_by": {source.name.lower(): count for source, count in self.found_by.items()},
            "runs_a_task": round(self.runs, 1),
            "run_seconds_a_task": round(self.run_seconds, 3),
            "own_seconds_a_task": round(self.own_seconds, 3),
            "wall_seconds_a_task": round(self.wall_seconds, 3),
            "most_seconds_of_a_task": round(self.most_seconds, 3),
        }


def figures(results: Sequence[TaskResult]) -> Figures:
    """Add up the results of at least one task."""
    candidates = [judged for result in results for judged in result.judged]
    correct = [judged for judged in candidates if judged.correct]
    faulty = [judged for judged in candidates if not judged.correct]
    rejected = [judged for judged in faulty if judged.rejected]
    found_by = Counter(judged.found_by for judged in rejected)
    return Figures(
        tasks=len(results),
        correct=len(correct),
        accepted=sum(is_as_known(judged) for judged in correct),
        faulty=len(faulty),
        rejected=len(rejected),
        undecided=sum(judged.verdict in UNDECIDED for judged in candidates),
        found_by={source: found_by[source] for source in Sources},
        runs=sum(result.runs for result in results) / len(results),
        run_seconds=sum(result.run_seconds for result in results) / len(results),
        own_seconds=sum(result.own_seconds for result in results) / len(results),
        wall_seconds=sum(result.wall_seconds for result in results) / len(results),
        most_seconds=max(result.run_seconds + result.own_seconds for result in results),
    )


def is_as_known(judged: Judged) -> bool:
    """Whether a correct candidate was accepted, or a faulty one rejected."""
    return judged.verdict == "accepted" if judged.correct else judged.rejected


@dataclass(frozen=True, slots=True)
class Mistake:
    """A faulty candidate that was not rejected, or a correct one that was not accepted.

    Attributes:
        seeds: those with which it came to this.
        cause: for a faulty one, why the search for its fault ended; for a correct one, the verdict and the provenance
            of the input that it fails.
        example: what the candidate failed on, with the first of the seeds.
    """

    task: str
    candidate: str
    correct: bool
    cause: str
    seeds: tuple[int, ...]
    example: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "task": self.task,
            "candidate": self.candidate,
            "correct": self.correct,
            "cause": self.cause,
            "seeds": list(self.seeds),
            "counterexample": self.example,
        }


def mistakes(results: Sequence[TaskResult]) -> list[Mistake]:
    """All of them, correct candidates first, then by task, candidate and cause."""
    found: dict[tuple[bool, str, str, str], list[tuple[int, Judged]]] = {}
    for result in results:
        for judged in result.judged:
            if not is_as_known(judged):
                key = not judged.correct, result.task, judged.candidate, _cause(result, judged)
                found.setdefault(key, []).append((result.seed, judged))
    return [
        Mistake(task, candidate, not faulty, cause, tuple(seed for seed, _ in each), each[0][1].counterexample)
        for (faulty, task, candidate, cause), each in sorted(found.items(), key=lambda item: item[0])
    ]


def _cause(result: TaskResult, judged: Judged) -> str:
    if judged.rejected:
        provenance = judged.counterexample["provenance"] if judged.counterexample else "every"
        return f"{judged.verdict} on {provenance} input"
    # Numbers differ from seed to seed and are not what tells causes apart.
    told = re.sub(r"\d+", "N", judged.detail)
    if judged.verdict in UNDECIDED:
        return f"{judged.verdict}: {told}"
    if told:
        return told
    dropped = result.dropped_inputs
    if sum(dropped.values()) > judged.test_cases:
        return f"most inputs dropped, the most of them for: {max(sorted(dropped), key=lambda why: dropped[why])}"
    return "no input shows it"
