"""Eighth stage: judge the pairs to be exported once more, by the exported test cases alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from semi_instruct.harness.dataset.pairs import JudgedTask, Pair
from semi_instruct.harness.dataset.stages import DIVERSIFY, REPLAY
from semi_instruct.harness.dataset.stages.retention import Retained
from semi_instruct.harness.dataset.stages.stage import Build
from semi_instruct.harness.dataset.stages.validation import judged_at
from semi_instruct.harness.dataset.state import Drop
from semi_instruct.harness.parallel.processes import Report
from semi_instruct.harness.problems.schema import parse_row
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.runs import Executor
from semi_instruct.harness.verification.scheduler import judge


class Replayed(msgspec.Struct, frozen=True):
    """The pairs of a task that passed every exported test case, by id, and those that did not."""

    pairs: tuple[str, ...] = ()
    dropped: tuple[Drop, ...] = ()


class ReplayWork(msgspec.Struct, frozen=True):
    """Rows of the problem file, and the pair that each of their candidates is.

    Attributes:
        rows: as JSON texts.
    """

    rows: tuple[str, ...]
    budget: float


def replay(build: Build) -> None:
    """Judge the pairs that are left by the rows that will be exported."""
    build.each_on_cores(
        REPLAY,
        lambda index: ReplayWork(
            tuple(json.dumps(row) for row in problem_rows(judged_at(build, index), kept_at(build, index, DIVERSIFY))),
            build.settings.budget,
        ),
        replayed,
        lost=lambda work, why: Replayed((), tuple(_lost(work, why))),
        drops=lambda done: done.dropped,
    )


def kept_at(build: Build, index: int, stage: str) -> tuple[str, ...]:
    """Ids of the pairs of a task that a stage kept."""
    if stage == REPLAY:
        done = build.state.get(REPLAY, index, Replayed)
        return done.pairs if done else ()
    found = build.state.get(stage, index, Retained)
    return found.pairs if found else ()


def problem_rows(judged: JudgedTask, kept: Sequence[str]) -> list[dict[str, Any]]:
    """The retained pairs of a task as rows for ``verify``, a row for each suite, its test cases and no others."""
    rows: list[dict[str, Any]] = []
    wanted = [pair for pair in judged.pairs if pair.id in frozenset(kept)]
    tasks = dict.fromkeys((pair.task, pair.suite) for pair in wanted)
    rows_of: Counter[str] = Counter()
    for task, suite in tasks:
        pairs = [pair for pair in wanted if (pair.task, pair.suite) == (task, suite)]
        rows_of[task] += 1
        row = {name: value for name, value in judged.suites[suite].items() if name != "suite"}
        # A # in the task's id is doubled, so that no other task can have the name of a second row.
        name = task.replace("#", "##")
        row["id"] = f"{name}#{rows_of[task]}" if rows_of[task] > 1 else name
        row["examples_only"] = True
        row["candidates"] = [
            {"id": pair.id, "source": pair.runs_as, "expect": Verdict.ACCEPTED.value} for pair in pairs
        ]
        rows.append(row)
    return rows


def replayed(engine: Executor, work: ReplayWork, report: Report) -> Replayed:
    """Which candidates of the rows are accepted."""
    kept: list[str] = []
    dropped: list[Drop] = []
    for text in work.rows:
        problem = parse_row(text, "the rows to be exported", 1)
        [judged] = judge([problem], engine, budget=work.budget, on_run=lambda _: report(1))
        for row in judged.rows:
            if row.verdict is Verdict.ACCEPTED:
                kept.append(row.candidate)
            else:
                dropped.append(Drop(row.candidate, f"replay_{row.verdict.value}", row.detail))
    return Replayed(tuple(kept), tuple(dropped))


def _lost(work: ReplayWork, why: str) -> Iterable[Drop]:
    for text in work.rows:
        for candidate in json.loads(text)["candidates"]:
            yield Drop(candidate["id"], "replay_sandbox_error", why)


def retained_pairs(build: Build, index: int) -> list[Pair]:
    """The pairs of a task that are in the dataset, best first."""
    by_id = {pair.id: pair for pair in judged_at(build, index).pairs}
    kept = frozenset(kept_at(build, index, REPLAY))
    return [by_id[name] for name in kept_at(build, index, DIVERSIFY) if name in kept]
