"""One problem being verified: which run it needs next, and what is known so far.

An input is taken, the oracles run on it, and if they make it a test case every candidate runs on it; then it is
forgotten. So memory holds the answers of the few inputs in progress, and a budget that runs out leaves every candidate
judged on the same test cases. Outcomes may arrive in any order; the rows do not depend on it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from engine import Determinism, Limits, Outcome, Program, Status
from engine.inside.values import dumps
from harness.answer_kinds import AnswerKind, kinds_of
from harness.asking import Ask, Conversation
from harness.checker import CHECKER_LIMITS, Finding, Inquiry, Judgement, checker_of, judgement_of, question
from harness.disagreements import Disagreements
from harness.inputs import Answer, TestInput, as_bytes
from harness.oracles import Agree, Drop, TestCase, answer_of, settle, why_failed
from harness.planned_inputs import PLANNED_INPUTS, PlannedInputs
from harness.problems import Problem
from harness.scorecard import Scorecard
from harness.search import Findings, search
from harness.showing import one_line
from harness.sources import ALL_SOURCES, Sources
from harness.standing import Dissent, differs, dissent, remarks
from harness.strength import UNRATED
from harness.time_rule import candidate_limits, confirming
from harness.verdicts import Verdict, VerdictRow

# When oracles use up a limit on so many inputs running, they are not what they are held for, and no more is taken.
ORACLE_EXHAUSTIONS_ALLOWED = 3
# So many inputs, the first, are given to each oracle a second time, varied (``engine.Determinism``), to see whether its
# answer is a function of the input; to a single oracle more, as there is no other to disagree with it.
VARIED_INPUTS = 2
VARIED_INPUTS_OF_ONE = 8
_EXHAUSTED = frozenset({Status.TIME_LIMIT, Status.MEMORY_LIMIT, Status.OUTPUT_LIMIT})


# Bytes of the input and answer of a test case that a search works with.
_LARGEST_SEARCHED = 1 << 14


@dataclass(frozen=True, slots=True)
class Run:
    """A run that a problem asks for.

    Attributes:
        done: to be called with the outcome.
        if_refused: how it ends when the engine does not take it. An oracle's is our fault. A candidate's is its own: on
            the same input the oracles were taken.
        determinism: of the run, see ``engine.Determinism``.
    """

    program: Program
    stdin: bytes
    args: tuple[Any, ...]
    limits: Limits
    done: Callable[[Outcome], None]
    if_refused: Status
    determinism: Determinism = Determinism.FIXED


@dataclass(slots=True)
class _Asked:
    """An input whose oracles are running, and what they answered so far."""

    input: TestInput
    missing: int
    answers: list[Answer | None]
    varied: dict[int, Answer | None] = field(default_factory=dict)  # by oracle
    exhausted: bool = False
    seconds: float = 0.0  # that the oracles, and the checker on their answers, took so far
    slowest_s: float = 0.0


@dataclass(slots=True)
class Examination:
    """The state of one problem. Call :meth:`next_run`, run it, call its ``done``; in the end, :meth:`rows`.

    Args:
        seed: see ``harness.planned_inputs``, as ``planned`` and ``sources``.
        budget: CPU seconds after which no further input is taken; None for no such end. What is then in progress is
            finished, so a little more is spent. Candidates are charged as if they were as quick as the oracles: one
            that wastes time is not to be judged on fewer test cases for it.
    """

    problem: Problem
    seed: int
    budget: float | None
    planned: int = PLANNED_INPUTS
    sources: Sources = ALL_SOURCES
    _inputs: PlannedInputs = field(init=False)
    _known_kinds: frozenset[AnswerKind] = field(init=False)  # of the outputs given, if they are printed
    _checker: Program | None = field(init=False)
    _disagreements: Disagreements = field(init=False)
    _oracles: list[Program] = field(init=False)
    _candidates: list[Program] = field(init=False)
    _scorecards: list[Scorecard] = field(init=False)
    _waiting: deque[Callable[[], Run | None]] = field(default_factory=deque)
    _asked: dict[int, _Asked] = field(default_factory=dict)
    _settled: dict[int, Drop | None] = field(default_factory=dict)  # None for an input that became a test case
    _exhausted: set[int] = field(default_factory=set)
    _own: dict[int, frozenset[int]] = field(default_factory=dict)  # inputs for single candidates, and for which
    _kept: list[TestCase] = field(default_factory=list)  # the small ones, for the search
    _search: Conversation[Findings] | None = None
    _findings: Findings | None = None
    _crashes: dict[tuple[int, int], str] = field(default_factory=dict)  # input and oracle, and why
    _checker_failures: dict[int, str] = field(default_factory=dict)  # input, and why
    _dissents: dict[int, Dissent] = field(default_factory=dict)
    _nondeterministic: dict[int, set[int]] = field(default_factory=dict)  # by input, the oracles it shows to be so
    _running: int = 0
    _taken: int = 0
    _spent: float = 0.0
    _sandbox_error: str | None = None
    _has_inputs: bool = True
    _over_budget: bool = False

    def __post_init__(self) -> None:
        self._inputs = PlannedInputs(self.problem, self.seed, self.planned, self.sources)
        self._disagreements = Disagreements(self.problem.how_compared)
        self._checker = checker_of(self.problem.how_compared)
        outputs = [example.output for example in self.problem.examples if self.problem.kind == "stdin"]
        self._known_kinds = kinds_of(as_bytes(output) for output in outputs if isinstance(output, str))
        self._oracles = [self.problem.program(source) for source in self.problem.oracles]
        self._candidates = [self.problem.program(candidate.source) for candidate in self.problem.candidates]
        self._scorecards = [Scorecard(self.problem, candidate) for candidate in self.problem.candidates]
        # Without a candidate there is nothing to decide.
        self._has_inputs = bool(self._candidates)

    def next_run(self) -> Run | None:
        """A run to start now, or None: all is done, or what comes next depends on runs that are not done."""
        while self._waiting or self._take_input() or self._go_on_searching():
            while self._waiting:
                run = self._waiting.popleft()()
                if run is not None:
                    self._running += 1
                    return run
        return None

    def is_done(self) -> bool:
        """Whether every run has been made and recorded. Final once :meth:`next_run` has returned None."""
        return not self._running and not self._waiting and not self._may_take() and not self._may_search()

    def rows(self) -> list[VerdictRow]:
        """The verdict of each candidate, in the order of the problem, when all is done."""
        settled = self._settled_that_count()
        proposed = self._disagreements.proposal(settled)
        return [replace(row, proposed_comparison=proposed) for row in self._judged(settled)]

    def _judged(self, settled: dict[int, Drop | None]) -> list[VerdictRow]:
        cases = [index for index, drop in settled.items() if drop is None]
        dropped = {drop.value: count for drop, count in Counter(filter(None, settled.values())).items()}
        remark = self._remark(len(settled))
        about_oracles = "; ".join(self._about_oracles(settled))
        if self._sandbox_error is not None:
            return [self._unjudged(card, Verdict.SANDBOX_ERROR, dropped, remark) for card in self._scorecards]
        about_checker = self._about_checker(settled)
        if not cases and about_checker:
            detail = "; ".join(filter(None, (about_checker, remark)))
            return [self._unjudged(card, Verdict.SANDBOX_ERROR, dropped, detail) for card in self._scorecards]
        if not cases:
            detail = "; ".join(filter(None, (self._first_crash() or about_oracles, remark)))
            return [self._unjudged(card, Verdict.NO_ORACLE, dropped, detail) for card in self._scorecards]
        remark = "; ".join(filter(None, (remark, about_oracles, about_checker)))
        strength = self._findings.strength if self._findings else UNRATED
        return [
            card.row([case for case in cases if number in self._own.get(case, {number})], strength, dropped, remark)
            for number, card in enumerate(self._scorecards)
        ]

    def failing_inputs(self) -> list[TestInput | None]:
        """For each of :meth:`rows` the input of its counterexample; None where it has none."""
        settled = self._settled_that_count()
        cases = [index for index, drop in settled.items() if drop is None]
        return [card.failing_input(cases) for card in self._scorecards]

    def _settled_that_count(self) -> dict[int, Drop | None]:
        last = self._last_that_counts()
        return {index: drop for index, drop in sorted(self._settled.items()) if index <= last}

    def _may_take(self) -> bool:
        if self._sandbox_error is not None or self._taken > self._last_that_counts():
            return False
        return self._has_inputs and not self._over_budget

    def _take_input(self) -> bool:
        """Take the next input, if there is one and it is worth it, and line up its oracles."""
        if not self._may_take():
            return False
        test_input = self._inputs.take()
        if test_input is None:
            self._has_inputs = self._inputs.may_have_more()
            return False
        if self._is_over_budget():
            return False
        self._ask_oracles(test_input)
        return True

    def _is_over_budget(self) -> bool:
        self._over_budget |= self.budget is not None and self._spent >= self.budget
        return self._over_budget

    def _ask_oracles(self, test_input: TestInput, candidates: frozenset[int] | None = None) -> None:
        """Line up the oracles' runs on an input, which in the end is for these candidates; None for all."""
        index = self._taken
        self._taken += 1
        if candidates is not None:
            self._own[index] = candidates
        conditions = [Determinism.FIXED]
        if index < (VARIED_INPUTS_OF_ONE if len(self._oracles) == 1 else VARIED_INPUTS):
            conditions.append(Determinism.VARIED)
        self._asked[index] = _Asked(test_input, len(self._oracles) * len(conditions), [None] * len(self._oracles))
        for determinism in conditions:
            for number in range(len(self._oracles)):
                self._waiting.append(partial(self._oracle_run, index, number, determinism))

    def _may_search(self) -> bool:
        """Whether a search goes on, or is to begin when all that runs has ended."""
        if self._search is not None:
            return not self._search.is_over and self._sandbox_error is None and not self._over_budget
        if self.sources < Sources.FEEDBACK or not self.planned or self.problem.language != "python":
            return False
        if self._may_take() or not self._kept or self._checker is not None:
            return False
        return self._sandbox_error is None and not self._over_budget and self._last_that_counts() == float("inf")

    def _go_on_searching(self) -> bool:
        """Line up what the search asks for now, if there is one and it is its time."""
        if self._running or not self._may_search() or self._is_over_budget():
            return False
        if self._search is None:
            self._kept.sort(key=lambda case: case.index)
            unfailed = [number for number, card in enumerate(self._scorecards) if not card.has_failed]
            steps = search(self.problem, self.seed, self._kept, unfailed, self._inputs.further)
            self._search = Conversation(steps, self._search_ended)
        for number, ask in self._search.next_asks():
            self._waiting.append(partial(self._search_run, self._search, number, ask))
        return bool(self._waiting)

    def _search_run(self, search: Conversation[Findings], number: int, ask: Ask) -> Run:
        def done(outcome: Outcome) -> None:
            self._running -= 1
            self._spent += outcome.cpu_time_s if ask.is_charged else 0.0
            search.answer(number, outcome)

        return Run(ask.program, ask.stdin, ask.args, ask.limits, done, Status.COMPILE_ERROR)

    def _search_ended(self, findings: Findings) -> None:
        self._findings = findings
        for proposal in findings.proposals:
            self._ask_oracles(proposal.input, proposal.candidates)

    def _oracle_run(self, index: int, number: int, determinism: Determinism) -> Run:
        return Run(
            self._oracles[number],
            self._asked[index].input.stdin,
            self._asked[index].input.args or (),
            self.problem.limits,
            partial(self._oracle_done, index, number, determinism),
            Status.SANDBOX_ERROR,
            determinism,
        )

    def _candidate_run(self, case: TestCase, limits: Limits, program: Program, card: Scorecard) -> Run | None:
        if card.is_settled_before(case.index):
            return None

        def done(outcome: Outcome) -> None:
            self._running -= 1
            if outcome.status is Status.TIME_LIMIT and limits.wall_time is None:
                card.charge(outcome)
                again = confirming(limits)
                self._waiting.appendleft(partial(self._candidate_run, case, again, program, card))
            else:
                self._judge(case, card, outcome)

        return Run(program, case.input.stdin, case.input.args or (), limits, done, Status.COMPILE_ERROR)

    def _line_up_check(self, checker: Program, asked: bytes, done: Callable[[Outcome], None]) -> None:
        if self._sandbox_error is not None:
            return
        # First of all: what waits for it holds outputs in memory.
        run = Run(checker, asked, (), CHECKER_LIMITS, done, Status.SANDBOX_ERROR)
        self._waiting.appendleft(lambda: run)

    def _oracle_done(self, index: int, number: int, determinism: Determinism, outcome: Outcome) -> None:
        self._running -= 1
        self._spent += outcome.cpu_time_s
        if outcome.status is Status.SANDBOX_ERROR:
            # The engine has tried again already. It is our fault and not the oracle's, so it decides nothing.
            self._stop(f"an oracle could not be run: {one_line(outcome.detail)}")
            return
        asked = self._asked[index]
        answer = answer_of(self.problem, outcome)
        if determinism is Determinism.VARIED:
            asked.varied[number] = answer
        else:
            asked.answers[number] = answer
            asked.seconds += outcome.cpu_time_s
            asked.slowest_s = max(asked.slowest_s, outcome.cpu_time_s)
            asked.exhausted |= outcome.status in _EXHAUSTED
            if answer is None:
                self._crashes[index, number] = why_failed(outcome)
        asked.missing -= 1
        if asked.missing:
            return
        if self._checker is None:
            self._settle(index, self._asked.pop(index), self.problem.how_compared.agree)
            return
        inquiry = Inquiry(asked.input, asked.answers, asked.varied)
        for check in inquiry.questions:
            self._line_up_check(self._checker, check, partial(self._answer_checked, index, inquiry, check))
        if not inquiry.questions:
            self._settle(index, self._asked.pop(index), None)

    def _stop(self, why: str) -> None:
        """Give the problem up, for a fault of ours."""
        self._sandbox_error = why
        self._waiting.clear()

    def _answer_checked(self, index: int, inquiry: Inquiry, check: bytes, outcome: Outcome) -> None:
        self._running -= 1
        self._spent += outcome.cpu_time_s
        if outcome.status is Status.SANDBOX_ERROR:
            self._stop(f"the checker could not be run: {one_line(outcome.detail)}")
            return
        self._asked[index].seconds += outcome.cpu_time_s
        inquiry.record(check, outcome)
        if not inquiry.is_answered():
            return
        failure = inquiry.failure()
        if failure is not None:
            self._checker_failures[index] = failure
        self._settle(index, self._asked.pop(index), inquiry.agree if failure is None else None)

    def _settle(self, index: int, asked: _Asked, agree: Agree | None) -> None:
        """Make an input a test case, or drop it.

        Args:
            agree: whether answers to it are the same; None where a checker decides that, and has not.
        """
        if asked.exhausted:
            self._exhausted.add(index)
        if asked.input.probe:
            case = agree and settle(index, asked.input, asked.answers, self.problem.how_compared, agree)
            self._inputs.report(index, valid=isinstance(case, TestCase) and not self._is_strange(case))
            return
        result: TestCase | Drop
        if agree is None:
            result = Drop.CHECKER_FAILED if index in self._checker_failures else Drop.CRASH
            self._dissents[index], self._nondeterministic[index] = Dissent(), set()
        else:
            result = settle(index, asked.input, asked.answers, self.problem.how_compared, agree)
            self._dissents[index] = dissent(asked.answers, agree)
            self._nondeterministic[index] = {
                number for number, varied in asked.varied.items() if differs(asked.answers[number], varied, agree)
            }
        if isinstance(result, TestCase) and self._nondeterministic[index]:
            result = Drop.NONDETERMINISTIC
        if isinstance(result, TestCase) and self._is_strange(result):
            result = Drop.STRANGE
        if result in (Drop.DISAGREE, Drop.CONTRADICTS_EXAMPLE, Drop.NONDETERMINISTIC):
            varied = [answer for _, answer in sorted(asked.varied.items()) if answer is not None]
            self._disagreements.record(index, asked.input, [*asked.answers, *varied])
        self._inputs.report(index, valid=not isinstance(result, Drop))
        if isinstance(result, Drop):
            self._settled[index] = result
            return
        self._settled[index] = None
        self._spent += asked.seconds / len(self._oracles) * len(self._candidates)
        if self._sandbox_error is None:
            limits = candidate_limits(self.problem.limits, asked.slowest_s)
            for number in sorted(self._own.get(index, range(len(self._candidates)))):
                program, card = self._candidates[number], self._scorecards[number]
                self._waiting.append(partial(self._candidate_run, result, limits, program, card))
            if self._search is None and self._checker is None and _size(result) <= _LARGEST_SEARCHED:
                self._kept.append(result)

    def _judge(self, case: TestCase, card: Scorecard, outcome: Outcome) -> None:
        """Have a candidate's answer checked if a checker decides, and the run recorded."""
        answer = answer_of(self.problem, outcome)
        if self._checker is None or answer is None:
            card.record(case, outcome)
            return
        asked = question(case.input, case.expected, answer)
        if asked == question(case.input, case.expected, case.expected):
            card.record(case, outcome, Judgement(Finding.ACCEPTED))
            return

        def checked(check: Outcome) -> None:
            self._running -= 1
            card.record(case, outcome, judgement_of(check))

        self._line_up_check(self._checker, asked, checked)

    def _is_strange(self, case: TestCase) -> bool:
        """Whether the oracles answer in a way that no known output does (``harness.answer_kinds``)."""
        if not self._known_kinds or case.input.known is not None:
            return False
        return not kinds_of([case.expected.content]) <= self._known_kinds

    def _last_that_counts(self) -> float:
        """The index of the input after which none is taken or counted, as oracles used up limits; else infinite."""
        for index in sorted(self._exhausted):
            if all(index - back in self._exhausted for back in range(ORACLE_EXHAUSTIONS_ALLOWED)):
                return index
        return float("inf")

    def _first_crash(self) -> str:
        if not self._crashes:
            return ""
        (index, number), why = min(self._crashes.items())
        return f"oracle {number + 1} failed on input {index + 1}: {why}"

    def _about_checker(self, counted: Iterable[int]) -> str:
        failed = sorted(self._checker_failures.keys() & set(counted))
        return f"on the oracles' answers to input {failed[0] + 1} {self._checker_failures[failed[0]]}" if failed else ""

    def _about_oracles(self, counted: Iterable[int]) -> list[str]:
        indexes = list(counted)
        varying = sorted(set().union(*(self._nondeterministic[index] for index in indexes)))
        return remarks([self._dissents[index] for index in indexes], varying, len(self._oracles))

    def _remark(self, counted: int) -> str:
        if self._sandbox_error is not None:
            return self._sandbox_error
        if self._last_that_counts() < float("inf"):
            return f"oracles hit limits on {ORACLE_EXHAUSTIONS_ALLOWED} inputs running: only {counted} inputs taken"
        if self._over_budget:
            return f"the budget of {self.budget:g} CPU seconds is spent: only {counted} inputs taken"
        return ""

    def _unjudged(self, card: Scorecard, verdict: Verdict, dropped: dict[str, int], remark: str) -> VerdictRow:
        return VerdictRow(
            problem=self.problem.id,
            candidate=card.candidate.id,
            verdict=verdict,
            passed=0,
            test_cases=0,
            counterexample=None,
            strength=UNRATED,
            dropped_inputs=dropped,
            detail=remark,
            seconds=card.seconds,
            expect=card.candidate.expected_verdicts,
        )


def _size(case: TestCase) -> int:
    given = case.input.stdin if case.input.args is None else dumps(list(case.input.args))
    expected = case.expected.content
    return len(given) + len(expected if isinstance(expected, bytes) else dumps(expected))
