"""One problem being verified, from its inputs to the verdicts.

    input -> oracles run on it -> test case, or dropped -> every candidate runs on it -> scorecards -> verdicts

An input is taken when the engine has room for runs, and forgotten when every candidate has been judged on it. So memory
holds the answers for the few inputs in progress (and the small test cases, if a suite is to be kept), and a budget that
runs out leaves every candidate judged on the same test cases. After the planned inputs, a search looks for further ones
(``search.mutation_search``). Outcomes may arrive in any order; the rows do not depend on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from semi_instruct.engine import Outcome
from semi_instruct.harness.inputs.plan import PLANNED_INPUTS, PlannedInputs
from semi_instruct.harness.inputs.source import EXAMPLE, TestInput, largest_example
from semi_instruct.harness.inputs.sources import ALL_SOURCES, Sources
from semi_instruct.harness.judge.consensus import Drop, TestCase
from semi_instruct.harness.judge.oracle_record import OracleRecord
from semi_instruct.harness.judge.rules import OracleResult, Rules
from semi_instruct.harness.judge.scorecard import Failure, Scorecard
from semi_instruct.harness.judge.suite import MAX_CHOSEN, kept_suite
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.strength import UNRATED, Merit, Rating
from semi_instruct.harness.problems.verdicts import VerdictRow
from semi_instruct.harness.runs import Conversation, Run, RunQueue, Steps, observed
from semi_instruct.harness.search.mutation_search import INPUTS_A_ROUND, ROUNDS, Findings, Proposal, search
from semi_instruct.harness.verification.verdict_rows import verdict_rows

# The first inputs are run on each oracle a second time under varied conditions (``engine.Determinism``), to see whether
# its answer is a function of the input. A single oracle gets more of them, because no other oracle can disagree with
# it.
VARIED_INPUTS = 2
VARIED_INPUTS_OF_ONE = 8
# A candidate that takes more than this many times its share of the budget is judged on fewer test cases. The budget is
# shared equally by oracles and candidates. Sleep counts, too (``Scorecard.taken_s``).
SHARES = 4.0
# CPU seconds for an oracle to answer a few probes in one batch. Probes that take longer count as invalid: the test
# cases that they stand for would take the time of many others.
_PROBES_CPU_S = 0.5
# Approximate CPU time of an input in a batch, relative to a run in a fresh sandbox.
BATCH_PART = 0.25
# The most that examples count for, as a part of the budget. Other inputs are often smaller and take little time.
EXAMPLES_PART = 0.3
# The part of the budget for probes. After it the formats stay as they are.
PROBES_PART = 0.2
# The part of the budget for probes and planned inputs. The search runs many more in batches, which takes less time
# each.
PLANNED_PART = 0.6
# Bytes of a test case that a search works with.
_MAX_SEARCHED = 1 << 14


@dataclass(slots=True)
class Session:
    """The state of one problem. Call :meth:`next_run`, run it, call its ``done``; at the end, :meth:`rows`.

    Args:
        seed: see ``harness.inputs.plan``, as ``planned`` and ``sources``.
        budget: CPU seconds after which no further input is taken; None for no limit. What is then in progress is
            finished, so a little more is spent. A candidate's run is charged at most what an oracle takes, so it cannot
            cost the others test cases.
        keeps_suite: whether test cases are kept for :meth:`suite`, and looked for even if there is no candidate.
    """

    problem: Problem
    seed: int
    budget: float | None
    planned: int = PLANNED_INPUTS
    sources: Sources = ALL_SOURCES
    keeps_suite: bool = False
    _queue: RunQueue = field(init=False)
    _rules: Rules = field(init=False)
    _inputs: PlannedInputs = field(init=False)
    _record: OracleRecord = field(init=False)
    _cards: list[Scorecard] = field(init=False)
    _allowance_s: float | None = None  # for one candidate, after which it is judged on fewer test cases
    _taken: int = 0  # inputs
    _next_input: TestInput | None = None  # that waits until the examples are charged
    _takes_examples: bool = True
    _has_inputs: bool = True
    _own: dict[int, frozenset[int]] = field(default_factory=dict)  # inputs for single candidates, and for which
    _kept: list[TestCase] = field(default_factory=list)  # for the suite
    _probes_s: float = 0.0  # CPU seconds of batches of probes
    _oracle_s: list[float] = field(default_factory=list)  # mean CPU seconds of an oracle, for each test case
    _search: Conversation[Findings] | None = None
    _searched: list[TestCase] = field(default_factory=list)  # that the search begins with
    _proposed: dict[int, Merit] = field(default_factory=dict)  # what is known of inputs that the search proposed
    _findings: Findings | None = None
    _has_means_to_search: bool = True

    def __post_init__(self) -> None:
        if self.problem.examples_only:
            self.planned, self.sources = 0, Sources.EXAMPLES
        self._queue = RunQueue(self.budget)
        self._rules = Rules(self.problem)
        self._inputs = PlannedInputs(self.problem, self.seed, self.planned, self.sources)
        self._record = OracleRecord(self.problem)
        largest = largest_example(self.problem)
        self._cards = [Scorecard(self.problem, candidate, largest) for candidate in self.problem.candidates]
        if self.budget is not None:
            self._allowance_s = SHARES * self.budget / (len(self.problem.candidates) + len(self.problem.oracles))
        # Without a candidate there is nothing to decide.
        self._has_inputs = bool(self.problem.candidates) or self.keeps_suite

    def next_run(self) -> Run | None:
        """A run to start now, or None: all is done, or what comes next depends on runs that are not done."""
        while self._queue.is_waiting or self._take_input() or self._continue_search():
            run = self._queue.next_run()
            if run is not None:
                return run
        return None

    def is_done(self) -> bool:
        """Whether every run has been made and recorded. Final once :meth:`next_run` has returned None."""
        return self._queue.is_idle and not self._may_take() and not self._may_search()

    @property
    def is_over_budget(self) -> bool:
        """Whether the budget, or a part of it, has ended something."""
        return self._queue.is_over_budget

    @property
    def spent(self) -> float:
        """CPU seconds of the budget so far."""
        return self._queue.spent

    def rows(self) -> list[VerdictRow]:
        """The verdict of each candidate, in the order of the problem, when all is done."""
        strength = self._findings.strength if self._findings else UNRATED
        return verdict_rows(self._cards, self._record, self._queue, self._own, strength)

    def failures(self) -> list[Failure | None]:
        """What each of :meth:`rows` has as its counterexample; None where it has none."""
        cases = self._record.test_cases()
        return [card.shown_failure(cases) for card in self._cards]

    def suite(self) -> Problem:
        """The problem with the few test cases that are kept, when all is done."""
        cases = [] if self._queue.fault is not None else self._record.test_cases()
        rating = self._findings.rating.with_merits(self._proposed) if self._findings else Rating()
        return kept_suite(self.problem, cases, self._kept, self._cards, rating)

    # Inputs.

    def _may_take(self) -> bool:
        if self._queue.fault is not None or self._taken > self._record.last_that_counts():
            return False
        return self._has_inputs

    def _take_input(self) -> bool:
        """Take the next input, if there is one and the budget allows it, and have the oracles run on it."""
        if not self._may_take():
            return False
        test_input = self._next_input or self._inputs.take()
        self._next_input = None
        if test_input is None:
            self._has_inputs = self._inputs.may_have_more()
            return False
        if self._must_wait_for_examples(test_input):
            self._next_input = test_input
            return False
        if self._is_too_late_for(test_input):
            self._has_inputs = False
            return False
        if test_input.probe and self._may_batch:
            self._run_probes([test_input, *self._inputs.take_rest()])
        else:
            self._run_oracles(test_input)
        return True

    def _must_wait_for_examples(self, test_input: TestInput) -> bool:
        """Whether runs on examples have to end first, so that what they are charged can be capped."""
        is_first = self._takes_examples and test_input.provenance != EXAMPLE
        return is_first and self.budget is not None and not self._queue.is_idle

    def _is_too_late_for(self, test_input: TestInput) -> bool:
        if test_input.provenance == EXAMPLE:
            return self._queue.check_budget()
        if self._takes_examples:
            self._takes_examples = False
            self._queue.cap_spent(EXAMPLES_PART)
        return self._queue.check_budget(PLANNED_PART if self._is_searchable else 1.0)

    def _run_probes(self, probes: list[TestInput]) -> None:
        """Have the oracles answer probes in one batch, which takes less time than runs do."""
        first = self._taken
        self._taken += len(probes)

        def ended(cases: Sequence[TestCase | Drop | None]) -> None:
            for index, case in enumerate(cases, first):
                self._inputs.report(index, valid=isinstance(case, TestCase))

        if self.budget is not None and self._probes_s >= PROBES_PART * self.budget:
            self._queue.note_over_budget()
            ended([None] * len(probes))
        else:
            limits = replace(self.problem.limits, cpu_time=min(_PROBES_CPU_S, self.problem.limits.cpu_time))
            steps = self._rules.unconfirmed_cases(probes, limits, max_endings=1)
            self._queue.add(observed(steps, self._count_probes), ended)

    def _count_probes(self, outcomes: Sequence[Outcome]) -> None:
        self._probes_s += sum(outcome.cpu_time_s for outcome in outcomes)

    # Oracles.

    def _run_oracles(self, test_input: TestInput, candidates: frozenset[int] | None = None) -> None:
        """Have the oracles run on an input.

        Args:
            candidates: indexes of those that it is for; None for all.
        """
        index = self._taken
        self._taken += 1
        if candidates is not None:
            self._own[index] = candidates
        is_varied = index < (VARIED_INPUTS_OF_ONE if len(self.problem.oracles) == 1 else VARIED_INPUTS)
        steps = self._rules.oracle_result(test_input, varied=is_varied)
        self._queue.add(steps, partial(self._note_oracle_result, index))

    def _note_oracle_result(self, index: int, result: OracleResult) -> None:
        self._record.note(index, result)
        self._inputs.report(index, valid=isinstance(result.case, TestCase))
        if isinstance(result.case, TestCase) and not result.input.probe:
            self._run_candidates(replace(result.case, index=index), result)

    # Candidates.

    def _run_candidates(self, case: TestCase, result: OracleResult) -> None:
        oracle_s = result.cpu_s / len(self.problem.oracles)
        self._oracle_s.append(oracle_s)
        for number in sorted(self._own.get(case.index, range(len(self._cards)))):
            self._queue.add(self._judge(number, case, oracle_s, result.slowest_s), lambda _: None)
        if self._is_searchable and self._search is None and case.size <= _MAX_SEARCHED:
            self._searched.append(case)
        if self.keeps_suite and case.size <= MAX_CHOSEN:
            self._kept.append(case)

    def _judge(self, number: int, case: TestCase, oracle_s: float, slowest_s: float) -> Steps[None]:
        """Run a candidate on a test case, if that is still wanted when its turn comes."""
        card = self._cards[number]
        if card.is_settled_before(case.index):
            return
        if not card.is_wanted(case, has_means=self._has_means(number), is_own=case.index in self._own):
            return
        program = self.problem.program(card.candidate.source)
        yield from self._rules.candidate_result(program, case, card, slowest_s=slowest_s, max_charged_s=oracle_s)

    def _has_means(self, number: int) -> bool:
        """Whether a candidate has not used up its allowance."""
        return self._allowance_s is None or self._cards[number].taken_s < self._allowance_s

    # Search.

    @property
    def _may_batch(self) -> bool:
        return self.problem.language == "python" and self._rules.checker is None

    @property
    def _is_searchable(self) -> bool:
        return self._may_batch and self.sources >= Sources.FEEDBACK and self.planned > 0

    def _may_search(self) -> bool:
        """Whether a search goes on, or is to begin when all that runs has ended."""
        if not self._is_searchable or self._queue.fault is not None or not self._has_means_to_search:
            return False
        if self._search is not None:
            return not self._search.is_over
        return bool(self._searched) and not self._may_take() and self._record.last_that_counts() == float("inf")

    def _continue_search(self) -> bool:
        """Add the runs that the search asks for now, if there is a search and nothing else is running."""
        if self._queue.is_running or not self._may_search():
            return False
        if self._queue.check_budget():
            self._has_means_to_search = False
            return False
        if self._search is None:
            self._search = self._new_search()
        self._queue.add_round(self._search)
        return self._queue.is_waiting

    def _new_search(self) -> Conversation[Findings]:
        unfailed = [number for number, card in enumerate(self._cards) if not card.has_failed]
        steps = search(
            self.problem,
            self.seed,
            sorted(self._searched, key=lambda case: case.index),
            unfailed,
            has_failed=lambda number: self._cards[number].has_failed,
            may_go_on=self._may_go_on,
            inputs=self._inputs_a_round(len(unfailed)),
            further=self._inputs.further,
            propose=self._propose,
        )
        return Conversation(steps, self._end_search)

    def _may_go_on(self, number: int) -> bool:
        """Whether a candidate may be run on more inputs; if not, its card notes that it was not."""
        if not self._has_means(number):
            self._cards[number].leave_unsearched()
            return False
        return True

    def _inputs_a_round(self, candidates: int) -> int:
        """The number of inputs that a round of the search can afford to run in batches."""
        if self.budget is None or not self._queue.is_over_budget:
            return INPUTS_A_ROUND
        left = (self.budget - self._queue.spent) / ROUNDS
        each = BATCH_PART * sum(self._oracle_s) / len(self._oracle_s) * (len(self.problem.oracles) + candidates)
        return max(1, min(INPUTS_A_ROUND, int(left / each))) if each else INPUTS_A_ROUND

    def _propose(self, proposal: Proposal) -> None:
        self._proposed[self._taken] = Merit(mutants=proposal.mutants)
        self._run_oracles(proposal.input, proposal.candidates)

    def _end_search(self, findings: Findings) -> None:
        self._findings = findings
