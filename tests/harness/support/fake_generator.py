"""A generator for tests: proposes what it was given, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from semi_instruct.harness.problems.schema import Example, Problem
from semi_instruct.harness.synthesis.proposals import Ask, Proposal, Rejection, Repair, Subject, Usage, Written


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
    rejections: list[Rejection] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def usage(self) -> Usage:
        return Usage(len(self.asked))

    def rewrite(self, subject: Subject, samples: int, seed: int, first: int = 0) -> Written[Proposal]:
        self.asked.append(f"rewrite {subject.id}")
        return Written(tuple(self.rewrites.get(subject.problem.id, [])[:samples]))

    def instruct(self, problem: Problem, ask: Ask, source: str, seed: int) -> Written[str]:
        self.asked.append(f"instruct {problem.id}")
        return Written((self.instructions[source],) if source in self.instructions else ())

    def inputs(self, subject: Subject, seed: int) -> Sequence[Any]:
        return self.given_inputs.get(subject.problem.id, [])

    def invent(self, seeds: Sequence[str], samples: int, seed: int) -> Sequence[Ask]:
        self.asked.append(f"invent {len(seeds)}")
        return self.inventions

    def solve(self, ask: Ask, samples: int, seed: int) -> Sequence[str]:
        self.asked.append(f"solve {ask.instruction}")
        return self.solutions.get(ask.instruction, [])[:samples]

    def tests(self, ask: Ask, seed: int) -> Sequence[Example]:
        return self.written_tests.get(ask.instruction, [])

    def repair(self, repair: Repair, seed: int) -> Written[str]:
        self.rejections.append(repair.rejection)
        source = repair.proposal.source
        return Written((self.repairs[source],) if source in self.repairs else ())
