"""Inputs of a format as a list of choices (integers), which Hypothesis can simplify."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from semi_instruct.harness.inputs.stdin.choosers import Chooser
from semi_instruct.harness.inputs.stdin.drawing import CannotDraw, draw
from semi_instruct.harness.inputs.stdin.model import Format
from semi_instruct.harness.search.hypothesis_shrinking import CannotBuild, Choose


def text_of_choices(format_: Format, choose: Choose) -> str:
    """The input that the choices make.

    Raises:
        CannotBuild: the choices make no input.
    """
    try:
        return draw(format_, _Replaying(choose))
    except CannotDraw:
        raise CannotBuild from None


@dataclass(slots=True)
class Recording:
    """A chooser that uses another one and records the integers that :func:`text_of_choices` needs."""

    inner: Chooser
    choices: list[int] = field(default_factory=list)

    def size(self, low: int, high: int, depth: int) -> int:
        return self._noted(low, high, self.inner.size(low, high, depth))

    def number(self, low: int, high: int) -> int:
        return self._noted(low, high, self.inner.number(low, high))

    def numbers(self, low: int, high: int, count: int) -> list[int]:
        return [self._noted(low, high, number) for number in self.inner.numbers(low, high, count)]

    def distinct(self, low: int, high: int, count: int) -> list[int]:
        return [self._noted(low, high, number) for number in self.inner.distinct(low, high, count)]

    def letters(self, alphabet: str, count: int) -> str:
        word = self.inner.letters(alphabet, count)
        for letter in word:
            self._noted(0, len(alphabet) - 1, alphabet.index(letter))
        return word

    def order(self, count: int) -> list[int]:
        order = self.inner.order(count)
        rest = list(range(count))
        for number in order:
            self._noted(0, len(rest) - 1, rest.index(number))
            rest.remove(number)
        return order

    def parent(self, node: int) -> int:
        return self._noted(0, node - 1, self.inner.parent(node))

    def _noted(self, low: int, high: int, value: int) -> int:
        if low < high:
            self.choices.append(value)
        return value


@dataclass(frozen=True, slots=True)
class _Replaying:
    """Draws every choice as an integer; the simplest integer makes the simplest text."""

    choose: Choose

    def size(self, low: int, high: int, depth: int) -> int:
        del depth
        return self.choose(low, high)

    def number(self, low: int, high: int) -> int:
        return self.choose(low, high)

    def numbers(self, low: int, high: int, count: int) -> list[int]:
        return [self.choose(low, high) for _ in range(count)]

    def distinct(self, low: int, high: int, count: int) -> list[int]:
        taken: dict[int, None] = {}
        for _ in range(count):
            wanted = self.choose(low, high)
            taken[next(number for number in _from(wanted, low, high) if number not in taken)] = None
        return list(taken)

    def letters(self, alphabet: str, count: int) -> str:
        return "".join(alphabet[position] for position in self.numbers(0, len(alphabet) - 1, count))

    def order(self, count: int) -> list[int]:
        rest = list(range(count))
        return [rest.pop(self.choose(0, len(rest) - 1)) for _ in range(count)]

    def parent(self, node: int) -> int:
        return self.choose(0, node - 1)


def _from(wanted: int, low: int, high: int) -> Iterator[int]:
    """All numbers of a range: one number, then those above it, then those below it."""
    yield from range(wanted, high + 1)
    yield from range(wanted - 1, low - 1, -1)
