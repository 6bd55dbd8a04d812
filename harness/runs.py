"""Runs as data: algorithms ask for runs and receive outcomes; drivers make the runs.

An algorithm is a generator (:data:`Steps`). It yields the runs that it needs next (:class:`Request`), all of which may
be made at the same time, and is sent their outcomes in the same order. It does no I/O, so it depends neither on an
engine nor on the order in which runs end, and a test can drive it with outcomes of its own.

There are two drivers. :class:`Runner` takes the steps of one algorithm on an engine and blocks. :class:`RunQueue` holds
all algorithms of one problem and hands out one run at a time; the scheduler of ``harness.verification`` keeps an engine
busy from the queues of many problems.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any, Protocol

from semi_instruct.engine import Determinism, InvalidRequest, Limits, Outcome, Program, Status
from semi_instruct.harness.errors import RunFailed

type Steps[T] = Generator[Sequence[Request], Sequence[Outcome], T]

OnRun = Callable[[Outcome], None]
_DEFAULT_LIMITS = Limits()


class Submits(Protocol):
    """What a driver needs of an engine."""

    def submit(
        self,
        program: Program,
        stdin: bytes = b"",
        args: Sequence[Any] = (),
        limits: Limits = ...,
        *,
        determinism: Determinism = ...,
    ) -> Future[Outcome]:
        """Start a run."""


class Executor(Submits, Protocol):
    """What the scheduler needs of an engine."""

    @property
    def workers(self) -> int:
        """The number of runs that are executed at the same time."""


@dataclass(frozen=True, slots=True)
class Request:
    """A run that an algorithm asks for.

    Attributes:
        determinism: of the run, see ``engine.Determinism``.
        if_refused: the status of the outcome if the engine does not accept the run. For an oracle this is an internal
            error. For a candidate it is an error of the candidate.
        max_charged_s: the most CPU seconds of the run that count for a budget. It limits what a candidate can waste.
    """

    program: Program
    stdin: bytes = b""
    args: Sequence[Any] = ()
    limits: Limits = _DEFAULT_LIMITS
    determinism: Determinism = Determinism.FIXED
    if_refused: Status = Status.SANDBOX_ERROR
    max_charged_s: float = inf

    def refused(self, error: InvalidRequest) -> Outcome:
        """The outcome if the engine does not accept the run."""
        return Outcome(self.if_refused, detail=f"the engine refused the run: {error}")


def submit(engine: Submits, request: Request) -> Future[Outcome]:
    """Start a run. A run that the engine does not accept has an outcome, too; see :meth:`Request.refused`."""
    try:
        return engine.submit(
            request.program,
            stdin=request.stdin,
            args=request.args,
            limits=request.limits,
            determinism=request.determinism,
        )
    except InvalidRequest as error:
        future: Future[Outcome] = Future()
        future.set_result(request.refused(error))
        return future


def result_of(request: Request, future: Future[Outcome]) -> Outcome:
    """Wait for the outcome of a run that :func:`submit` has started."""
    try:
        return future.result()
    except InvalidRequest as error:
        return request.refused(error)


def observed[T](steps: Steps[T], observe: Callable[[Sequence[Outcome]], None]) -> Steps[T]:
    """The same steps. Calls ``observe`` with the outcomes that they are sent; if it raises, the steps end."""
    try:
        requests = next(steps)
        while True:
            outcomes = yield requests
            observe(outcomes)
            requests = steps.send(outcomes)
    except StopIteration as end:
        found: T = end.value
        return found


@dataclass(slots=True)
class Runner:
    """Takes steps on an engine and blocks until they end.

    Args:
        on_run: called with every outcome.
    """

    engine: Submits
    on_run: OnRun | None = None

    def run[T](self, steps: Steps[T]) -> T:
        """Make the runs that the steps ask for, and return what the steps return.

        Raises:
            Exception: whatever the steps raise.
        """
        ended: list[T] = []
        conversation = Conversation(steps, ended.append)
        while requests := conversation.next_requests():
            outcomes = self.make([request for _, request in requests])
            for (number, _), outcome in zip(requests, outcomes, strict=True):
                conversation.answer(number, outcome)
        return ended[0]

    def make(self, requests: Sequence[Request]) -> list[Outcome]:
        """Make runs, at the same time where the engine has workers, and return their outcomes in the same order."""
        started = [submit(self.engine, request) for request in requests]
        outcomes = []
        for request, future in zip(requests, started, strict=True):
            outcomes.append(result_of(request, future))
            if self.on_run is not None:
                self.on_run(outcomes[-1])
        return outcomes


class Conversation[T]:
    """Steps that are being taken.

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

    def next_requests(self) -> list[tuple[int, Request]]:
        """The runs that are needed now, numbered for :meth:`answer`. None while outcomes are missing, and at the end.

        Raises:
            Exception: whatever the steps raise; they are over then.
        """
        while not self._missing and not self.is_over:
            outcomes = [outcome for outcome in self._outcomes if outcome is not None]
            try:
                requests = self._steps.send(outcomes) if self._begun else next(self._steps)
            except StopIteration as end:
                self.is_over = True
                self._ended(end.value)
                break
            except BaseException:  # raised again
                self.is_over = True
                raise
            self._begun = True
            self._outcomes = [None] * len(requests)
            self._missing = len(requests)
            if requests:
                return list(enumerate(requests))
        return []

    def answer(self, number: int, outcome: Outcome) -> None:
        """Pass on the outcome of a run."""
        self._outcomes[number] = outcome
        self._missing -= 1

    @property
    def is_answered(self) -> bool:
        """Whether no outcome is missing."""
        return not self._missing


