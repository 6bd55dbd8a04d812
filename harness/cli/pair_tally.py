"""Counts what ``verify`` finds of pairs that have no oracle, and says it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from semi_instruct.harness.problems.verdicts import Verdict


@dataclass(slots=True)
class PairTally:
    """Running totals.

    Attributes:
        runs: programs run.
        accepted: pairs by what they stand on, ``agreement`` or ``executed``.
        others: pairs by verdict.
        kept: pairs that an earlier run decided.
    """

    runs: int = 0
    kept: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)

    def count(self, verdict: Verdict, evidence: str) -> None:
        """Count a pair."""
        if verdict is Verdict.ACCEPTED:
            self.accepted[evidence] += 1
        else:
            self.others[verdict.value] += 1

    @property
    def pairs(self) -> int:
        """All that were counted."""
        return self.accepted.total() + self.others.total()

    def line(self) -> str:
        """How far the work is."""
        return f"{self.pairs} pairs, {self.runs} runs"

    def lines(self) -> list[str]:
        """What came of it."""
        evidence = ", ".join(f"{count} by {name}" for name, count in sorted(self.accepted.items()))
        others = ", ".join(f"{count} {name}" for name, count in self.others.most_common())
        return [
            f"{self.pairs} pairs, {self.runs} runs",
            f"accepted: {self.accepted.total()}{f' ({evidence})' if evidence else ''}",
            f"others: {self.others.total()}{f' ({others})' if others else ''}",
        ]
