"""A comparison that is proposed to the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from semi_instruct.harness.compare.comparison import Comparison


@dataclass(frozen=True, slots=True)
class ProposedComparison:
    """A comparison, and what speaks for it.

    Attributes:
        explains: dropped inputs on which all answers are the same under it: of the oracles, fixed and varied, and the
            one given with the input.
        disagreements: inputs dropped because they are not the same as things are.
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
