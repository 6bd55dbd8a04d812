"""Hypothesis's shrinker started from a value that is known, instead of one that Hypothesis has found.

Everything that is drawn is an integer from a range, and the integers that make up the known value are known. They are
handed to Hypothesis by way of its database of examples, as if an earlier run had failed on them: so nothing needs to be
found by luck.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.control import reject
from hypothesis.database import ExampleDatabase, choices_to_bytes

_MAX_VALUES = 500  # most of them are no smaller than the best, or not valid, and cost only Hypothesis's time


class Choose(Protocol):
    """Chooses integers, of which a value is made."""

    def __call__(self, low: int, high: int) -> int:
        """An integer from a range, both ends included; the nearest one to zero is the simplest."""

    def part[Value](self, build: Callable[[Choose], Value]) -> Value:
        """A part of the value, which can be left out as a whole: what comes after it is chosen just the same."""


class CannotBuild(Exception):
    """The choices made so far lead nowhere."""


class _Fails(Exception):
    """What Hypothesis sees of a value that fails."""


class _Enough(BaseException):
    """Ends the shrinking; Hypothesis lets it through."""


class _OneExample(ExampleDatabase):
    """Holds one example whatever it is asked for, and keeps no other."""

    def __init__(self, choices: Sequence[int]) -> None:
        super().__init__()
        # With one choice too many the example is not taken for one that was shrunk already.
        self._example = choices_to_bytes([*choices, 0])

    def fetch(self, key: bytes) -> Iterable[bytes]:
        del key
        return (self._example,)

    def save(self, key: bytes, value: bytes) -> None:
        del key, value

    def delete(self, key: bytes, value: bytes) -> None:
        del key, value


def shrink_choices[Value](
    build: Callable[[Choose], Value],
    choices: Sequence[int],
    fails: Callable[[Value], bool],
    goes_on: Callable[[], bool],
    order: str,
) -> None:
    """Let Hypothesis call ``fails`` on simpler and simpler values; the caller notes the best.

    Args:
        build: makes a value of choices; raises CannotBuild.
        choices: those that make a value that fails, in order, but none from a range of one number.
        fails: says the same of the same value.
        goes_on: whether more values may be tried; there is an end to them anyway.
        order: decides the order in which some simplifications are tried.
    """

    values = 0

    def test(value: Value) -> None:
        nonlocal values
        values += 1
        if values > _MAX_VALUES or not goes_on():
            raise _Enough
        if fails(value):
            raise _Fails

    how = settings(
        database=_OneExample(choices),
        phases=(Phase.reuse, Phase.shrink),
        deadline=None,
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    # The seed takes the database away, so settings come after it.
    shrink = how(seed(_number(order))(given(_built(build))(test)))
    with _no_files(), suppress(_Fails, _Enough):  # how Hypothesis is told, and told to stop; what was found is kept
        shrink()


def _number(order: str) -> int:
    """A seed. Hypothesis takes texts, too, but none that UTF-8 has no bytes for."""
    return int.from_bytes(sha256(order.encode("utf-8", "surrogatepass")).digest())


@st.composite
def _built[Value](draw: st.DrawFn, build: Callable[[Choose], Value]) -> Value:
    try:
        return build(_Drawing(draw))
    except CannotBuild:
        reject()


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Every choice is one of Hypothesis."""

    draw: st.DrawFn

    def __call__(self, low: int, high: int) -> int:
        return low if low == high else self.draw(st.integers(low, high))

    def part[Value](self, build: Callable[[Choose], Value]) -> Value:
        return self.draw(_built(build))


@contextmanager
def _no_files() -> Iterator[None]:
    """Hypothesis leaves no folder where the caller happens to be."""
    set_hypothesis_home_dir(os.path.join(os.devnull, "hypothesis"))
    try:
        yield
    finally:
        set_hypothesis_home_dir(None)
