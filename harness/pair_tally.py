"""Counts what ``verify`` finds of pairs that have no oracle, and says it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from harness.dataset.pairs import Pair
from harness.verdicts import Verdict


@dataclass(slots=True)
class PairTally:
    """Running totals.

    Attributes:
        runs: programs run.
        accepted: pairs by what they stand on, ``agreement`` or ``executed``.
        others: pairs by verdict.
    """

    runs: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)

    def count(self, pair: Pair, evidence: str) -> None:
        """Count a pair."""
        if pair.verdict is Verdict.ACCEPTED:
            self.accepted[evidence] += 1
        else:
            self.others[pair.verdict.value] += 1

    def line(self) -> str:
        """How far the work is."""
        return f"{self.accepted.total() + self.others.total()} pairs, {self.runs} runs"

    def lines(self) -> list[str]:
        """What came of it."""
        pairs = self.accepted.total() + self.others.total()
        evidence = ", ".join(f"{count} by {name}" for name, count in sorted(self.accepted.items()))
        others = ", ".join(f"{count} {name}" for name, count in self.others.most_common())
        return [
            f"{pairs} pairs, {self.runs} runs",
            f"accepted: {self.accepted.total()}{f' ({evidence})' if evidence else ''}",
            f"others: {self.others.total()}{f' ({others})' if others else ''}",
        ]
