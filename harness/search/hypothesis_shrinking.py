"""Hypothesis's shrinker, started from a known value instead of one that Hypothesis has found.

A value is made of integers that are drawn from ranges, and the integers of the known value are known. Hypothesis gets
them through its example database, as if an earlier run had failed on them, so it need not find a failing value itself.
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

_MAX_VALUES = 500  # most are not smaller than the best or not valid, and cost only Hypothesis's time


class Choose(Protocol):
    """Draws the integers that a value is made of."""

    def __call__(self, low: int, high: int) -> int:
        """An integer from a range, ends included. The one nearest to zero is the simplest."""

    def part[Value](self, build: Callable[[Choose], Value]) -> Value:
        """A part of the value that can be left out as a whole without changing what is drawn after it."""


class CannotBuild(Exception):
    """No value can be made of the choices."""


class _Fails(Exception):
    """The failure that Hypothesis sees."""


class _Enough(BaseException):
    """Ends the shrinking. Hypothesis does not catch it."""


class _OneExample(ExampleDatabase):
    """A database with one example for every key, which saves no other."""

    def __init__(self, choices: Sequence[int]) -> None:
        super().__init__()
        # The extra choice keeps Hypothesis from taking the example for one that is already shrunk.
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
    """Let Hypothesis call ``fails`` on simpler and simpler values. The caller keeps the best.

    Args:
        build: makes a value of choices; raises CannotBuild.
        choices: the choices of a failing value, in order, without those from a range of one number.
        fails: whether a value fails; the same for equal values.
        goes_on: whether more values may be tried. Their number is bounded in any case.
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
    with _no_files(), suppress(_Fails, _Enough):  # failures, and the end of the shrinking
        shrink()


def _number(order: str) -> int:
    """A seed. Hypothesis does not accept text with lone surrogates."""
    return int.from_bytes(sha256(order.encode("utf-8", "surrogatepass")).digest())


@st.composite
def _built[Value](draw: st.DrawFn, build: Callable[[Choose], Value]) -> Value:
    try:
        return build(_Drawing(draw))
    except CannotBuild:
        reject()


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Draws every integer with Hypothesis."""

    draw: st.DrawFn

    def __call__(self, low: int, high: int) -> int:
        return low if low == high else self.draw(st.integers(low, high))

    def part[Value](self, build: Callable[[Choose], Value]) -> Value:
        return self.draw(_built(build))


@contextmanager
def _no_files() -> Iterator[None]:
    """Keep Hypothesis from creating a folder in the working directory."""
    set_hypothesis_home_dir(os.path.join(os.devnull, "hypothesis"))
    try:
        yield
    finally:
        set_hypothesis_home_dir(None)