@dataclass(frozen=True, slots=True)
class Run:
    """A run whose turn has come.

    Attributes:
        done: to be called with the outcome.
    """

    request: Request
    done: Callable[[Outcome], None]


@dataclass(slots=True)
class RunQueue:
    """The steps of one problem that are under way, and what they have cost.

    Steps begin in the order in which they were added. Steps that have begun go first, because they hold outputs in
    memory.

    Attributes:
        budget: CPU seconds for the problem; None for no limit. The caller checks it (:meth:`check_budget`).
        spent: CPU seconds charged so far.
        fault: the internal error for which the problem was given up; None if it was not.
        is_over_budget: whether the budget, or a part of it, has ended something, which the verdicts report.
    """

    budget: float | None
    spent: float = 0.0
    fault: str | None = None
    is_over_budget: bool = False
    _waiting: deque[Callable[[], Run | None]] = field(default_factory=deque)
    _running: int = 0

    def add[T](self, steps: Steps[T], ended: Callable[[T], None]) -> None:
        """Have steps taken to their end. They begin when their turn comes.

        Steps that raise :class:`RunFailed` give up the problem.

        Args:
            ended: called with what the steps return; never if the problem is given up.
        """
        if self.fault is None:
            conversation = Conversation(steps, ended)
            self._waiting.append(partial(self._continue, conversation))

    def add_round[T](self, conversation: Conversation[T]) -> None:
        """Add the next runs of steps at the end of the queue. The caller decides when the steps go on."""
        if self.fault is None:
            self._waiting.extend(self._runs(conversation, lambda: None))

    def next_run(self) -> Run | None:
        """The next run, or None. It counts as running until its ``done`` is called."""
        while self._waiting:
            run = self._waiting.popleft()()
            if run is not None:
                self._running += 1
                return run
        return None

    @property
    def is_waiting(self) -> bool:
        """Whether steps or runs wait for their turn."""
        return bool(self._waiting)

    @property
    def is_running(self) -> bool:
        """Whether runs are being made."""
        return self._running > 0

    @property
    def is_idle(self) -> bool:
        """Whether no run is being made, and none waits."""
        return not self._running and not self._waiting

    def check_budget(self, part: float = 1.0) -> bool:
        """Return whether this part of the budget is spent; if so, the verdicts report it."""
        is_spent = self.budget is not None and self.spent >= part * self.budget
        self.is_over_budget |= is_spent
        return is_spent

    def note_over_budget(self) -> None:
        """Have the verdicts report that the budget has ended something."""
        self.is_over_budget = True

    def cap_spent(self, part: float) -> None:
        """Count what was spent so far as at most this part of the budget."""
        if self.budget is not None:
            self.spent = min(self.spent, part * self.budget)

    def give_up(self, why: str) -> None:
        """Drop everything that waits. Nothing can be added any more."""
        self.fault = why
        self._waiting.clear()

    def _continue(self, conversation: Conversation[Any]) -> None:
        runs = self._runs(conversation, partial(self._continue, conversation))
        self._waiting.extendleft(reversed(runs))

    def _runs(self, conversation: Conversation[Any], go_on: Callable[[], None]) -> list[Callable[[], Run]]:
        try:
            requests = conversation.next_requests()
        except RunFailed as error:
            self.give_up(error.why)
            return []
        return [partial(self._run, conversation, number, request, go_on) for number, request in requests]

    def _run(self, conversation: Conversation[Any], number: int, request: Request, go_on: Callable[[], None]) -> Run:
        def done(outcome: Outcome) -> None:
            self._running -= 1
            self.spent += min(outcome.cpu_time_s, request.max_charged_s)
            conversation.answer(number, outcome)
            if conversation.is_answered and self.fault is None:
                go_on()

        return Run(request, done)
