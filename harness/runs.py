"""Work that needs runs, written as a generator: it yields what it asks for and is sent the outcomes.

So it knows nothing of engines, threads or processes, and does not depend on the order in which runs end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from math import inf

from semi_instruct.engine import Limits, Outcome, Program

type Steps[T] = Generator[Sequence[Ask], Sequence[Outcome], T]


@dataclass(frozen=True, slots=True)
class Ask:
    """A run that is wanted.

    Attributes:
        most_charged_s: the most CPU seconds of it that count for a budget; what a candidate wastes must not.
    """

    program: Program
    stdin: bytes
    limits: Limits
    args: tuple[object, ...] = ()
    most_charged_s: float = inf


class Conversation[T]:
    """Steps being taken.

    Args:
        steps: not begun.
        ended: called with what the steps return.
    """

    def __init__(self, steps: Steps[T], ended: Callable[[T], None]) -> None:
        self._steps = steps
        self._ended = ended
        self._outcomes: list[Outcome | None] = []
        self._missing = 0
        self._begun = False
        self.is_over = False

    def next_asks(self) -> list[tuple[int, Ask]]:
        """What is asked for now, numbered for :meth:`answer`; nothing while answers are missing."""
        while not self._missing and not self.is_over:
            outcomes = [outcome for outcome in self._outcomes if outcome is not None]
            try:
                asks = self._steps.send(outcomes) if self._begun else next(self._steps)
            except StopIteration as end:
                self.is_over = True
                self._ended(end.value)
                break
            self._begun = True
            self._outcomes = [None] * len(asks)
            self._missing = len(asks)
            if asks:
                return list(enumerate(asks))
        return []

    def answer(self, number: int, outcome: Outcome) -> None:
        """Say how a run that was asked for ended."""
        self._outcomes[number] = outcome
        self._missing -= 1
