"""One problem being verified: which run it needs next, and when it is done.

An input is taken, the oracles run on it, and if they make it a test case every candidate runs on it; then it is
forgotten. So memory holds the answers of the few inputs in progress (and the small test cases, if a suite is to be kept
of them), and a budget that runs out leaves every candidate judged on the same test cases. Outcomes may arrive in any
order; the rows do not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from semi_instruct.harness.inputs.plan import PLANNED_INPUTS, PlannedInputs
from semi_instruct.harness.inputs.source import EXAMPLE, TestInput
from semi_instruct.harness.inputs.sources import ALL_SOURCES, Sources
from semi_instruct.harness.judge.candidate_runs import Judging
from semi_instruct.harness.judge.checker import checker_of
from semi_instruct.harness.judge.consensus import TestCase
from semi_instruct.harness.judge.oracle_record import OracleRecord
from semi_instruct.harness.judge.oracle_runs import Heard, Hearing
from semi_instruct.harness.judge.scorecard import Failure
from semi_instruct.harness.judge.suite import MAX_CHOSEN, kept_suite
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.strength import UNRATED, Merit, Rating
from semi_instruct.harness.problems.verdicts import VerdictRow
from semi_instruct.harness.runs import Run, Work
from semi_instruct.harness.search.mutation_search import INPUTS_A_ROUND, ROUNDS, Proposal
from semi_instruct.harness.search.search_runs import Searching
from semi_instruct.harness.verification.verdict_rows import verdict_rows

# Of the CPU time of a run that a look at the same input takes, about.
LOOK_PART = 0.25
# Of the budget, what examples count for at most when others begin: small inputs may take no time beside them.
EXAMPLES_PART = 0.3
# Of the budget, for looks at probes; then the formats stay as they are.
PROBES_PART = 0.2
# Of the budget, for probes and planned inputs; with the rest many more are looked at, which takes less time for each.
PLANNED_PART = 0.6


@dataclass(slots=True)
class Examination:
    """The state of one problem. Call :meth:`next_run`, run it, call its ``done``; in the end, :meth:`rows`.

    Args:
        seed: see ``harness.inputs.plan``, as ``planned`` and ``sources``.
        budget: CPU seconds after which no further input is taken; None for no such end. What is then in progress is
            finished, so a little more is spent. A candidate is charged what an oracle takes at most: what it wastes
            must not cost the others test cases (``harness.judge.candidate_runs``).
        keeps_suite: whether test cases are held for :meth:`suite`, and looked for even if there is no candidate.
    """

    problem: Problem
    seed: int
    budget: float | None
    planned: int = PLANNED_INPUTS
    sources: Sources = ALL_SOURCES
    keeps_suite: bool = False
    _work: Work = field(init=False)
    _inputs: PlannedInputs = field(init=False)
    _record: OracleRecord = field(init=False)
    _hearing: Hearing = field(init=False)
    _judging: Judging = field(init=False)
    _searching: Searching | None = field(init=False)
    _own: dict[int, frozenset[int]] = field(default_factory=dict)  # inputs for single candidates, and for which
    _held: list[TestCase] = field(default_factory=list)  # for the suite
    _proposed: dict[int, Merit] = field(default_factory=dict)  # what is known of inputs that the search proposed
    _probes_s: float = 0.0  # CPU seconds of looks at probes
    _usual_s: list[float] = field(default_factory=list)  # CPU seconds of an oracle, for each test case
    _taken: int = 0
    _may_look: bool = field(init=False)  # at what programs do with many inputs in one sandbox
    _takes_examples: bool = True
    _has_inputs: bool = True
    _has_means_to_search: bool = True

    def __post_init__(self) -> None:
        if self.problem.examples_only:
            self.planned, self.sources = 0, Sources.EXAMPLES
        self._work = Work(self.budget)
        self._inputs = PlannedInputs(self.problem, self.seed, self.planned, self.sources)
        self._record = OracleRecord(self.problem)
        self._hearing = Hearing(self.problem, self._work, self._record, self._heard)
        self._judging = Judging(self.problem, self._work)
        self._may_look = self.problem.language == "python" and checker_of(self.problem.how_compared) is None
        self._searching = None
        if self._is_searchable():
            self._searching = Searching(self.problem, self.seed, self._work, self._inputs.further, self._propose)
        # Without a candidate there is nothing to decide.
        self._has_inputs = bool(self.problem.candidates) or self.keeps_suite

    def next_run(self) -> Run | None:
        """A run to start now, or None: all is done, or what comes next depends on runs that are not done."""
        while self._work.is_waiting or self._take_input() or self._go_on_searching():
            run = self._work.next_run()
            if run is not None:
                return run
        return None

    def is_done(self) -> bool:
        """Whether every run has been made and recorded. Final once :meth:`next_run` has returned None."""
        is_idle = not self._work.is_running and not self._work.is_waiting
        return is_idle and not self._may_take() and not self._may_search()

    @property
    def is_over_budget(self) -> bool:
        """Whether the budget has put an end to the taking of inputs."""
        return self._work.is_over_budget

    @property
    def spent(self) -> float:
        """CPU seconds of the budget so far."""
        return self._work.spent

    def rows(self) -> list[VerdictRow]:
        """The verdict of each candidate, in the order of the problem, when all is done."""
        findings = self._searching.findings if self._searching else None
        strength = findings.strength if findings else UNRATED
        return verdict_rows(self._judging.cards, self._record, self._work, self._own, strength)

    def failures(self) -> list[Failure | None]:
        """What each of :meth:`rows` shows as its counterexample; None where it has none."""
        cases = self._record.test_cases()
        return [card.shown_failure(cases) for card in self._judging.cards]

    def suite(self) -> Problem:
        """The problem with the few test cases that are kept, when all is done."""
        cases = [] if self._work.fault is not None else self._record.test_cases()
        found = self._searching.findings if self._searching else None
        rating = found.rating.with_merits(self._proposed) if found else Rating()
        return kept_suite(self.problem, cases, self._held, self._judging.cards, rating)

    def _may_take(self) -> bool:
        if self._work.fault is not None or self._taken > self._record.last_that_counts():
            return False
        return self._has_inputs

    def _take_input(self) -> bool:
        """Take the next input, if there is one and it is worth it, and line up its oracles."""
        if not self._may_take():
            return False
        test_input = self._inputs.take()
        if test_input is None:
            self._has_inputs = self._inputs.may_have_more()
            return False
        if self._is_too_late_for(test_input):
            self._has_inputs = False
            return False
        if test_input.probe and self._may_look:
            self._look_at([test_input, *self._inputs.take_rest()])
        else:
            self._ask_oracles(test_input)
        return True

    def _is_too_late_for(self, test_input: TestInput) -> bool:
        if test_input.provenance == EXAMPLE:
            return self._work.check_budget()
        if self._takes_examples:
            self._takes_examples = False
            self._work.forget_all_but(EXAMPLES_PART)
        return self._work.check_budget(PLANNED_PART if self._searching else 1.0)

    def _look_at(self, probes: list[TestInput]) -> None:
        first = self._taken
        self._taken += len(probes)

        def seen(valid: list[bool]) -> None:
            self._probes_s += self._work.spent - before
            for place, is_valid in enumerate(valid, first):
                self._inputs.report(place, is_valid)

        before = self._work.spent
        if self._work.budget is not None and self._probes_s >= PROBES_PART * self._work.budget:
            self._work.note_over_budget()
            seen([False] * len(probes))
        else:
            self._hearing.look(probes, seen)

    def _ask_oracles(self, test_input: TestInput, candidates: frozenset[int] | None = None) -> None:
        """Line up the oracles' runs on an input, which in the end is for these candidates; None for all."""
        index = self._taken
        self._taken += 1
        if candidates is not None:
            self._own[index] = candidates
        self._hearing.ask(index, test_input)

    def _heard(self, heard: Heard) -> None:
        case = heard.result
        self._inputs.report(heard.index, valid=isinstance(case, TestCase))
        if not isinstance(case, TestCase) or heard.input.probe:
            return
        candidates = self._own.get(heard.index, range(len(self.problem.candidates)))
        usual_s = heard.seconds / len(self.problem.oracles)
        self._usual_s.append(usual_s)
        is_own = heard.index in self._own
        self._judging.line_up(case, usual_s, heard.slowest_s, sorted(candidates), is_own=is_own)
        if self._searching is not None:
            self._searching.keep(case)
        if self.keeps_suite and case.size <= MAX_CHOSEN:
            self._held.append(case)

    def _is_searchable(self) -> bool:
        return self._may_look and self.sources >= Sources.FEEDBACK and self.planned > 0

    def _may_search(self) -> bool:
        """Whether a search goes on, or is to begin when all that runs has ended."""
        if self._searching is None or self._work.fault is not None or not self._has_means_to_search:
            return False
        if self._searching.has_begun:
            return self._searching.may_go_on()
        return self._searching.may_begin() and not self._may_take() and self._record.last_that_counts() == float("inf")

    def _go_on_searching(self) -> bool:
        """Line up what the search asks for now, if there is one and it is its time."""
        if self._searching is None or self._work.is_running or not self._may_search():
            return False
        if self._work.check_budget():
            self._has_means_to_search = False
            return False
        if not self._searching.has_begun:
            unfailed, inputs = self._judging.unfailed(), self._inputs_a_round(len(self._judging.unfailed()))
            self._searching.begin(unfailed, self._judging.has_failed, self._judging.may_go_on, inputs)
        self._searching.line_up()
        return self._work.is_waiting

    def _inputs_a_round(self, candidates: int) -> int:
        """How many inputs a search can afford to look at, a round."""
        if self._work.budget is None or not self._work.is_over_budget:
            return INPUTS_A_ROUND
        left = (self._work.budget - self._work.spent) / ROUNDS
        each = LOOK_PART * sum(self._usual_s) / len(self._usual_s) * (len(self.problem.oracles) + candidates)
        return max(1, min(INPUTS_A_ROUND, int(left / each)))

    def _propose(self, proposal: Proposal) -> None:
        self._proposed[self._taken] = Merit(mutants=proposal.mutants)
        self._ask_oracles(proposal.input, proposal.candidates)
