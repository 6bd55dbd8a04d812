"""What is known of one candidate, test case by test case, and the verdict it adds up to."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine import Outcome, Status
from harness.checker import Finding, Judgement
from harness.inputs import TestInput
from harness.oracles import TestCase, answer_of, why_failed
from harness.problems import Candidate, Problem
from harness.showing import shown_bytes, shown_value
from harness.strength import Strength
from harness.verdicts import REJECTIONS, Counterexample, Verdict, VerdictRow, failure_of

# A candidate that used up a limit this often, or whose answers made the checker do so, is not run on the remaining test
# cases: its verdict stands already.
EXHAUSTIONS_ALLOWED = 3
# Bytes of a test case that a card may hold whole.
LARGEST_HELD = 1 << 20
# Of the time that a program sleeps, or waits for a core: what it counts for beside CPU time.
_IDLE_PART = 0.1
_EXHAUSTED = frozenset({Verdict.TIME_LIMIT, Verdict.MEMORY_LIMIT, Verdict.OUTPUT_LIMIT})


def taken_s(outcome: Outcome) -> float:
    """What a run counts for: its CPU seconds, and a part of those it was idle."""
    return outcome.cpu_time_s + _IDLE_PART * max(0.0, outcome.wall_time_s - outcome.cpu_time_s)


@dataclass(frozen=True, slots=True)
class Failure:
    """How a candidate failed on a test case.

    Attributes:
        case: the index of the test case, which has this input.
        detail: what a row says of it.
    """

    case: int
    verdict: Verdict
    counterexample: Counterexample | None
    detail: str
    input: TestInput
    whole: TestCase | None  # None if too large to be held


@dataclass(slots=True)
class Scorecard:
    """The results of one candidate so far. Results may arrive in any order; the verdict does not depend on it."""

    problem: Problem
    candidate: Candidate
    seconds: float = 0.0  # of CPU
    taken_s: float = 0.0  # of CPU, and a part of those it was idle
    _is_unsearched: bool = False
    _further: int = 0  # cases that came when it had used up its time
    _skipped: set[int] = field(default_factory=set)  # cases it was not run on, to save time
    _excused: set[int] = field(default_factory=set)  # cases that are none for it
    _verdicts: dict[int, Verdict] = field(default_factory=dict)
    _final: list[int] = field(default_factory=list)  # cases after which, in order, nothing more is run; sorted
    _exhausted: list[int] = field(default_factory=list)  # cases that used up a limit; sorted
    _first_excused: Failure | None = None
    _first_failure: Failure | None = None
    _first_fault_of_ours: Failure | None = None

    def excuse(self, case: TestCase, outcome: Outcome) -> None:
        """Count a run that is not held against it: for this candidate the input is no test case."""
        self.charge(outcome)
        self._excused.add(case.index)
        failure = self._judge(case, outcome, None)
        if failure is not None:
            self._first_excused = _earlier(self._first_excused, failure)

    def charge(self, outcome: Outcome) -> None:
        """Count the time of a run; no more than that where it decides nothing, as another one has to confirm it."""
        self.seconds += outcome.cpu_time_s
        self.taken_s += taken_s(outcome)

    def leave_unsearched(self) -> None:
        """Note that no inputs were looked for that it fails on, as it has used up its time."""
        self._is_unsearched = True

    def record(self, case: TestCase, outcome: Outcome, judgement: Judgement | None = None) -> None:
        """Judge one run.

        Args:
            judgement: what a checker says of the answer; None where the comparison decides.
        """
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
            self._first_fault_of_ours = _earlier(self._first_fault_of_ours, failure)
        else:
            self._first_failure = _earlier(self._first_failure, failure)

    def is_settled_before(self, case: int) -> bool:
        """Whether earlier test cases have already shown that running this one is a waste."""
        return case > self._last_that_counts()

    def is_thinned_out(self, case: int) -> bool:
        """Note that it has used up its time; whether it is not to be run on this test case therefore.

        It still is on one in two, then one in four, and so on: who wastes time on the inputs he knows is judged on
        others all the same. When it has failed it is run no more.
        """
        self._further += 1
        is_power_of_two = not self._further & (self._further - 1)
        if is_power_of_two and not self.has_failed:
            return False
        self._skipped.add(case)
        return True

    @property
    def has_failed(self) -> bool:
        """Whether a run so far was not accepted."""
        return self._first_failure is not None or self._first_fault_of_ours is not None

    def shown_failure(self, cases: Sequence[int]) -> Failure | None:
        """What its row shows as a counterexample, if it has one; ``cases`` as for :meth:`row`."""
        failure = self._first_failure_within(cases[-1]) if cases else None
        return failure if failure is not None and failure.counterexample is not None else None

    def failing_case(self, cases: Sequence[int]) -> TestCase | None:
        """The first test case it fails, if it fails one that can be held; ``cases`` as for :meth:`row`."""
        failure = self._first_failure
        return failure.whole if failure is not None and failure.case in cases else None

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
                :meth:`is_settled_before` or :meth:`is_thinned_out` for it.
            strength, dropped_inputs: see :class:`VerdictRow`.
            remark: what to add to the detail.
        """
        excused = len(self._excused.intersection(cases))
        cases = [case for case in cases if case not in self._excused]
        last = self._last_that_counts()
        counted = [self._verdicts[case] for case in cases if case <= last and case not in self._skipped]
        failure = self._first_failure_within(cases[-1]) if cases else self._first_excused
        not_run = self._not_run(len(cases) - len(counted))
        details = [failure.detail if failure else "", not_run, _not_counted(excused), remark]
        return VerdictRow(
            problem=self.problem.id,
            candidate=self.candidate.id,
            verdict=failure.verdict if failure else Verdict.ACCEPTED,
            passed=counted.count(Verdict.ACCEPTED),
            test_cases=len(cases),
            counterexample=failure.counterexample if failure else None,
            strength=strength,
            dropped_inputs=dropped_inputs,
            detail="; ".join(detail for detail in details if detail),
            seconds=self.seconds,
            expect=self.candidate.expected_verdicts,
        )

    def _first_failure_within(self, last: int) -> Failure | None:
        # What the sandbox did wrong is no verdict while the candidate has failed by itself on another test case.
        for failure in (self._first_failure, self._first_fault_of_ours):
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
        return min(ends)

    def _not_run(self, count: int) -> str:
        too_slow = "it takes more than its share of the budget"
        if not count:
            return f"no inputs searched for, as {too_slow}" if self._is_unsearched else ""
        why = f"limits were hit on {EXHAUSTIONS_ALLOWED} test cases"
        if self._final:
            why = "it does not compile"
        elif self._skipped:
            why = too_slow
        return f"{count} test cases not run, as {why}"

    def _judge(self, case: TestCase, outcome: Outcome, judgement: Judgement | None) -> Failure | None:
        answer = answer_of(self.problem, outcome)
        if answer is not None:
            if judgement is None:
                judgement = Judgement(Finding.ACCEPTED if case.accepts(answer) else Finding.WRONG)
            if judgement.finding is Finding.ACCEPTED:
                return None
            failed = judgement.finding is Finding.FAILED
            verdict, detail = Verdict.SANDBOX_ERROR if failed else Verdict.WRONG_ANSWER, judgement.reason
        else:
            # That a function left by sys.exit(0) is an error of the program, though the run ended ok.
            verdict = Verdict.RUNTIME_ERROR if outcome.status is Status.OK else failure_of(outcome.status)
            detail = why_failed(outcome)
        blames_input = answer is not None or verdict not in (Verdict.COMPILE_ERROR, Verdict.SANDBOX_ERROR)
        counterexample = self._counterexample(case, outcome) if blames_input else None
        whole = case if case.size <= LARGEST_HELD else None
        return Failure(case.index, verdict, counterexample, detail, case.input, whole)

    def _counterexample(self, case: TestCase, outcome: Outcome) -> Counterexample:
        expected, provenance = case.expected.content, case.input.provenance
        if self.problem.kind == "stdin":
            # How far it came in its time depends on the machine.
            printed = b"" if outcome.status is Status.TIME_LIMIT else outcome.stdout
            return Counterexample(case.input.shown(), shown_bytes(expected), shown_bytes(printed), provenance)
        actual = shown_value(outcome.value) if outcome.returned else None
        return Counterexample(case.input.shown(), shown_value(expected), actual, provenance)


def _not_counted(excused: int) -> str:
    return f"{excused} inputs beyond the examples not counted, as limits were hit on them" if excused else ""


def _earlier(known: Failure | None, new: Failure) -> Failure:
    return new if known is None or new.case < known.case else known
