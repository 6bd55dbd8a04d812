"""Many inputs for one program in one sandbox: a fast look, never a verdict.

The program is loaded once. It may keep things from one input to the next, and a hostile one may say anything; either
harms nobody but itself, as every program has sandboxes of its own and whatever is found is run again, each input in a
fresh sandbox, before it is believed. Expected answers stay outside.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine import Limits, Outcome, Program, Status
from engine.inside import values
from engine.inside.values import ValueRefused
from harness import run_repeatedly
from harness.asking import Ask, Steps
from harness.inputs import Answer, TestInput

# Of one sandbox run: together they should take a second, and be a message of moderate size.
MOST_INPUTS = 200
MOST_BYTES = 1 << 20
# After so many inputs that a program did not survive, it is not asked any more.
_MOST_ENDINGS = 3
_PATIENCE_S = 30.0


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
    """A Python program that answers a list of inputs as another answers each; see ``harness.run_repeatedly``."""
    text = (
        f"(lambda crossing, own: exec({inspect.getsource(values)!r}, crossing)"
        f" or exec({inspect.getsource(run_repeatedly)!r}, own)"
        f" or own['run_repeatedly']({program.source_bytes!r}, {program.entry!r}, crossing['loads'], crossing['dumps'])"
        f")({{'__name__': 'values'}}, {{'__name__': 'run_repeatedly'}})\n"
    )
    return replace(program, source=text, entry=None)


def looks(
    programs: Sequence[Program], inputs: Sequence[TestInput], limits: Limits, *, are_charged: bool = True
) -> Steps[list[Look]]:
    """What each program seems to do with each input.

    Args:
        limits: of a run of many inputs. They get more time on the wall, as a look must not depend on what else the
            machine does.
        are_charged: see ``harness.asking.Ask``.
    """
    lookers = [_Looker(program, inputs) for program in programs]
    limits = replace(limits, wall_time=limits.wall_seconds + _PATIENCE_S)
    while busy := [looker for looker in lookers if looker.has_more()]:
        outcomes = yield [looker.ask(limits, are_charged) for looker in busy]
        for looker, outcome in zip(busy, outcomes, strict=True):
            looker.read(outcome)
    return [Look(looker.seen, looker.cpu_s) for looker in lookers]


class _Looker:
    """One program on its way through the inputs.

    Attributes:
        seen: what is known of each input so far, in order.
        cpu_s: see :class:`Look`.
    """

    def __init__(self, program: Program, inputs: Sequence[TestInput]) -> None:
        self.seen: list[Glimpse | None] = []
        self.cpu_s = 0.0
        self._program = program
        self._repeated = repeated(program)
        self._inputs = inputs
        self._asked = 0
        self._endings = 0

    def has_more(self) -> bool:
        """Whether inputs are left; a program that ended itself too often is not asked again."""
        if self._endings >= _MOST_ENDINGS:
            self.seen += [None] * (len(self._inputs) - len(self.seen))
        return len(self.seen) < len(self._inputs)

    def ask(self, limits: Limits, is_charged: bool) -> Ask:
        """The run for the next inputs."""
        batch = _batch(self._inputs[len(self.seen) :])
        self._asked = len(batch)
        return Ask(self._repeated, values.dumps([_crossing(each) for each in batch]), limits, is_charged=is_charged)

    def read(self, outcome: Outcome) -> None:
        """Take in how that run ended."""
        known = _read(self._program, outcome, self._asked)
        self.seen += known
        self.cpu_s += outcome.cpu_time_s
        if len(known) < self._asked:
            self._endings += 1
            self.seen.append(None)


def _batch(inputs: Sequence[TestInput]) -> Sequence[TestInput]:
    """The first inputs, as many as one run takes, at least one."""
    room = MOST_BYTES
    for place, test_input in enumerate(inputs[:MOST_INPUTS]):
        room -= len(values.dumps(_crossing(test_input)))
        if room < 0:
            return inputs[: max(place, 1)]
    return inputs[:MOST_INPUTS]


def _crossing(test_input: TestInput) -> Any:
    return test_input.stdin if test_input.args is None else list(test_input.args)


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
