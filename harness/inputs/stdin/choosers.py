"""Makes the choices that a format leaves open, based on a seed and a profile."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Protocol

_NEXT_TO_THE_END = 0.15  # share of single numbers one step away from the end of their range
_WIDE = 1_000  # width above which a range is sampled at all magnitudes


class Chooser(Protocol):
    """Makes choices while an input is drawn. Ranges include both ends and are never empty."""

    def size(self, low: int, high: int, depth: int) -> int:
        """A size. A ``depth`` of 2 means that it is multiplied by one other size, and so on."""

    def number(self, low: int, high: int) -> int:
        """An integer."""

    def numbers(self, low: int, high: int, count: int) -> list[int]:
        """A list of integers."""

    def distinct(self, low: int, high: int, count: int) -> list[int]:
        """A list of distinct integers. The range contains at least ``count``."""

    def letters(self, alphabet: str, count: int) -> str:
        """A word."""

    def order(self, count: int) -> list[int]:
        """A permutation of the numbers from 0 to count - 1."""

    def parent(self, node: int) -> int:
        """The parent of a tree node: a node from 0 to node - 1."""


class Style(StrEnum):
    """The form of lists, words and trees. A sorted tree is a path, a tree of equal values a star."""

    RANDOM = "random"
    EQUAL = "equal"
    SORTED = "sorted"
    REVERSED = "reversed"
    ALTERNATING = "alternating"
    TIES = "ties"
    LEAST = "least"
    MOST = "most"
    POWERS_OF_TWO = "powers of two"
    ONE_DIFFERS = "one differs"
    PALINDROME = "palindrome"
    CONSECUTIVE = "consecutive"  # consecutive numbers from the minimum, shuffled


_MAY_ECHO = frozenset({Style.RANDOM, Style.ONE_DIFFERS, Style.TIES})


class Sizes(StrEnum):
    """The sizes that are drawn, up to the cap."""

    ANY = "any"
    LEAST = "least"
    MOST = "most"


@dataclass(frozen=True, slots=True)
class Profile:
    """The kind of input to draw.

    Attributes:
        cap: maximum product of nested sizes.
        span: width of the part of each range that is used, next to 0 or to the lower end; None for the whole range.
    """

    cap: int
    span: int | None = None
    style: Style = Style.RANDOM
    sizes: Sizes = Sizes.ANY


class SeededChooser:
    """Makes seeded choices according to a profile."""

    def __init__(self, random: Random, profile: Profile) -> None:
        self._random = random
        self._profile = profile
        self._last = 0
        self._last_letters = ""

    def size(self, low: int, high: int, depth: int) -> int:
        cap = int(self._profile.cap ** (1 / depth)) if depth > 1 else self._profile.cap
        high = max(low, min(high, cap))
        match self._profile.sizes:
            case Sizes.LEAST:
                return low
            case Sizes.MOST:
                return high
            case _:
                return self._uniform(low, high)

    def number(self, low: int, high: int) -> int:
        low, high = self._window(low, high, 1)
        match self._profile.style:
            case Style.LEAST:
                return min(high, low + self._a_step())
            case Style.MOST:
                return max(low, high - self._a_step())
            case Style.EQUAL | Style.ONE_DIFFERS if low <= self._last <= high and self._random.random() < 0.5:
                return self._last
            case Style.POWERS_OF_TWO:
                self._last = self._power(low, high)
            case _:
                self._last = self._any(low, high)
        return self._last

    def numbers(self, low: int, high: int, count: int) -> list[int]:
        if self._profile.style is Style.CONSECUTIVE and high - low + 1 >= count:
            least = max(low, min(0, high - count + 1))
            return self._random.sample(range(least, least + count), count)
        low, high = self._window(low, high, 1)
        values = [self._any(low, high) for _ in range(count)]
        match self._profile.style:
            case Style.EQUAL:
                return values[:1] * count
            case Style.SORTED:
                return sorted(values)
            case Style.REVERSED:
                return sorted(values, reverse=True)
            case Style.ALTERNATING:
                return [(low, high)[index % 2] for index in range(count)]
            case Style.TIES:
                return [self._random.choice(values[:2]) for _ in values]
            case Style.LEAST:
                return [low] * count
            case Style.MOST:
                return [high] * count
            case Style.POWERS_OF_TWO:
                return [self._power(low, high) for _ in values]
            case Style.ONE_DIFFERS if count:
                same = values[:1] * count
                same[self._random.randrange(count)] = values[-1]
                return same
            case Style.PALINDROME:
                half = values[: (count + 1) // 2]
                return half + half[::-1][count % 2 :]
        return values

    def distinct(self, low: int, high: int, count: int) -> list[int]:
        low, high = self._window(low, high, count)
        if self._profile.style is Style.MOST:
            values = list(range(high - count + 1, high + 1))
        elif self._profile.style is Style.LEAST:
            values = list(range(low, low + count))
        elif high - low + 1 <= 4 * count:
            values = self._random.sample(range(low, high + 1), count)
        else:
            found: dict[int, None] = {}
            while len(found) < count:
                found[self._uniform(low, high)] = None
            values = list(found)
        match self._profile.style:
            case Style.SORTED | Style.EQUAL:
                values.sort()
            case Style.REVERSED:
                values.sort(reverse=True)
            case Style.ALTERNATING:
                values.sort()
                values[::2], values[1::2] = values[: (count + 1) // 2], values[(count + 1) // 2 :]
            case Style.ONE_DIFFERS if count:
                values.sort()
                values.insert(self._random.randrange(count), values.pop(self._random.randrange(count)))
        return values

    def letters(self, alphabet: str, count: int) -> str:
        near = self._last_letters
        if near and self._profile.style in _MAY_ECHO and self._random.random() < 0.4 and set(near) <= set(alphabet):
            return self._echo(near, alphabet, count)
        order = self.order(len(alphabet))
        indices = self._letter_indices(len(alphabet), count)
        # Shuffle the alphabet, so that a word of one or two letters does not always use its first ones.
        self._last_letters = "".join(alphabet[order[index]] for index in indices)
        return self._last_letters

    def _echo(self, near: str, alphabet: str, count: int) -> str:
        """A word similar to the last one: one letter changed or letters shuffled, adjusted to the length ``count``."""
        letters = list(near)
        if letters and self._random.random() < 0.5:
            letters[self._random.randrange(len(letters))] = self._random.choice(alphabet)
        elif self._random.random() < 0.5:
            self._random.shuffle(letters)
        while len(letters) > count:
            del letters[self._random.randrange(len(letters))]
        while len(letters) < count:
            letters.insert(self._random.randint(0, len(letters)), self._random.choice(alphabet))
        return "".join(letters)

    def order(self, count: int) -> list[int]:
        values = list(range(count))
        if self._profile.style is Style.REVERSED:
            values.reverse()
        elif self._profile.style is not Style.SORTED:
            self._random.shuffle(values)
        return values

    def parent(self, node: int) -> int:
        match self._profile.style:
            case Style.SORTED | Style.REVERSED | Style.MOST:
                return node - 1
            case Style.EQUAL | Style.LEAST:
                return 0
            case Style.ALTERNATING:
                return max(0, node - 2)
            case Style.TIES:
                return (node - 1) // 2
            case Style.ONE_DIFFERS:
                return max(0, node - self._random.randint(1, 3))
        return self._random.randrange(node)

    def _letter_indices(self, letters: int, count: int) -> list[int]:
        last = letters - 1
        match self._profile.style:
            case Style.ALTERNATING:
                return [min(index % 2, last) for index in range(count)]
            case Style.LEAST | Style.MOST | Style.EQUAL:
                return [0] * count
            case Style.POWERS_OF_TWO:
                return [min(self._random.randrange(2), last) for _ in range(count)]
            case _:
                return self._random_indices(last, count)

    def _random_indices(self, last: int, count: int) -> list[int]:
        # One letter is often more frequent: a maze that is half walls has no path through it.
        usual = self._random.choice((0.0, 0.6, 0.85))
        values = [0 if self._random.random() < usual else self._uniform(0, last) for _ in range(count)]
        match self._profile.style:
            case Style.SORTED:
                return sorted(values)
            case Style.REVERSED:
                return sorted(values, reverse=True)
            case Style.TIES:
                return [self._random.choice(values[:2]) for _ in values]
            case Style.ONE_DIFFERS if count:
                indices = [0] * count
                indices[self._random.randrange(count)] = min(1, last)
                return indices
            case Style.PALINDROME:
                half = values[: (count + 1) // 2]
                return half + half[::-1][count % 2 :]
        return values

    def _window(self, low: int, high: int, count: int) -> tuple[int, int]:
        """The part of a range that the profile uses, wide enough for ``count`` distinct numbers."""
        if self._profile.span is None or high - low < max(self._profile.span, count):
            return low, high
        span = max(self._profile.span, 2 * count)
        if low < 0 <= high:
            return max(low, -span), min(high, span)
        return low, min(high, low + span)

    def _a_step(self) -> int:
        """0, or occasionally 1, because numbers at the end of a range may have to differ."""
        return int(self._random.random() < _NEXT_TO_THE_END)

    def _any(self, low: int, high: int) -> int:
        """A number in the range. In a wide range it is uniform, uniform in magnitude, or next to an end."""
        if high - low <= _WIDE:
            return self._uniform(low, high)
        kind = self._random.random()
        if kind < 0.5:
            return self._uniform(low, high)
        if kind < 0.6:
            return self._random.choice((low, low + 1, high - 1, high))
        bits = self._random.randint(0, max(abs(low), abs(high)).bit_length())
        value = self._random.getrandbits(bits) if bits else 0
        if low < 0 and self._random.random() < 0.5:
            value = -value
        return min(max(value, low), high)

    def _power(self, low: int, high: int) -> int:
        reach = max(abs(low), abs(high)).bit_length()
        value = (1 << self._random.randint(0, reach)) + self._random.choice((-1, 0, 0, 1))
        if low < 0 and self._random.random() < 0.5:
            value = -value
        return min(max(value, low), high)

    def _uniform(self, low: int, high: int) -> int:
        return self._random.randint(low, high)
