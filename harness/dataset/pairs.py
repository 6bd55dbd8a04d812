"""Pairs of instruction and code, with their verdicts; and instructions for natural codes."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Literal

import msgspec

from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.problems.schema import Example, Problem
from semi_instruct.harness.problems.strength import Strength
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.synthesis.proposals import Adapter, Ask, Proposal, Rejection

PEOPLE = "people"
FROM_EXAMPLES = "examples"
_MAX_SHOWN = 3
_MAX_SHOWN_CHARACTERS = 600


class Evidence(StrEnum):
    """What supports the claim that the code is right."""

    ORACLE = "oracle"  # it answers every test case like one natural code
    CONSENSUS = "consensus"  # it answers like several natural codes that agree
    AGREEMENT = "agreement"  # it answers like independent candidates and model-written tests
    EXECUTED = "executed"  # it runs, always gives the same answer, and reproduces the examples


class Pair(msgspec.Struct, frozen=True, omit_defaults=True):
    """An instruction and a code, judged.

    Attributes:
        task: id of its task.
        code: id of its code, unique within the task.
        written_by: ``people``, or the name of the generator.
        instruction_by: ``people``, the name of the generator, or ``examples`` if the instruction only shows examples.
        kind, entry, language: how the code is called.
        oracles: ids of the natural codes that judged it.
        passed, test_cases: test cases that it passed, and all of them.
        suite: index of its suite in ``JudgedTask.suites``.
        judged_source: the source that ran in its place; empty if it ran itself.
        adapter: turns it into a whole program, if it is a function and its task is for whole programs.
        pass_rate: share of the candidates of its task that were accepted.
        round_trip: share of codes written from its instruction alone that pass; None if there are none.
    """

    task: str
    code: str
    instruction: str
    source: str
    kind: Literal["stdin", "function"]
    evidence: Evidence
    verdict: Verdict
    written_by: str = PEOPLE
    instruction_by: str = PEOPLE
    entry: str | None = None
    language: str = "python"
    oracles: tuple[str, ...] = ()
    passed: int = 0
    test_cases: int = 0
    branch_coverage: float | None = None
    mutants_killed: float | None = None
    suite: int = 0
    counterexample: dict[str, Any] | None = None
    detail: str = ""
    judged_source: str = ""
    adapter: Adapter | None = None
    pass_rate: float | None = None
    round_trip: float | None = None
    origin: str | None = None
    licence: str | None = None

    @property
    def id(self) -> str:
        """Unique in the dataset."""
        return f"{self.task}/{self.code}"

    @property
    def proposal(self) -> Proposal:
        """The instruction and code as a generator proposed them."""
        return Proposal(Ask(self.instruction, self.kind, self.entry, self.adapter), self.source, self.code)

    @property
    def rejection(self) -> Rejection:
        """The verdict with its counterexample."""
        found = self.counterexample or {}
        return Rejection(self.verdict, found.get("input"), found.get("expected"), found.get("actual"), self.detail)

    @property
    def runs_as(self) -> str:
        """The source that runs when the pair is judged."""
        return self.judged_source or self.source

    @property
    def strength(self) -> Strength:
        """The strength of the test cases that judged it."""
        return Strength(self.branch_coverage, self.mutants_killed)

    def judged(self, row: VerdictRow) -> Pair:
        """This pair with a verdict."""
        return msgspec.structs.replace(
            self,
            verdict=row.verdict,
            passed=row.passed,
            test_cases=row.test_cases,
            branch_coverage=row.strength.branch_coverage,
            mutants_killed=row.strength.mutants_killed,
            counterexample=row.counterexample.to_json() if row.counterexample else None,
            detail=row.detail,
        )


class JudgedTask(msgspec.Struct, frozen=True):
    """The judged pairs of a task.

    Attributes:
        suites: the kept test cases, as rows that ``verify`` reads, without candidates.
        dropped_inputs: number of inputs that did not become test cases, by reason.
    """

    pairs: tuple[Pair, ...] = ()
    suites: tuple[dict[str, Any], ...] = ()
    dropped_inputs: dict[str, int] = {}

    def with_more(self, other: JudgedTask) -> JudgedTask:
        """The pairs of both, as those of one task. Equal suites are merged."""
        suites = list(self.suites)
        indices: list[int] = []
        for suite in other.suites:
            if suite not in suites:
                suites.append(suite)
            indices.append(suites.index(suite))
        moved = [msgspec.structs.replace(pair, suite=indices[pair.suite]) for pair in other.pairs]
        counts = {
            name: self.dropped_inputs.get(name, 0) + other.dropped_inputs.get(name, 0)
            for name in sorted({*self.dropped_inputs, *other.dropped_inputs})
        }
        return JudgedTask((*self.pairs, *moved), tuple(suites), counts)


def suite_row(problem: Problem) -> dict[str, Any]:
    """A kept suite as a row for ``verify``, without test cases that are not valid Unicode."""
    plain: dict[str, Any] = msgspec.to_builtins(problem.to_json())
    plain["examples"] = [example for example in plain["examples"] if _is_text(example)]
    return {name: value for name, value in plain.items() if name != "candidates"}


def _is_text(example: Any) -> bool:
    """Whether all its text is valid Unicode; files cannot hold anything else."""
    try:
        json.dumps(example, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def instruction_of(task: Task) -> tuple[str, str]:
    """The instruction of a natural code and its origin: the corpus (``people``) or else its ``examples``."""
    if task.statement:
        return task.statement.strip(), PEOPLE
    shown = [text for example in task.examples if (text := _shown(task, example)) is not None][:_MAX_SHOWN]
    what = f": {task.title.rstrip('.')}." if task.title else "."
    if task.kind == "function":
        head = f"Write a Python function `{task.entry}`{what}"
    else:
        head = f"Write a Python program that reads its input from stdin and prints the answer{what}"
    written_by = PEOPLE if task.title else FROM_EXAMPLES
    return "\n\n".join([head, *shown]), written_by


def _shown(task: Task, example: Example) -> str | None:
    """An example with its output as text for people; None if it has no output or is too long."""
    if example.output is msgspec.UNSET:
        return None
    if task.kind == "function":
        arguments = ", ".join(repr(argument) for argument in example.input)
        text = f"Example: `{task.entry}({arguments})` returns `{example.output!r}`"
    else:
        text = f"Example input:\n{example.input.rstrip()}\n\nExample output:\n{example.output.rstrip()}"
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else None
