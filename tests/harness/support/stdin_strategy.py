"""Inputs of a format as a Hypothesis strategy."""

from __future__ import annotations

from itertools import product
from random import Random

from hypothesis import strategies as st
from hypothesis.control import reject

from semi_instruct.harness.inputs.stdin.choosers import Profile, SeededChooser, Sizes, Style
from semi_instruct.harness.inputs.stdin.drawing import CannotDraw, draw
from semi_instruct.harness.inputs.stdin.model import Format

_SMALL = 6
_MEDIUM = 40
_LARGE = 5_000

# Large inputs are drawn by a seed, since Hypothesis keeps its choices few; they shrink by way of small ones.
_PROFILES = [
    Profile(cap, span, style, sizes)
    for cap, span, style, sizes in product(
        (_SMALL, _MEDIUM, _LARGE), (5, None), Style, (Sizes.ANY, Sizes.MOST, Sizes.LEAST)
    )
]


def inputs_of(format_: Format) -> st.SearchStrategy[str]:
    """Whole inputs, from the smallest to large ones; shrinks to the smallest."""
    return st.one_of(_drawn(format_, _SMALL), _drawn(format_, _MEDIUM), _seeded(format_))


@st.composite
def _drawn(draw_from: st.DrawFn, format_: Format, cap: int) -> str:
    try:
        return draw(format_, _HypothesisChooser(draw_from, cap))
    except CannotDraw:
        reject()


@st.composite
def _seeded(draw_from: st.DrawFn, format_: Format) -> str:
    profile = draw_from(st.sampled_from(_PROFILES))
    seed = draw_from(st.integers(0, 2**32 - 1))
    try:
        return draw(format_, SeededChooser(Random(seed), profile))
    except CannotDraw:
        reject()


class _HypothesisChooser:
    """Every choice is one of Hypothesis."""

    def __init__(self, draw_from: st.DrawFn, cap: int) -> None:
        self._draw = draw_from
        self._cap = cap

    def size(self, low: int, high: int, depth: int) -> int:
        return self._draw(st.integers(low, max(low, min(high, int(self._cap ** (1 / depth))))))

    def number(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def numbers(self, low: int, high: int, count: int) -> list[int]:
        return [self.number(low, high) for _ in range(count)]

    def distinct(self, low: int, high: int, count: int) -> list[int]:
        return self._draw(st.lists(st.integers(low, high), min_size=count, max_size=count, unique=True))

    def letters(self, alphabet: str, count: int) -> str:
        return "".join(alphabet[place] for place in self.numbers(0, len(alphabet) - 1, count))

    def order(self, count: int) -> list[int]:
        return self._draw(st.permutations(range(count)))

    def parent(self, node: int) -> int:
        return self.number(0, node - 1)
