"""The oracles' results on all inputs of a problem, and the remarks about oracles in the details of verdicts."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from semi_instruct.harness.compare.proposal import ProposedComparison
from semi_instruct.harness.judge.consensus import Drop
from semi_instruct.harness.judge.disagreements import Disagreements
from semi_instruct.harness.judge.oracle_statistics import Outlier, remarks
from semi_instruct.harness.judge.rules import OracleResult
from semi_instruct.harness.problems.schema import Problem

# After so many inputs in a row on which oracles use up a limit, no more inputs are taken.
ORACLE_EXHAUSTIONS_ALLOWED = 3


@dataclass(frozen=True, slots=True)
class _Noted:
    """What is kept of the oracles' result on an input."""

    drop: Drop | None
    outlier: Outlier
    nondeterministic: frozenset[int]


@dataclass(slots=True)
class OracleRecord:
    """The results so far, by the index of each input. They may arrive in any order; the remarks do not depend on it.

    Inputs count up to the one after which no more are taken because oracles used up limits (:meth:`last_that_counts`).
    """

    problem: Problem
    _noted: dict[int, _Noted] = field(default_factory=dict)
    _exhausted: set[int] = field(default_factory=set)
    _crashes: dict[tuple[int, int], str] = field(default_factory=dict)  # by input and oracle
    _checker_failures: dict[int, str] = field(default_factory=dict)
    _disagreements: Disagreements = field(init=False)

    def __post_init__(self) -> None:
        self._disagreements = Disagreements(self.problem.how_compared)

    def note(self, index: int, result: OracleResult) -> None:
        """Record the result of an input. A probe counts for crashes and limits only."""
        for number, why in result.failures.items():
            self._crashes[index, number] = why
        if result.exhausted:
            self._exhausted.add(index)
        if result.checker_failure is not None:
            self._checker_failures[index] = result.checker_failure
        if result.input.probe:
            return
        drop = result.case if isinstance(result.case, Drop) else None
        self._noted[index] = _Noted(drop, result.outlier, result.nondeterministic)
        if result.disputed:
            self._disagreements.record(index, result.input, result.disputed)

    def last_that_counts(self) -> float:
        """The index of the input after which none is taken or counted; infinite while there is none."""
        for index in sorted(self._exhausted):
            if all(index - back in self._exhausted for back in range(ORACLE_EXHAUSTIONS_ALLOWED)):
                return index
        return float("inf")

    def settled(self) -> dict[int, Drop | None]:
        """The inputs that count, in order: why each is no test case, or None for those that are."""
        last = self.last_that_counts()
        return {index: noted.drop for index, noted in sorted(self._noted.items()) if index <= last}

    def test_cases(self) -> list[int]:
        """The inputs that count and became test cases, in order."""
        return [index for index, drop in self.settled().items() if drop is None]

    def proposal(self) -> ProposedComparison | None:
        """A comparison under which the oracles would disagree less, if there is one."""
        return self._disagreements.proposal(self.settled())

    def first_crash(self) -> str:
        """How an oracle failed first; empty if none did."""
        if not self._crashes:
            return ""
        (index, number), why = min(self._crashes.items())
        return f"oracle {number + 1} failed on input {index + 1}: {why}"

    def about_checker(self) -> str:
        """How the checker failed first on answers of oracles; empty if it did not."""
        failed = sorted(self._checker_failures.keys() & self.settled().keys())
        return f"on the oracles' answers to input {failed[0] + 1} {self._checker_failures[failed[0]]}" if failed else ""

    def about_oracles(self, but: AbstractSet[int]) -> str:
        """Remarks about single oracles, from all inputs but these."""
        counted = [self._noted[index] for index in self.settled() if index not in but]
        varying = sorted(frozenset[int]().union(*(noted.nondeterministic for noted in counted)))
        return "; ".join(remarks([noted.outlier for noted in counted], varying, len(self.problem.oracles)))
