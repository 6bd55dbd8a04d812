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
from typing import Any, Protocol

from engine import Limits, Outcome, Program, Status
from engine.inside import values
from engine.inside.values import ValueRefused
from harness import run_repeatedly
from harness.inputs import Answer, TestInput
from harness.oracles import Drop, TestCase, settle
from harness.problems import Problem

# Of one sandbox run: together they should take a second, and be a message of moderate size.
MOST_INPUTS = 200
MOST_BYTES = 1 << 19
# After so many inputs that a program did not survive, it is not asked any more.
ENDINGS = 3


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


def repeated(program: Program) -> Program:
    """A Python program that answers a list of inputs as another answers each; see ``harness.run_repeatedly``."""
    text = (
        f"(lambda crossing, own: exec({inspect.getsource(values)!r}, crossing)"
        f" or exec({inspect.getsource(run_repeatedly)!r}, own)"
        f" or own['run_repeatedly']({program.source_bytes!r}, {program.entry!r}, crossing['loads'], crossing['dumps'])"
        f")({{'__name__': 'values'}}, {{'__name__': 'run_repeatedly'}})\n"
    )
    return replace(program, source=text, entry=None)


def glimpses(
    engine: Submits,
    program: Program,
    inputs: Sequence[TestInput],
    limits: Limits,
    endings: int = ENDINGS,
    on_run: OnRun | None = None,
) -> Iterator[tuple[TestInput, Glimpse | None]]:
    """Each input with what the program seems to do with it, in order; None where nothing is known.

    Args:
        limits: of the run of a sandbox, whether it is given one input or many.
        on_run: called with the outcome of each run of a sandbox.
        endings: how many sandboxes may end before their last input; of what then is left, nothing is known.
    """
    looker = repeated(program)
    rest, ended = list(inputs), 0
    while rest:
        batch, message = _batch(rest)
        known: list[Glimpse] = []
        if message and ended < endings:
            outcome = engine.submit(looker, stdin=message, limits=limits).result()
            known = _read(program, outcome, len(batch))
            if on_run is not None:
                on_run(outcome)
        yield from zip(batch, known, strict=False)
        done = len(known)
        if done < len(batch):
            ended += bool(message)
            yield batch[done], None
            done += 1
        rest = rest[done:]


def seeming_case(problem: Problem, test_input: TestInput, looks: Sequence[Glimpse | None]) -> TestCase | Drop | None:
    """What the oracles seem to make of an input, given a look at each; None if one is missing."""
    answers = [look.answer for look in looks if look is not None]
    return settle(0, test_input, answers, problem.how_compared) if len(answers) == len(looks) else None


def _batch(inputs: Sequence[TestInput]) -> tuple[Sequence[TestInput], bytes]:
    """The first inputs, as many as one run takes, and how they are told; nothing if the first cannot be told."""
    told: list[bytes] = []
    room = MOST_BYTES
    for test_input in inputs[:MOST_INPUTS]:
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
        except ValueRefused:
            break
        match told:
            case [True, answer] if program.entry is not None or isinstance(answer, bytes):
                found.append(Glimpse(Answer(answer)))
            case [False, _]:
                found.append(Glimpse(None))
            case _:
                break
    return found
