"""The results of one candidate on all test cases, and the verdict that follows."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from semi_instruct.engine import Outcome, Status
from semi_instruct.harness.inputs.source import TestInput
from semi_instruct.harness.judge.checker import Finding, Judgement
from semi_instruct.harness.judge.consensus import TestCase, answer_of, why_failed
from semi_instruct.harness.judge.resource_rule import MAX_EXCUSED, size_class, why_undecided
from semi_instruct.harness.problems.schema import Candidate, Problem
from semi_instruct.harness.problems.strength import Strength
from semi_instruct.harness.problems.verdicts import REJECTIONS, Counterexample, Verdict, VerdictRow, failure_of
from semi_instruct.harness.text import shown_bytes, shown_value

# A candidate that used up a limit this often, or whose answers made the checker do so, is not run on the remaining test
# cases, because its verdict is certain.
EXHAUSTIONS_ALLOWED = 3
# Bytes of a test case that a card may hold whole.
MAX_HELD = 1 << 20
# The share of the time in which a program sleeps or waits for a core that counts in addition to its CPU time.
_IDLE_PART = 0.1
_EXHAUSTED = frozenset({Verdict.TIME_LIMIT, Verdict.MEMORY_LIMIT, Verdict.OUTPUT_LIMIT})


def taken_s(outcome: Outcome) -> float:
    """The seconds that a run counts for: its CPU time, and a share of its idle time."""
    return outcome.cpu_time_s + _IDLE_PART * max(0.0, outcome.wall_time_s - outcome.cpu_time_s)


@dataclass(frozen=True, slots=True)
class Failure:
    """How a candidate failed on a test case.

    Attributes:
        case: the index of the test case, which has this input.
        detail: the reason, for the row.
    """

    case: int
    verdict: Verdict
    counterexample: Counterexample | None
    detail: str
    input: TestInput
    whole: TestCase | None  # None if too large to be held


@dataclass(slots=True)
class Scorecard:
    """The results of one candidate so far. Results may arrive in any order; the verdict does not depend on it.

    Args:
        largest_example: see ``harness.judge.resource_rule.size_class``.
    """

    problem: Problem
    candidate: Candidate
    largest_example: int = 0
    seconds: float = 0.0  # CPU time
    taken_s: float = 0.0  # CPU time, and a share of idle time
    _is_unsearched: bool = False
    _further: Counter[bool] = field(default_factory=Counter)  # cases, its own or all candidates', after its time was up
    _classes: dict[int, int] = field(default_factory=dict)  # of size, by case
    _run_in: set[int] = field(default_factory=set)  # size classes of the cases it was run on
    _skipped: set[int] = field(default_factory=set)  # cases it was not run on, to save time
    _excused: list[int] = field(default_factory=list)  # cases on which a limit was excused; sorted
    _verdicts: dict[int, Verdict] = field(default_factory=dict)
    _final: list[int] = field(default_factory=list)  # cases after which, in order, nothing more is run; sorted
    _exhausted: list[int] = field(default_factory=list)  # cases that used up a limit; sorted
    _first_failure: Failure | None = None
    _first_sandbox_error: Failure | None = None

    def excuse(self, case: TestCase, outcome: Outcome) -> None:
        """Count a run that ``harness.judge.resource_rule`` excuses. The test case counts as not judged."""
        self._class_of(case)
        self.charge(outcome)
        insort(self._excused, case.index)

    def charge(self, outcome: Outcome) -> None:
        """Count the time of a run. For a run that another one has to confirm, this is all that counts."""
        self.seconds += outcome.cpu_time_s
        self.charge_checker(outcome)

    def charge_checker(self, outcome: Outcome) -> None:
        """Count the time of a checker's run that the candidate's answer has caused."""
        self.taken_s += taken_s(outcome)

    def leave_unsearched(self) -> None:
        """Record that the search skipped this candidate because it has used up its time."""
        self._is_unsearched = True

    def record(self, case: TestCase, outcome: Outcome, judgement: Judgement | None) -> None:
        """Judge one run.

        Args:
            judgement: of the answer; None if the run gave none.
        """
        self._class_of(case)
        self.charge(outcome)
        failure = self._judge(case, outcome, judgement)
        verdict = failure.verdict if failure else Verdict.ACCEPTED
        self._verdicts[case.index] = verdict
        if verdict in _EXHAUSTED or (judgement is not None and judgement.exhausted):
            insort(self._exhausted, case.index)
        if verdict is Verdict.COMPILE_ERROR:
            insort(self._final, case.index)
        if failure is None:
            return
        if verdict is Verdict.SANDBOX_ERROR:
            self._first_sandbox_error = _earlier(self._first_sandbox_error, failure)
        else:
            self._first_failure = _earlier(self._first_failure, failure)

    def is_settled_before(self, case: int) -> bool:
        """Whether the results on earlier test cases make a run on this one useless."""
        return case > self._last_that_counts()

    def is_wanted(self, case: TestCase, *, has_means: bool, is_own: bool) -> bool:
        """Record a new test case, and return whether the candidate is to be run on it.

        Without means it still is on the first of each size class, and on one in two, then one in four, and so on: a
        candidate that wastes time on the inputs it knows is judged on others all the same. When it has failed it is run
        no more.

        Args:
            has_means: whether it has not used up its time.
            is_own: whether the test case was found for this candidate, as it seems to fail it. These are counted apart,
                so that the first of them is always run.
        """
        new_class = (one := self._class_of(case)) not in self._run_in
        if not has_means:
            self._further[is_own] += 1
            is_power_of_two = not self._further[is_own] & (self._further[is_own] - 1)
            if self._first_failure is not None or not (is_power_of_two or new_class):
                self._skipped.add(case.index)
                return False
        self._run_in.add(one)
        return True

    @property
    def excused(self) -> int:
        """The number of test cases on which a limit was excused."""
        return len(self._excused)

    @property
    def has_failed(self) -> bool:
        """Whether a run so far was not accepted."""
        return self._first_failure is not None or self._first_sandbox_error is not None

    def shown_failure(self, cases: Sequence[int]) -> Failure | None:
        """What its row shows as a counterexample, if it has one; ``cases`` as for :meth:`row`."""
        failure = self._first_failure_within(cases[-1]) if cases else None
        return failure if failure is not None and failure.counterexample is not None else None

    def failing_case(self, cases: Sequence[int]) -> TestCase | None:
        """The first test case it fails, if it fails one that can be held; ``cases`` as for :meth:`row`."""
        failure = self._first_failure
        counts = failure is not None and failure.case in cases and failure.case <= self._last_that_counts()
        return failure.whole if failure is not None and counts else None

    def rejecting(self, cases: Sequence[int]) -> frozenset[int]:
        """Those of the test cases that it fails, as far as it was run; ``cases`` as for :meth:`row`."""
        if self._final:
            return frozenset(cases)
        last = self._last_that_counts()
        return frozenset(case for case in cases if case <= last and self._verdicts.get(case) in REJECTIONS)

    def row(self, cases: Sequence[int], strength: Strength, dropped_inputs: dict[str, int], remark: str) -> VerdictRow:
        """The verdict.

        Args:
            cases: the indexes of the problem's test cases, in order, at least one; each has been recorded unless
                :meth:`is_settled_before` for it or it was not wanted (:meth:`is_wanted`).
            strength, dropped_inputs: see :class:`VerdictRow`.
            remark: what to add to the detail.
        """
        last = self._last_that_counts()
        run = [case for case in cases if case <= last and case not in self._skipped]
        excused = len(frozenset(self._excused).intersection(run))
        judged = [case for case in run if case not in self._excused]
        verdicts = [self._verdicts[case] for case in judged]
        failure = self._first_failure_within(cases[-1])
        undecided = "" if failure else self._why_undecided(cases, judged, excused)
        verdict = Verdict.UNDECIDED if undecided else Verdict.ACCEPTED
        reason = failure.detail if failure else undecided
        details = [reason, self._not_run(len(cases) - len(run)), _excuses(excused), remark]
        return VerdictRow(
            problem=self.problem.id,
            candidate=self.candidate.id,
            verdict=failure.verdict if failure else verdict,
            passed=verdicts.count(Verdict.ACCEPTED),
            test_cases=len(cases),
            counterexample=failure.counterexample if failure else None,
            strength=strength,
            dropped_inputs=dropped_inputs,
            detail="; ".join(detail for detail in details if detail),
            seconds=self.seconds,
            expect=self.candidate.expected_verdicts,
            excused=excused,
        )

    def _class_of(self, case: TestCase) -> int:
        if case.index not in self._classes:
            self._classes[case.index] = size_class(case.input.size, self.largest_example)
        return self._classes[case.index]

    def _by_class(self, cases: Iterable[int]) -> Counter[int]:
        """Test cases by size class; those after the last that counts, of which nothing is known, in the first."""
        return Counter(self._classes.get(case, 0) for case in cases)

    def _why_undecided(self, cases: Sequence[int], judged: Sequence[int], excused: int) -> str:
        by_class = self._by_class(cases), self._by_class(judged)
        return why_undecided(*by_class, excused, is_suspect=self._is_unsearched)

    def _first_failure_within(self, last: float) -> Failure | None:
        # Which test cases are run after the last that counts depends on which run ends first.
        last = min(last, self._last_that_counts())
        # A fault of the sandbox is not the verdict if the candidate has failed another test case by itself.
        for failure in (self._first_failure, self._first_sandbox_error):
            if failure is not None and failure.case <= last:
                return failure
        return None

    def _last_that_counts(self) -> float:
        """The index of the test case after which the candidate is not run; infinite while there is none."""
        ends = [float("inf")]
        if self._final:
            ends.append(self._final[0])
        if len(self._exhausted) >= EXHAUSTIONS_ALLOWED:
            ends.append(self._exhausted[EXHAUSTIONS_ALLOWED - 1])
        if len(self._excused) > MAX_EXCUSED:
            ends.append(self._excused[MAX_EXCUSED])
        return min(ends)

    def _not_run(self, count: int) -> str:
        if not count:
            return ""
        why = f"limits were hit on {EXHAUSTIONS_ALLOWED} test cases"
        if self._final:
            why = "it does not compile"
        elif self._skipped:
            why = "it takes more than its share of the budget"
        elif len(self._excused) > MAX_EXCUSED:
            why = f"limits were hit on more than {MAX_EXCUSED} test cases"
        return f"{count} test cases not run, as {why}"

    def _judge(self, case: TestCase, outcome: Outcome, judgement: Judgement | None) -> Failure | None:
        answer = answer_of(self.problem, outcome)
        if answer is not None:
            if judgement is None:
                raise ValueError("an answer needs a judgement")
            if judgement.finding is Finding.ACCEPTED:
                return None
            # A checker that accepted the oracles' answers and fails on this one fails because of this one.
            unknown = judgement.finding is Finding.UNKNOWN
            verdict, detail = Verdict.SANDBOX_ERROR if unknown else Verdict.WRONG_ANSWER, judgement.reason
        else:
            # A function that calls sys.exit(0) is an error of the program, although the run ended ok.
            verdict = Verdict.RUNTIME_ERROR if outcome.status is Status.OK else failure_of(outcome.status)
            detail = why_failed(outcome)
        blames_input = answer is not None or verdict not in (Verdict.COMPILE_ERROR, Verdict.SANDBOX_ERROR)
        counterexample = self._counterexample(case, outcome) if blames_input else None
        whole = case if case.size <= MAX_HELD else None
        return Failure(case.index, verdict, counterexample, detail, case.input, whole)

    def _counterexample(self, case: TestCase, outcome: Outcome) -> Counterexample:
        expected, provenance = case.expected.content, case.input.provenance
        if self.problem.kind == "stdin":
            # How much it printed before the time limit depends on the machine.
            printed = b"" if outcome.status is Status.TIME_LIMIT else outcome.stdout
            return Counterexample(case.input.shown(), shown_bytes(expected), shown_bytes(printed), provenance)
        actual = shown_value(outcome.value) if outcome.returned else None
        return Counterexample(case.input.shown(), shown_value(expected), actual, provenance)


def _excuses(count: int) -> str:
    return f"limits excused on {count} test cases, as no oracle stays within half of them" if count else ""


def _earlier(known: Failure | None, new: Failure) -> Failure:
    return new if known is None or new.case < known.case else known
