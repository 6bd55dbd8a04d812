"""Relations that hold between the arguments of all known calls, and how to restore them in generated calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from semi_instruct.harness.inputs.calls.ordering import identity
from semi_instruct.harness.inputs.calls.text_drawing import tokens

Arguments = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class LengthDifference:
    """One argument is longer than another by the same number of items in every call.

    Attributes:
        certain: whether it was seen with at least two different lengths, so that chance is unlikely.
    """

    first: int
    second: int
    difference: int
    certain: bool

    def restore(self, arguments: Arguments) -> Arguments:
        """Shorten the longer argument."""
        one, other = arguments[self.first], arguments[self.second]
        if not (_has_length(one) and _has_length(other)):
            return arguments
        length = min(len(one), len(other) + self.difference)
        changed = list(arguments)
        changed[self.first] = one[: max(length, 0)]
        changed[self.second] = other[: max(length - self.difference, 0)]
        return tuple(changed)


@dataclass(frozen=True, slots=True)
class AtMostLength:
    """A number is never more than the length of another argument."""

    number: int
    sized: int
    certain: bool

    def restore(self, arguments: Arguments) -> Arguments:
        """Reduce the number modulo the length."""
        number, sized = arguments[self.number], arguments[self.sized]
        if not (_is_whole(number) and _has_length(sized)) or number <= len(sized):
            return arguments
        changed = list(arguments)
        changed[self.number] = number % (len(sized) + 1)
        return tuple(changed)


@dataclass(frozen=True, slots=True)
class NotMore:
    """A number is never more than another."""

    lower: int
    upper: int
    certain: bool

    def restore(self, arguments: Arguments) -> Arguments:
        """Swap the numbers if they are in the wrong order."""
        lower, upper = arguments[self.lower], arguments[self.upper]
        if not (_is_number(lower) and _is_number(upper)) or lower <= upper:
            return arguments
        changed = list(arguments)
        changed[self.lower], changed[self.upper] = upper, lower
        return tuple(changed)


Relation = LengthDifference | AtMostLength | NotMore

# Numbers in the same order in this many calls are unlikely to be so by chance.
_CERTAIN_NUMBERS = 6
_GREATEST_DIFFERENCE = 1


def relations(calls: Sequence[Arguments]) -> tuple[Relation, ...]:
    """The relations that hold in all calls with the maximum number of arguments."""
    most = max(map(len, calls), default=0)
    whole = [call for call in calls if len(call) == most]
    return tuple(
        relation
        for first, second in permutations(range(most), 2)
        for relation in _between(first, second, [(call[first], call[second]) for call in whole])
    )


def restore(found: Sequence[Relation], arguments: Arguments, keeps: Callable[[Relation], bool]) -> Arguments:
    """The arguments changed so that the relations selected by ``keeps`` hold."""
    for relation in found:
        if keeps(relation) and max(_indices(relation)) < len(arguments):
            arguments = relation.restore(arguments)
    return arguments


def _indices(relation: Relation) -> tuple[int, int]:
    match relation:
        case LengthDifference(first, second):
            return first, second
        case AtMostLength(number, sized):
            return number, sized
        case NotMore(lower, upper):
            return lower, upper


def _between(first: int, second: int, pairs: list[tuple[Any, Any]]) -> Iterator[Relation]:
    if first < second and all(_is_plain_row(one) and _is_plain_row(other) for one, other in pairs):
        differences = {len(one) - len(other) for one, other in pairs}
        if len(differences) == 1 and max(map(abs, differences)) <= _GREATEST_DIFFERENCE:
            yield LengthDifference(first, second, differences.pop(), len({len(one) for one, _ in pairs}) > 1)
    if all(_is_whole(one) and _has_length(other) and one <= len(other) for one, other in pairs):
        yield AtMostLength(first, second, len(set(map(identity, pairs))) > 1)
    if all(_is_number(one) and _is_number(other) and one <= other for one, other in pairs):
        yield NotMore(first, second, len(set(pairs)) >= _CERTAIN_NUMBERS)


def _has_length(value: Any) -> bool:
    return isinstance(value, list | str | tuple)


def _is_plain_row(value: Any) -> bool:
    """Whether the value can be shortened: a list, or a text without separate parts."""
    return isinstance(value, list) or (isinstance(value, str) and len(tokens(value)) <= 1)


def _is_whole(value: Any) -> bool:
    return type(value) is int


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
