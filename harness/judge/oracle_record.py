"""What the inputs of a problem have shown of its oracles, and what is said of it in the details of verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from semi_instruct.harness.compare.proposal import ProposedComparison
from semi_instruct.harness.inputs.source import Answer, TestInput
from semi_instruct.harness.judge.consensus import Drop
from semi_instruct.harness.judge.disagreements import Disagreements
from semi_instruct.harness.judge.oracle_statistics import Dissent, remarks
from semi_instruct.harness.problems.schema import Problem

# When oracles use up a limit on so many inputs running, they are not what they are held for, and no more is taken.
ORACLE_EXHAUSTIONS_ALLOWED = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """What one input shows.

    Attributes:
        drop: why it is no test case; None if it is one.
        nondeterministic: the oracles that answered otherwise when the run was varied.
        answers: all that was answered, if answers that differ may be told apart by another comparison.
    """

    drop: Drop | None
    dissent: Dissent = field(default_factory=Dissent)
    nondeterministic: frozenset[int] = frozenset()
    answers: Sequence[Answer | None] = ()


@dataclass(slots=True)
class OracleRecord:
    """What is known so far, by the place of each input. It may arrive in any order; what is said does not depend on it.

    An input counts up to the one after which none is taken, as oracles used up limits (:meth:`last_that_counts`).
    """

    problem: Problem
    _shown: dict[int, Shown] = field(default_factory=dict)
    _exhausted: set[int] = field(default_factory=set)
    _crashes: dict[tuple[int, int], str] = field(default_factory=dict)  # input and oracle, and why
    _checker_failures: dict[int, str] = field(default_factory=dict)
    _disagreements: Disagreements = field(init=False)

    def __post_init__(self) -> None:
        self._disagreements = Disagreements(self.problem.how_compared)

    def note_crash(self, index: int, oracle: int, why: str) -> None:
        """An oracle gave no answer."""
        self._crashes[index, oracle] = why

    def note_exhaustion(self, index: int) -> None:
        """An oracle used up a limit."""
        self._exhausted.add(index)

    def note_checker_failure(self, index: int, why: str) -> None:
        """The checker said nothing that counts of the oracles' answers."""
        self._checker_failures[index] = why

    def note(self, index: int, test_input: TestInput, shown: Shown) -> None:
        """An input that is no probe is settled."""
        self._shown[index] = shown
        if shown.answers:
            self._disagreements.record(index, test_input, shown.answers)

    def last_that_counts(self) -> float:
        """The place of the input after which none is taken or counted; infinite while there is none."""
        for index in sorted(self._exhausted):
            if all(index - back in self._exhausted for back in range(ORACLE_EXHAUSTIONS_ALLOWED)):
                return index
        return float("inf")

    def settled(self) -> dict[int, Drop | None]:
        """The inputs that count, in order: why each is no test case, or None for those that are."""
        last = self.last_that_counts()
        return {index: shown.drop for index, shown in sorted(self._shown.items()) if index <= last}

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
        """What is to be said of single oracles, by inputs but these."""
        counted = [self._shown[index] for index in self.settled() if index not in but]
        varying = sorted(frozenset[int]().union(*(shown.nondeterministic for shown in counted)))
        return "; ".join(remarks([shown.dissent for shown in counted], varying, len(self.problem.oracles)))
