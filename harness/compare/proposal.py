"""A proposed comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from semi_instruct.harness.compare.comparison import Comparison


@dataclass(frozen=True, slots=True)
class ProposedComparison:
    """A proposed comparison, and the evidence for it.

    Attributes:
        explains: number of dropped inputs on which all answers are equal under it: those of the oracles, in fixed and
            varied runs, and the one given with the input.
        disagreements: number of inputs dropped because the answers differ under the current comparison.
    """

    comparison: Comparison
    explains: int
    disagreements: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data; the comparison as a problem row states it."""
        return {
            "comparison": self.comparison.to_json(),
            "explains": self.explains,
            "disagreements": self.disagreements,
        }

    def __str__(self) -> str:
        return f"{self.comparison} would explain {self.explains} of {self.disagreements} disagreements"
