"""A generator for tests: proposes what it was given, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from semi_instruct.harness.dataset.proposing import Ask, Proposal, Rewritten, Usage
from semi_instruct.harness.dataset.tasks import NaturalCode, Task
from semi_instruct.harness.problems.schema import Example
from semi_instruct.harness.synthesis.steps import Rejection


@dataclass
class FakeGenerator:
    """Says by task, or by instruction, what is prepared for it."""

    name: str = "fake 1"
    lanes: int = 1
    rewrites: dict[str, list[Proposal]] = field(default_factory=dict)
    given_inputs: dict[str, list[Any]] = field(default_factory=dict)
    inventions: list[Ask] = field(default_factory=list)
    solutions: dict[str, list[str]] = field(default_factory=dict)
    written_tests: dict[str, list[Example]] = field(default_factory=dict)
    instructions: dict[str, str] = field(default_factory=dict)
    repairs: dict[str, str] = field(default_factory=dict)
    told: list[Rejection] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def usage(self) -> Usage:
        return Usage(len(self.asked))

    def rewrite(self, task: Task, code: NaturalCode, samples: int, seed: int) -> Rewritten:
        self.asked.append(f"rewrite {task.id}/{code.id}")
        return Rewritten(tuple(self.rewrites.get(task.id, [])[:samples]))

    def instruct(self, task: Task, ask: Ask, source: str, seed: int) -> str | None:
        self.asked.append(f"instruct {task.id}")
        return self.instructions.get(source)

    def inputs(self, task: Task, code: NaturalCode, seed: int) -> Sequence[Any]:
        return self.given_inputs.get(task.id, [])

    def invent(self, seeds: Sequence[str], samples: int, seed: int) -> Sequence[Ask]:
        self.asked.append(f"invent {len(seeds)}")
        return self.inventions

    def solve(self, ask: Ask, samples: int, seed: int) -> Sequence[str]:
        self.asked.append(f"solve {ask.instruction}")
        return self.solutions.get(ask.instruction, [])[:samples]

    def tests(self, ask: Ask, seed: int) -> Sequence[Example]:
        return self.written_tests.get(ask.instruction, [])

    def repair(self, ask: Ask, source: str, rejection: Rejection, seed: int) -> str | None:
        self.told.append(rejection)
        return self.repairs.get(source)
