"""Lists the guesses of a format, and drops, widens or confirms them.

Guesses are numbered in reading order. A wrong guess is dropped (and a wider range may be guessed instead), a right one
is made certain. Both give a new format, in which the guesses are renumbered.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum

from semi_instruct.harness.inputs.stdin.model import (
    Amount,
    Block,
    Bound,
    Either,
    Format,
    Holds,
    Item,
    Line,
    Number,
    Range,
    Repeat,
    Traits,
    Word,
    counting_names,
)

_SIZES = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 200_000)
# Tasks limit values to a power of ten or to one less than it.
_VALUES = (9, 10, 20, 50, *(10**power - less for power in range(2, 10) for less in (1, 0)))
# In steps up to this width, every number is tried as the limit.
_NARROW_STEP = 40


class Doubt(StrEnum):
    """The subject of a guess."""

    RELATION = "relation"  # a bound that names another number
    ORDER = "order"  # a trait
    LEAST = "least"  # the least size: whether it may be 1
    REACH = "reach"  # the range of values
    SIZE = "size"  # the greatest size


def doubts(format_: Format) -> list[Doubt]:
    """The subject of each guess, in order."""
    rewriter = _Rewriter(counting_names(format_), lambda _: False, drop=False)
    rewriter.blocks(format_.blocks)
    return [guess.about for guess in rewriter.met]


def without(format_: Format, guesses: Set[int]) -> Format:
    """The format without these guesses. Guessed number ranges grow by a step instead."""
    return _rewritten(format_, guesses, drop=True)


def confirmed(format_: Format, guesses: Set[int]) -> Format:
    """The format with these guesses made certain."""
    return _rewritten(format_, guesses, drop=False)


def reaches_within_a_step(format_: Format, guess: int) -> list[int]:
    """Limits between this guess and the next step, in ascending order, for :func:`reaching`.

    Every number if the step is narrow, round numbers if it is wide. For a lower bound the limits are negated.
    """
    rewriter = _Rewriter(counting_names(format_), lambda _: False, drop=False)
    rewriter.blocks(format_.blocks)
    reach, end = (abs(bound.amount.plus) for bound in rewriter.met[guess].step)
    if end - reach <= _NARROW_STEP:
        return list(range(reach + 1, end))
    tens = [10**power for power in range(len(str(end)))]
    return sorted(number for ten in tens for times in range(1, 10) if reach < (number := times * ten) < end)


def reaching(format_: Format, guess: int, reach: int) -> Format:
    """The format with this guess replaced by a limit from :func:`reaches_within_a_step`."""
    return _rewritten(format_, {guess}, drop=True, reach=reach)


def _rewritten(format_: Format, guesses: Set[int], drop: bool, reach: int | None = None) -> Format:
    rewriter = _Rewriter(counting_names(format_), guesses.__contains__, drop, reach)
    return Format(rewriter.blocks(format_.blocks))


@dataclass(frozen=True, slots=True)
class _Guess:
    """A guess and, if it is a constant bound, the bound and the next step."""

    about: Doubt
    step: tuple[Bound, ...] = ()


@dataclass(slots=True)
class _Rewriter:
    counting: set[str]
    chosen: Callable[[int], bool]
    drop: bool
    reach: int | None = None  # instead of the next step
    met: list[_Guess] = field(default_factory=list)

    def blocks(self, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        return tuple(map(self._block, blocks))

    def _block(self, block: Block) -> Block:
        match block:
            case Line():
                return self._line(block)
            case Either(lines):
                return Either(tuple(map(self._line, lines)))
            case Repeat(_, body, traits):
                return replace(block, body=self.blocks(body), traits=self._traits(traits))

    def _line(self, line: Line) -> Line:
        return replace(line, items=tuple(map(self._item, line.items)))

    def _item(self, item: Item) -> Item:
        kind = item.kind
        if isinstance(kind, Number):
            kind = replace(kind, range=self._range(kind.range, item.name in self.counting))
        elif isinstance(kind, Word):
            kind = replace(kind, length=self._range(kind.length, counts=True))
        return replace(item, kind=kind, traits=self._traits(item.traits))

    def _range(self, limits: Range, counts: bool) -> Range:
        return Range(self._bounds(limits.low, counts, low=True), self._bounds(limits.high, counts, low=False))

    def _bounds(self, bounds: tuple[Bound, ...], counts: bool, low: bool) -> tuple[Bound, ...]:
        result: list[Bound] = []
        for bound in bounds:
            about = _about(bound, counts, low)
            wider = () if about is Doubt.RELATION else (self._widened(bound, counts, low),)
            if not bound.guessed or not self._meet(_Guess(about, (bound, *wider))):
                result.append(bound)
            elif not self.drop:
                result.append(replace(bound, guessed=False))
            else:
                result += wider
        return tuple(result)

    def _traits(self, traits: Traits) -> Traits:
        result: list[Holds] = []
        for held in traits:
            if not held.guessed or not self._meet(_Guess(Doubt.ORDER)):
                result.append(held)
            elif not self.drop:
                result.append(replace(held, guessed=False))
        return tuple(result)

    def _widened(self, bound: Bound, counts: bool, low: bool) -> Bound:
        if self.reach is None:
            return _a_step_wider(bound, counts, low)
        return Bound(Amount(-self.reach if low else self.reach), guessed=True)

    def _meet(self, guess: _Guess) -> bool:
        self.met.append(guess)
        return self.chosen(len(self.met) - 1)


def _about(bound: Bound, counts: bool, low: bool) -> Doubt:
    if bound.amount.names:
        return Doubt.RELATION
    if not counts:
        return Doubt.REACH
    return Doubt.LEAST if low else Doubt.SIZE


def _a_step_wider(bound: Bound, counts: bool, low: bool) -> Bound:
    """A constant bound moved one step further out. The last step is not a guess."""
    value = bound.amount.plus
    if counts and low:
        return Bound(Amount(1))
    reach = -value if low else value
    steps = [step for step in (_SIZES if counts else _VALUES) if step > reach]
    wider = steps[0] if steps else 10 ** len(str(max(reach - 1, 1)))
    return Bound(Amount(-wider if low else wider), guessed=len(steps) > 1)
