"""Judges one task and measures what it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from benchmarks.verifying.tasks import Task
from semi_instruct.engine import Engine, Outcome
from semi_instruct.harness.inputs.sources import Sources
from semi_instruct.harness.parallel.processes import Work
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.verification.scheduler import verify

# Neither accepted nor rejected: too little of the candidate was judged.
UNDECIDED = frozenset({Verdict.UNDECIDED, Verdict.NO_ORACLE, Verdict.SANDBOX_ERROR})


class Judged(msgspec.Struct, frozen=True):
    """A candidate, what is known of it, and what was found; see ``harness.problems.verdicts.VerdictRow``."""

    candidate: str
    correct: bool
    verdict: Verdict
    passed: int
    test_cases: int
    detail: str
    counterexample: dict[str, Any] | None

    @property
    def rejected(self) -> bool:
        """Whether it was found to be wrong."""
        return self.verdict is not Verdict.ACCEPTED and self.verdict not in UNDECIDED

    @property
    def found_by(self) -> Sources:
        """The source of the first input that it fails. What does not even compile fails on every one."""
        return Sources.of(self.counterexample["provenance"]) if self.counterexample else Sources.EXAMPLES


Key = tuple[Sources, int, str]


@dataclass(frozen=True, slots=True)
class Job:
    """A task to be judged.

    Attributes:
        sources: how far the search for inputs is to go.
        seed: of the inputs, and of the split into oracles and candidates.
        budget: CPU seconds.
    """

    task: Task
    sources: Sources
    seed: int
    budget: float

    @property
    def key(self) -> Key:
        """What tells it from the other jobs on the same data."""
        return self.sources, self.seed, self.task.problem.id


class TaskResult(msgspec.Struct, frozen=True):
    """The candidates of a task, judged.

    Attributes:
        sources, seed, task: of the job; the task by its id.
        dropped_inputs: by reason.
        runs: programs run, oracles and candidates.
        run_seconds: CPU seconds of these runs.
        own_seconds: CPU seconds of the harness itself: making inputs, comparing, feeding the sandboxes.
        wall_seconds: how long it took in one process, beside others.
    """

    sources: Sources
    seed: int
    task: str
    oracles: int
    dropped_inputs: dict[str, int]
    runs: int
    run_seconds: float
    own_seconds: float
    wall_seconds: float
    judged: tuple[Judged, ...]

    @property
    def key(self) -> Key:
        """That of the job."""
        return self.sources, self.seed, self.task


@contextmanager
def workplace() -> Iterator[Work[Job, TaskResult]]:
    """What a process needs to judge jobs (``harness.parallel.processes``): one sandbox, as each core has a process."""
    with Engine(workers=1) as engine:
        yield lambda job, _: judge(job, engine)


def judge(job: Job, engine: Engine) -> TaskResult:
    """Verify one task, alone, so that all that is measured is its own.

    Raises:
        SandboxUnavailable: from the engine.
    """
    outcomes: list[float] = []

    def on_run(outcome: Outcome) -> None:
        outcomes.append(outcome.cpu_time_s)

    started, own = time.perf_counter(), time.process_time()
    problem = job.task.problem
    rows = list(verify([problem], engine, seed=job.seed, budget=job.budget, sources=job.sources, on_run=on_run))
    return TaskResult(
        sources=job.sources,
        seed=job.seed,
        task=problem.id,
        oracles=len(problem.oracles),
        dropped_inputs=rows[0].dropped_inputs if rows else {},
        runs=len(outcomes),
        run_seconds=sum(outcomes),
        own_seconds=time.process_time() - own,
        wall_seconds=time.perf_counter() - started,
        judged=tuple(_judged(row, row.candidate in job.task.correct) for row in rows),
    )


def lost(job: Job, why: str) -> TaskResult:
    """What is said of a job on which processes die: nothing of its candidates."""
    judged = tuple(
        Judged(candidate.id, candidate.id in job.task.correct, Verdict.SANDBOX_ERROR, 0, 0, why, None)
        for candidate in job.task.problem.candidates
    )
    return TaskResult(job.sources, job.seed, job.task.problem.id, 0, {}, 0, 0.0, 0.0, 0.0, judged)


def _judged(row: VerdictRow, correct: bool) -> Judged:
    return Judged(
        candidate=row.candidate,
        correct=correct,
        verdict=row.verdict,
        passed=row.passed,
        test_cases=row.test_cases,
        detail=row.detail,
        counterexample=row.counterexample.to_json() if row.counterexample else None,
    )
