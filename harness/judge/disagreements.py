"""Proposes a comparison when oracles disagree: the strictest one under which they agree.

Oracles that print the same lines in different orders, or decimals with fewer digits, disagree on most inputs. These
inputs are dropped, and few test cases are left. The comparison that explains the differences is only proposed: it is
used when the problem's row or the user asks for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import msgspec

from semi_instruct.harness.compare.comparison import WORD_KINDS, Comparison
from semi_instruct.harness.compare.proposal import ProposedComparison
from semi_instruct.harness.inputs.source import Answer, TestInput
from semi_instruct.harness.judge.consensus import TestCase, settle

# Tolerances that tasks ask for, and rounding to a few places.
_WIDER_TOLERANCES = (1e-5, 1e-4, 1e-3, 1e-2)
# A comparison that explains a smaller share of the disagreements is not proposed, because invalid inputs cause
# disagreements of every kind.
_MIN_SHARE = 0.5


@dataclass(slots=True)
class Disagreements:
    """The inputs of a problem on which the answers differ under the problem's comparison."""

    comparison: Comparison
    _explained_by: dict[int, list[Comparison]] = field(default_factory=dict)

    def record(self, index: int, test_input: TestInput, answers: Sequence[Answer | None]) -> None:
        """Record an input, and the comparisons under which the answers would agree.

        Args:
            index: of the input among all that were taken.
            answers: of the oracles, including those of varied runs.
        """
        self._explained_by[index] = [
            looser
            for looser in looser_than(self.comparison)
            if isinstance(settle(index, test_input, answers, looser), TestCase)
        ]

    def proposal(self, counted: Collection[int]) -> ProposedComparison | None:
        """The strictest of the comparisons that explain the most disagreements, if they are enough.

        Args:
            counted: indexes of the inputs that count.
        """
        explained = [looser for index, looser in self._explained_by.items() if index in counted]
        ranked = [
            (sum(candidate in looser for looser in explained), -strictness)
            for strictness, candidate in enumerate(looser_than(self.comparison))
        ]
        explains, position = max(ranked, default=(0, 0))
        if not explains or explains < _MIN_SHARE * len(explained):
            return None
        return ProposedComparison(looser_than(self.comparison)[-position], explains, len(explained))


def looser_than(comparison: Comparison) -> tuple[Comparison, ...]:
    """Comparisons that take more for the same, the strictest first: white space, case, tolerance, order of lines."""
    if comparison.kind == "checker":
        return ()
    wider = [width for width in _WIDER_TOLERANCES if width > max(comparison.tolerance)]
    if comparison.kind == "value":
        return tuple(_within(comparison, width) for width in wider)
    words = comparison if comparison.kind in WORD_KINDS else Comparison("tokens")
    ladder = [Comparison("lines"), words] if comparison.kind == "exact" else [words]
    ladder.append(msgspec.structs.replace(words, ignore_case=True))
    ladder.extend(_within(words, width) for width in wider)
    unordered = msgspec.structs.replace(words, kind="unordered_lines")
    ladder.extend((unordered, msgspec.structs.replace(unordered, ignore_case=True)))
    return tuple(looser for looser in dict.fromkeys(ladder) if looser != comparison)


def _within(comparison: Comparison, width: float) -> Comparison:
    return msgspec.structs.replace(comparison, absolute_tolerance=width, relative_tolerance=width)
