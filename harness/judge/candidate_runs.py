"""The candidates of a problem being run on its test cases, and their answers judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from semi_instruct.engine import Limits, Outcome, Status
from semi_instruct.harness.inputs.source import largest_example
from semi_instruct.harness.judge.checker import (
    CHECKER_LIMITS,
    Finding,
    Judgement,
    check,
    checker_of,
    judgement_of,
    question,
)
from semi_instruct.harness.judge.consensus import TestCase, answer_of
from semi_instruct.harness.judge.resource_rule import is_excused
from semi_instruct.harness.judge.scorecard import Scorecard
from semi_instruct.harness.judge.time_rule import candidate_limits, confirming
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.runs import Run, Work

# A candidate that takes more than so many times its share of the budget, an oracle's share being as large, is judged on
# fewer test cases. So one that wastes time costs a problem little, and the other candidates not a test case. To sleep
# wastes time, too (``Scorecard.taken_s``).
SHARES = 4.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """A run of a candidate on a test case.

    Attributes:
        limits: of the candidate on this input.
        usual_s: CPU seconds that an oracle takes on it, as a mean.
        number: the candidate's place.
    """

    case: TestCase
    limits: Limits
    usual_s: float
    number: int


class Judging:
    """Runs candidates, and the checker on their answers where there is one.

    Attributes:
        cards: what is known of each candidate, in the order of the problem.
    """

    def __init__(self, problem: Problem, work: Work) -> None:
        largest = largest_example(problem)
        self.cards = [Scorecard(problem, candidate, largest) for candidate in problem.candidates]
        self._problem = problem
        self._work = work
        self._programs = [problem.program(candidate.source) for candidate in problem.candidates]
        self._checker = checker_of(problem.how_compared)
        self._allowance: float | None = None
        if work.budget is not None:
            self._allowance = SHARES * work.budget / (len(problem.candidates) + len(problem.oracles))

    def line_up(
        self, case: TestCase, usual_s: float, slowest_s: float, candidates: Iterable[int], *, is_own: bool = False
    ) -> None:
        """Line up runs on a test case.

        Args:
            usual_s: CPU seconds that an oracle takes on it, as a mean; the most that a candidate's run is charged.
            slowest_s: those of the slowest oracle.
            candidates: those to be run, by place.
            is_own: see ``Scorecard.is_wanted``.
        """
        limits = candidate_limits(self._problem.limits, slowest_s)
        for number in candidates:
            self._work.line_up(partial(self._first_run, _Asked(case, limits, usual_s, number), is_own))

    def has_means(self, number: int) -> bool:
        """Whether a candidate has not used up the time that is its own."""
        return self._allowance is None or self.cards[number].taken_s < self._allowance

    def has_failed(self, number: int) -> bool:
        """Whether a run of a candidate so far was not accepted."""
        return self.cards[number].has_failed

    def unfailed(self) -> list[int]:
        """The candidates, by place, that have not failed."""
        return [number for number, card in enumerate(self.cards) if not card.has_failed]

    def may_go_on(self, number: int) -> bool:
        """Whether a candidate has means to be run on more inputs; if not, it is noted that it was not."""
        if not self.has_means(number):
            self.cards[number].leave_unsearched()
            return False
        return True

    def _first_run(self, asked: _Asked, is_own: bool) -> Run | None:
        card = self.cards[asked.number]
        if card.is_settled_before(asked.case.index):
            return None
        if not card.is_wanted(asked.case, has_means=self.has_means(asked.number), is_own=is_own):
            return None
        return self._run(asked, asked.limits)

    def _run(self, asked: _Asked, limits: Limits) -> Run:
        card, case = self.cards[asked.number], asked.case

        def done(outcome: Outcome) -> None:
            self._work.spent += min(asked.usual_s, outcome.cpu_time_s)
            if outcome.status is Status.TIME_LIMIT and limits.wall_time is None:
                card.charge(outcome)
                self._work.line_up_first(partial(self._run, asked, confirming(limits)))
            elif is_excused(outcome.status, beyond=case.input.beyond, oracles=case.uses, limits=self._problem.limits):
                card.excuse(case, outcome)
            else:
                self._judge(case, card, outcome)

        program = self._programs[asked.number]
        return Run(program, case.input.stdin, case.input.args or (), limits, done, Status.COMPILE_ERROR)

    def _judge(self, case: TestCase, card: Scorecard, outcome: Outcome) -> None:
        """Have a candidate's answer checked if a checker decides, and the run recorded."""
        answer = answer_of(self._problem, outcome)
        if self._checker is None or answer is None:
            card.record(case, outcome)
            return
        asked = question(case.input, case.expected, answer)
        if asked == question(case.input, case.expected, case.expected):
            card.record(case, outcome, Judgement(Finding.ACCEPTED))
            return
        self._check(case, card, outcome, asked, CHECKER_LIMITS)

    def _check(self, case: TestCase, card: Scorecard, outcome: Outcome, asked: bytes, limits: Limits) -> None:
        assert self._checker is not None

        def checked(said: Outcome) -> None:
            judgement = judgement_of(said)
            if judgement.finding in (Finding.FAILED, Finding.UNKNOWN):
                card.charge_checker(said)
            if said.status is Status.TIME_LIMIT and limits.wall_time is None:
                self._check(case, card, outcome, asked, confirming(limits))
            else:
                card.record(case, outcome, judgement)

        # First of all: what waits for it holds outputs in memory.
        self._work.line_up_first(check(self._checker, asked, checked, limits))
