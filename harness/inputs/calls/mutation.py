"""Mutates the arguments of an example: types and structure stay, values and order change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from semi_instruct.harness.inputs.calls.inference import MAX_BOUND
from semi_instruct.harness.inputs.calls.ordering import hashable, identity, in_order, is_hashable
from semi_instruct.harness.inputs.calls.shapes import Text
from semi_instruct.harness.inputs.calls.text_drawing import BRACKETS, refill, tokens


@dataclass(frozen=True, slots=True)
class Mutation:
    """Makes random changes to values.

    Attributes:
        others: values of other arguments of the call and of the same argument in other calls.
        negative: whether numbers may become negative.
    """

    random: Random
    others: Sequence[Any] = ()
    negative: bool = False

    def changed(self, value: Any) -> Any:
        """A value of the same type with one change, if it can be changed."""
        same = [other for other in self.others if type(other) is type(value)]
        if same and self.random.random() < 0.1:
            return self.random.choice(same)
        match value:
            case bool():
                return not value
            case int():
                return self._whole(value)
            case float():
                return self._real(value)
            case str():
                return self._text(value)
            case list():
                return self._list(value)
            case tuple():
                return self._tuple(value)
            case set() | frozenset():
                return type(value)(hashable(self._list(sorted(value, key=identity))))
            case dict():
                return self._dict(value)
        return value

    def _whole(self, value: int) -> int:
        changed = self.random.choice(
            (value + 1, value - 1, value + 2, value * 2, value // 2, value * 10, value // 10, 0, 1, -value, value**2)
        )
        if abs(changed) > MAX_BOUND:
            return value
        return changed if changed >= 0 or self.negative else -changed

    def _real(self, value: float) -> float:
        nearest = float(round(value)) if abs(value) <= MAX_BOUND else value
        changed = self.random.choice(
            (
                value + 1,
                value - 1,
                value + 0.5,
                value / 2,
                value * 10,
                0.0,
                -value,
                nearest,
                nearest + 0.5,
                value + 1e-6,
            )
        )
        return changed if changed >= 0 or self.negative else -changed

    def _text(self, value: str) -> str:
        pieces = tokens(value)
        shape = Text("".join(sorted(set(value))) or "a")
        if not pieces:
            return self.random.choice((" ", "a", "1"))
        index = self.random.randrange(len(pieces))
        before, piece, after = pieces[:index], pieces[index], pieces[index + 1 :]
        other = self.random.choice(pieces)
        position = self.random.randrange(len(value))
        ways: tuple[Callable[[], str], ...] = (
            lambda: "".join([*before, refill(self.random, piece, shape, ()), *after]),
            lambda: "".join([*before, *after]),
            lambda: "".join([*before, piece, piece, *after]),
            lambda: "".join([*before, other, *after]),
            lambda: "".join([*before, piece.swapcase(), *after]),
            lambda: "".join([*before, piece[::-1], *after]),
            lambda: "".join(self.random.sample(pieces, len(pieces))),
            lambda: value[:position] + value[position + 1 :],
            lambda: value[:position] + value[position] + value[position:],
            lambda: value[:position] + self.random.choice(value) + value[position + 1 :],
            lambda: value[:position] + value[position].swapcase() + value[position + 1 :],
            lambda: value[: position + 1],
            lambda: value[position:] + value[:position],
            lambda: value + value[::-1],
            lambda: _turned(value, position),
        )
        return self.random.choice(ways)()

    def _list(self, value: list[Any]) -> list[Any]:
        items = list(value)
        if not items:
            return [other for other in self.others if not isinstance(other, list)][:1]
        index = self.random.randrange(len(items))
        if self.random.random() < 0.5:
            items[index] = self.changed(items[index])
            return items
        other = self.random.randrange(len(items))
        ways: tuple[Callable[[], list[Any]], ...] = (
            lambda: items[:index] + items[index + 1 :],
            lambda: [*items[:index], items[other], *items[index:]],
            lambda: [*items[:index], self.changed(items[other]), *items[index:]],
            lambda: [*items[:index], items[other], *items[index + 1 :]],
            lambda: self.random.sample(items, len(items)),
            lambda: items[::-1],
            lambda: items[index:] + items[:index],
            lambda: items[: index + 1],
            lambda: items + items[::-1],
            lambda: items + items[-2::-1],
            lambda: items + items[: index + 1],
            lambda: [items[index]] * len(items),
            lambda: in_order(items),
            lambda: [self.changed(item) for item in items],
        )
        return self.random.choice(ways)()

    def _tuple(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if not value:
            return value
        index = self.random.randrange(len(value))
        return (*value[:index], self.changed(value[index]), *value[index + 1 :])

    def _dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        if not value:
            return {}
        key = self.random.choice(list(value))
        rest = {other: item for other, item in value.items() if other != key}
        changed = self.changed(key)
        renamed = changed if is_hashable(changed) else key
        match self.random.randrange(4):
            case 0:
                return rest
            case 1:
                return rest | {renamed: value[key]}
            case 2:
                return value | {renamed: value[key]}
        return value | {key: self.changed(value[key])}


def _turned(value: str, position: int) -> str:
    """The text with the bracket at ``index`` turned round, or any other character there doubled."""
    character = value[position]
    for opening, closing in BRACKETS:
        if character in (opening, closing):
            return value[:position] + (closing if character == opening else opening) + value[position + 1 :]
    return value[:position] + character * 2 + value[position + 1 :]
