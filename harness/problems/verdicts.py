"""Verdicts: the words, and the row that ``verify`` writes for one candidate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from semi_instruct.engine import Status
from semi_instruct.harness.compare.proposal import ProposedComparison
from semi_instruct.harness.problems.strength import Strength


class Verdict(StrEnum):
    """What is said of a candidate."""

    ACCEPTED = "accepted"
    WRONG_ANSWER = "wrong_answer"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    RUNTIME_ERROR = "runtime_error"
    FORBIDDEN_SYSCALL = "forbidden_syscall"
    COMPILE_ERROR = "compile_error"
    UNDECIDED = "undecided"  # it failed nothing, and too little was judged (``harness.judge.resource_rule``)
    NO_ORACLE = "no_oracle"
    SANDBOX_ERROR = "sandbox_error"


# That a candidate is wrong, and by its own fault.
REJECTIONS = frozenset(Verdict) - {Verdict.ACCEPTED, Verdict.UNDECIDED, Verdict.NO_ORACLE, Verdict.SANDBOX_ERROR}


def failure_of(status: Status) -> Verdict:
    """The verdict on a run that did not end ok.

    Raises:
        ValueError: the status is ok, which alone says nothing about the answer.
    """
    match status:
        case Status.NONZERO_EXIT | Status.SIGNALED | Status.PROCESS_LIMIT:
            return Verdict.RUNTIME_ERROR
        case Status.CANCELLED:
            return Verdict.SANDBOX_ERROR
        case Status.OK:
            raise ValueError("a run that ended ok has no failure")
        case _:
            return Verdict(status.value)


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A test case that a candidate fails, as people read it: long text is cut and says so.

    Attributes:
        input: text of stdin, or the list of arguments as JSON data.
        expected: what the oracles answer, as text or JSON data.
        actual: what the candidate answered (what it had printed when it ended, if it did not finish; nothing if it was
            not in time); None where a function returned nothing that crossed.
        provenance: where the input is from, see ``harness.inputs.source.TestInput``.
    """

    input: Any
    expected: Any
    actual: Any
    provenance: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "input": self.input,
            "expected": self.expected,
            "actual": self.actual,
            "provenance": self.provenance,
        }


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """What ``verify`` writes about one candidate.

    Attributes:
        problem, candidate: their ids.
        verdict: ``accepted``, or what happened on the first test case it fails, in order; ``undecided`` if it fails
            none and too few of its test cases were judged.
        passed: test cases passed.
        test_cases: test cases of the problem: inputs that the oracles agreed on.
        counterexample: the first test case it fails; None if there is none or no single input is to blame.
        strength: of the problem's test cases.
        dropped_inputs: inputs that became no test case, by reason (``harness.judge.consensus.Drop``).
        detail: more in words: the error, what was not run and why.
        seconds: CPU seconds of all the candidate's runs.
        proposed_comparison: one under which the oracles would disagree less, if there is one.
        excused: of its test cases, those on which it hit a limit that is not held against it; they are not judged.
        expect: the verdicts that the problem row says are right, or None if it says nothing.
    """

    problem: str
    candidate: str
    verdict: Verdict
    passed: int
    test_cases: int
    counterexample: Counterexample | None
    strength: Strength
    dropped_inputs: dict[str, int]
    detail: str
    seconds: float
    expect: tuple[Verdict, ...] | None = None
    proposed_comparison: ProposedComparison | None = None
    excused: int = 0

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is one that the problem row expects; true if it expects none."""
        return self.expect is None or self.verdict in self.expect

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data, in the shape INTERFACE promises."""
        row: dict[str, Any] = {
            "problem": self.problem,
            "candidate": self.candidate,
            "verdict": self.verdict.value,
            "passed": self.passed,
            "test_cases": self.test_cases,
            "counterexample": self.counterexample.to_json() if self.counterexample else None,
            "strength": self.strength.to_json(),
            "dropped_inputs": self.dropped_inputs,
            "detail": self.detail,
            "seconds": round(self.seconds, 3),
        }
        if self.excused:
            row["excused"] = self.excused
        if self.proposed_comparison is not None:
            row["proposed_comparison"] = self.proposed_comparison.to_json()
        if self.expect is not None:
            row["expect"] = [verdict.value for verdict in self.expect]
        return row
