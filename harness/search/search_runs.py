"""The search of a problem (``mutation_search``) as it is driven: when it begins, and which runs it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from semi_instruct.engine import Outcome, Status
from semi_instruct.harness.inputs.source import TestInput
from semi_instruct.harness.judge.consensus import TestCase
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.runs import Ask, Conversation, Run, Work
from semi_instruct.harness.search.mutation_search import Findings, Proposal, search

# Bytes of a test case that a search works with.
_MAX_SEARCHED = 1 << 14


@dataclass(slots=True)
class Searching:
    """At most one search.

    Args:
        further, propose: see ``harness.search.mutation_search.search``.

    Attributes:
        findings: None until the search has ended.
    """

    problem: Problem
    seed: int
    work: Work
    further: Callable[[int], Sequence[TestInput]]
    propose: Callable[[Proposal], None]
    findings: Findings | None = None
    _cases: list[TestCase] = field(default_factory=list)
    _steps: Conversation[Findings] | None = None

    def keep(self, case: TestCase) -> None:
        """Give a test case to a search that has not begun."""
        if self._steps is None and case.size <= _MAX_SEARCHED:
            self._cases.append(case)

    @property
    def has_begun(self) -> bool:
        """Whether it has begun; it may have ended."""
        return self._steps is not None

    def may_begin(self) -> bool:
        """Whether there is something to begin with."""
        return self._steps is None and bool(self._cases)

    def may_go_on(self) -> bool:
        """Whether it has begun and not ended."""
        return self._steps is not None and not self._steps.is_over

    def begin(
        self,
        unfailed: Sequence[int],
        has_failed: Callable[[int], bool],
        may_go_on: Callable[[int], bool],
        inputs: int,
    ) -> None:
        """Begin, with the test cases kept.

        Args:
            unfailed, has_failed, may_go_on, inputs: see ``harness.search.mutation_search.search``.
        """
        cases = sorted(self._cases, key=lambda case: case.index)
        steps = search(
            self.problem, self.seed, cases, unfailed, has_failed, may_go_on, inputs, self.further, self.propose
        )
        self._steps = Conversation(steps, self._end)

    def line_up(self) -> None:
        """Line up what it asks for now; nothing while answers are missing."""
        if self._steps is not None:
            for number, ask in self._steps.next_asks():
                self.work.line_up(partial(self._run, self._steps, number, ask))

    def _run(self, steps: Conversation[Findings], number: int, ask: Ask) -> Run:
        def done(outcome: Outcome) -> None:
            self.work.spent += min(outcome.cpu_time_s, ask.most_charged_s)
            steps.answer(number, outcome)

        return Run(ask.program, ask.stdin, ask.args, ask.limits, done, Status.COMPILE_ERROR)

    def _end(self, findings: Findings) -> None:
        self.findings = findings
