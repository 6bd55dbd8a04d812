"""The runs that one problem asks for: which wait, how many are being made, and what they have cost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from semi_instruct.engine import Determinism, Limits, Outcome, Program, Status


@dataclass(frozen=True, slots=True)
class Run:
    """A run that a problem asks for.

    Attributes:
        done: to be called with the outcome.
        if_refused: how it ends when the engine does not take it. An oracle's is our fault. A candidate's is its own: on
            the same input the oracles were taken.
        determinism: of the run, see ``engine.Determinism``.
    """

    program: Program
    stdin: bytes
    args: tuple[Any, ...]
    limits: Limits
    done: Callable[[Outcome], None]
    if_refused: Status
    determinism: Determinism = Determinism.FIXED


# What makes a run when its turn comes, or None if by then it is not wanted any more.
MakeRun = Callable[[], Run | None]


@dataclass(slots=True)
class Work:
    """What is to be done for one problem.

    Attributes:
        budget: CPU seconds after which nothing new is begun; None for no such end.
        spent: CPU seconds charged so far.
        fault: why the problem is given up, for a fault of ours; None if it is not.
        is_over_budget: as :meth:`check_budget` found it, for any part of it.
    """

    budget: float | None
    spent: float = 0.0
    fault: str | None = None
    is_over_budget: bool = False
    _waiting: deque[MakeRun] = field(default_factory=deque)
    _running: int = 0

    def line_up(self, make: MakeRun) -> None:
        """Have a run made after those that wait; none at all if the problem is given up."""
        if self.fault is None:
            self._waiting.append(make)

    def line_up_first(self, make: MakeRun) -> None:
        """Have a run made before those that wait."""
        if self.fault is None:
            self._waiting.appendleft(make)

    def next_run(self) -> Run | None:
        """The next of the runs that wait, or None. It counts as being made until its ``done`` is called."""
        while self._waiting:
            run = self._waiting.popleft()()
            if run is not None:
                self._running += 1
                return replace(run, done=partial(self._done, run.done))
        return None

    @property
    def is_waiting(self) -> bool:
        """Whether runs wait."""
        return bool(self._waiting)

    @property
    def is_running(self) -> bool:
        """Whether runs are being made."""
        return self._running > 0

    def check_budget(self, part: float = 1.0) -> bool:
        """Whether this part of the budget is spent, which then is said of the verdicts."""
        is_spent = self.budget is not None and self.spent >= part * self.budget
        self.is_over_budget |= is_spent
        return is_spent

    def note_over_budget(self) -> None:
        """Say of the verdicts that the budget has put an end to something."""
        self.is_over_budget = True

    def forget_all_but(self, part: float) -> None:
        """Count what was spent so far as no more than this part of the budget."""
        if self.budget is not None:
            self.spent = min(self.spent, part * self.budget)

    def give_up(self, why: str) -> None:
        """Drop what waits, and all that would be lined up."""
        self.fault = why
        self._waiting.clear()

    def _done(self, tell: Callable[[Outcome], None], outcome: Outcome) -> None:
        self._running -= 1
        tell(outcome)
