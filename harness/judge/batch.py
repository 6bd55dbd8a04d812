"""Many inputs for one program in one sandbox: a fast look, never a verdict.

The program is loaded once. It may keep things from one input to the next, and a hostile one may say anything; either
harms nobody but itself, as every program has sandboxes of its own and whatever is found is run again, each input in a
fresh sandbox, before it is believed. Expected answers stay outside.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Protocol

from semi_instruct.engine import Limits, Outcome, Program, Status
from semi_instruct.engine.inside import values
from semi_instruct.engine.inside.values import ValueRefused
from semi_instruct.harness.inputs.source import Answer, TestInput
from semi_instruct.harness.inside import run_repeatedly
from semi_instruct.harness.judge.consensus import Drop, TestCase, settle
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.runs import Ask, Steps

# Of one sandbox run: together they should take a second, and be a message of moderate size.
MAX_INPUTS = 200
MAX_BYTES = 1 << 19
# After so many inputs that a program did not survive, it is not asked any more.
ENDINGS = 3
_PATIENCE_S = 30.0


OnRun = Callable[[Outcome], None]


class Submits(Protocol):
    """What is asked of an engine."""

    def submit(
        self, program: Program, stdin: bytes = b"", args: Sequence[Any] = (), limits: Limits = ...
    ) -> Future[Outcome]:
        """Start a run."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a program seems to do with an input.

    Attributes:
        answer: what it answered; None if it failed.
    """

    answer: Answer | None


@dataclass(frozen=True, slots=True)
class Look:
    """What a program seems to do with many inputs.

    Attributes:
        glimpses: one for each input, in order; None where nothing is known.
        cpu_s: CPU seconds that took.
    """

    glimpses: list[Glimpse | None]
    cpu_s: float


def repeated(program: Program) -> Program:
    """A Python program that answers a list of inputs as another answers each; see ``harness.inside.run_repeatedly``."""
    text = (
        f"(lambda crossing, own: exec({inspect.getsource(values)!r}, crossing)"
        f" or exec({inspect.getsource(run_repeatedly)!r}, own)"
        f" or own['run_repeatedly']({program.source_bytes!r}, {program.entry!r}, crossing['loads'], crossing['dumps'])"
        f")({{'__name__': 'values'}}, {{'__name__': 'run_repeatedly'}})\n"
    )
    return replace(program, source=text, entry=None)


def looks(
    programs: Sequence[Program],
    inputs: Sequence[TestInput],
    limits: Limits,
    *,
    endings: int = ENDINGS,
    most_charged_s: float = inf,
) -> Steps[list[Look]]:
    """What each program seems to do with each input.

    Args:
        limits: of the run of a sandbox, whether it is given one input or many. It gets more time on the wall, as a look
            must not depend on what else the machine does.
        endings: how many sandboxes of a program may end early; of the inputs that are left then, nothing is known.
        most_charged_s: for each run, see ``harness.runs.Ask``.
    """
    lookers = [_Looker(program, inputs, endings) for program in programs]
    limits = _patient(limits)
    while busy := [(looker, message) for looker in lookers if (message := looker.next_message())]:
        outcomes = yield [
            Ask(looker.program, message, limits, most_charged_s=most_charged_s) for looker, message in busy
        ]
        for (looker, _), outcome in zip(busy, outcomes, strict=True):
            looker.read(outcome)
    return [Look(looker.seen, looker.cpu_s) for looker in lookers]


def glimpses(
    engine: Submits,
    program: Program,
    inputs: Sequence[TestInput],
    limits: Limits,
    endings: int = ENDINGS,
    on_run: OnRun | None = None,
) -> Iterator[tuple[TestInput, Glimpse | None]]:
    """Each input with what the program seems to do with it, in order and lazily; None where nothing is known.

    Args:
        limits: as for :func:`looks`.
        on_run: called with the outcome of each run of a sandbox.
        endings: see :func:`looks`.
    """
    looker, told = _Looker(program, inputs, endings), 0
    limits = _patient(limits)
    while message := looker.next_message():
        outcome = engine.submit(looker.program, stdin=message, limits=limits).result()
        looker.read(outcome)
        if on_run is not None:
            on_run(outcome)
        yield from zip(inputs[told : len(looker.seen)], looker.seen[told:], strict=True)
        told = len(looker.seen)
    yield from zip(inputs[told:], looker.seen[told:], strict=True)


def _patient(limits: Limits) -> Limits:
    return replace(limits, wall_time=limits.wall_seconds + _PATIENCE_S)


class _Looker:
    """One program on its way through the inputs.

    Attributes:
        program: to be run with :meth:`next_message` on stdin.
        seen: what is known of each input so far, in order.
        cpu_s: see :class:`Look`.
    """

    def __init__(self, program: Program, inputs: Sequence[TestInput], endings: int) -> None:
        self.program = repeated(program)
        self.seen: list[Glimpse | None] = []
        self.cpu_s = 0.0
        self._looked_at = program
        self._inputs = inputs
        self._endings_left = endings
        self._asked = 0

    def next_message(self) -> bytes:
        """The next inputs; nothing when all are seen, or the program has ended itself too often."""
        while len(self.seen) < len(self._inputs):
            if not self._endings_left:
                self.seen += [None] * (len(self._inputs) - len(self.seen))
                break
            batch, message = _batch(self._inputs[len(self.seen) :])
            if message:
                self._asked = len(batch)
                return message
            self.seen.append(None)
        return b""

    def read(self, outcome: Outcome) -> None:
        """Take in how the run for these ended."""
        known = _read(self._looked_at, outcome, self._asked)
        self.seen += known
        self.cpu_s += outcome.cpu_time_s
        if len(known) < self._asked:
            self._endings_left -= 1
            self.seen.append(None)


def seeming_case(problem: Problem, test_input: TestInput, looks: Sequence[Glimpse | None]) -> TestCase | Drop | None:
    """What the oracles seem to make of an input, given a look at each; None if one is missing."""
    answers = [look.answer for look in looks if look is not None]
    return settle(0, test_input, answers, problem.how_compared) if len(answers) == len(looks) else None


def _batch(inputs: Sequence[TestInput]) -> tuple[Sequence[TestInput], bytes]:
    """The first inputs, as many as one run takes, and how they are told; nothing if the first cannot be told."""
    told: list[bytes] = []
    room = MAX_BYTES
    for test_input in inputs[:MAX_INPUTS]:
        crossing = _crossing(test_input)
        room -= len(crossing)
        if not crossing or (room < 0 and told):
            break
        told.append(crossing)
    return inputs[: max(1, len(told))], b"[" + b",".join(told) + b"]" if told else b""


def _crossing(test_input: TestInput) -> bytes:
    """An input as it is told; nothing if it is nested so deeply that it cannot be one of several."""
    try:
        # Nested in a list, as it will be.
        return values.dumps([test_input.stdin if test_input.args is None else list(test_input.args)])[1:-1]
    except ValueRefused:
        return b""


def _read(program: Program, outcome: Outcome, most: int) -> list[Glimpse]:
    """The answers a run gave before it ended, whatever way it ended."""
    if outcome.status is Status.SANDBOX_ERROR:
        return []
    found = []
    for line in outcome.stdout.split(b"\n")[:-1][:most]:
        try:
            told = values.loads(line)
        except ValueRefused:  # cut off, or not ours: what follows is not believed
            break
        match told:
            case [True, answer] if program.entry is not None or isinstance(answer, bytes):
                found.append(Glimpse(Answer(answer)))
            case [False, _]:
                found.append(Glimpse(None))
            case _:
                break
    return found
