"""Work that needs runs, without doing them: what is asked for, in which order, and what it has cost.

An algorithm is a generator (:data:`Steps`): it yields the runs that it asks for (:class:`Ask`) and is sent their
outcomes. So it knows nothing of engines, threads or processes, and does not depend on the order in which runs end. The
runs of one problem wait in a queue with a budget (:class:`Work`), from which the scheduler takes them;
:func:`converse` puts the steps of a generator into it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Any

from semi_instruct.engine import Determinism, Limits, Outcome, Program, Status
from semi_instruct.harness.text import one_line

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


def converse[T](work: Work, steps: Steps[T], ended: Callable[[T], None]) -> None:
    """Line up what the steps ask for, and again when that is answered, until they end.

    Args:
        steps: about oracles: if one of them cannot be run, the problem is given up.
        ended: called with what the steps return; not if the problem is given up.
    """
    conversation = Conversation(steps, ended)

    def line_up() -> None:
        for number, ask in conversation.next_asks():
            work.line_up(partial(run, number, ask))

    def run(number: int, ask: Ask) -> Run:
        def done(outcome: Outcome) -> None:
            work.spent += min(outcome.cpu_time_s, ask.most_charged_s)
            if outcome.status is Status.SANDBOX_ERROR:
                work.give_up(f"an oracle could not be run: {one_line(outcome.detail)}")
                return
            conversation.answer(number, outcome)
            line_up()

        return Run(ask.program, ask.stdin, ask.args, ask.limits, done, Status.SANDBOX_ERROR)

    line_up()
