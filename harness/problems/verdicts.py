"""Verdicts, and the row that ``verify`` writes for one candidate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from semi_instruct.engine import Status
from semi_instruct.harness.compare.proposal import ProposedComparison
from semi_instruct.harness.problems.strength import Strength


class Verdict(StrEnum):
    """The verdict on a candidate."""

    ACCEPTED = "accepted"
    WRONG_ANSWER = "wrong_answer"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    RUNTIME_ERROR = "runtime_error"
    FORBIDDEN_SYSCALL = "forbidden_syscall"
    COMPILE_ERROR = "compile_error"
    UNDECIDED = "undecided"  # no failure, but too few test cases were judged (``harness.judge.resource_rule``)
    NO_ORACLE = "no_oracle"
    SANDBOX_ERROR = "sandbox_error"


# The verdicts on wrong candidates.
REJECTIONS = frozenset(Verdict) - {Verdict.ACCEPTED, Verdict.UNDECIDED, Verdict.NO_ORACLE, Verdict.SANDBOX_ERROR}


def failure_of(status: Status) -> Verdict:
    """The verdict on a run that did not end with status ok.

    Raises:
        ValueError: the status is ok, which says nothing about the answer.
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
    """A test case that a candidate fails, in readable form. Long text is truncated and marked.

    Attributes:
        input: text of stdin, or the list of arguments as JSON data.
        expected: the oracles' answer, as text or JSON data.
        actual: the candidate's answer (its output so far if it did not finish; empty after a time limit); None if a
            function did not return a value that could be encoded.
        provenance: the source of the input, see ``harness.inputs.source.TestInput``.
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
    """The row of ``verify`` for one candidate.

    Attributes:
        problem, candidate: their ids.
        verdict: ``accepted``, or the failure on the first test case that it fails, in order; ``undecided`` if it fails
            none and too few of its test cases were judged.
        passed: number of test cases passed.
        test_cases: number of test cases of the problem, that is, of inputs on which the oracles agreed.
        counterexample: the first test case it fails; None if there is none or no single input is responsible.
        strength: the strength of the problem's test cases.
        dropped_inputs: number of inputs that did not become test cases, by reason (``harness.judge.consensus.Drop``).
        detail: details in words: the error, what was not run and why.
        seconds: CPU seconds of all the candidate's runs.
        proposed_comparison: a comparison under which the oracles would disagree less, if there is one.
        excused: number of its test cases on which it exceeded a limit that is excused; they are not judged.
        expect: the expected verdicts of the problem row, or None.
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
        """Whether the verdict is one of those expected; True if none are specified."""
        return self.expect is None or self.verdict in self.expect

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data, as documented in ``docs/problem-format.md``."""
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
