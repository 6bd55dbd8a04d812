"""Many inputs for one program in one sandbox: fast, and never a verdict.

The program is loaded once. It may keep state from one input to the next, and a hostile program may report anything. It
harms only itself, because every program has sandboxes of its own, and because a result is confirmed in a fresh sandbox
per input before it counts. Expected answers stay outside.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from semi_instruct.engine import Limits, Outcome, Program, Status
from semi_instruct.engine.inside import values
from semi_instruct.engine.inside.values import ValueRefused
from semi_instruct.harness.inputs.source import Answer, TestInput
from semi_instruct.harness.inside import run_repeatedly
from semi_instruct.harness.runs import Request, Steps

# Of one sandbox run: all together should take a second, and be a message of moderate size.
MAX_INPUTS = 200
MAX_BYTES = 1 << 19
# A program that has ended its sandbox on so many inputs is not run on the others.
MAX_ENDINGS = 3
_EXTRA_WALL_S = 30.0


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """What a program seems to do with an input.

    Attributes:
        answer: its answer; None if it failed.
    """

    answer: Answer | None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a program seems to do with many inputs.

    Attributes:
        answers: one for each input, in order; None where nothing is known.
        cpu_s: CPU seconds of all runs.
    """

    answers: list[Unconfirmed | None]
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


def run_batches(
    programs: Sequence[Program],
    inputs: Sequence[TestInput],
    limits: Limits,
    *,
    max_endings: int = MAX_ENDINGS,
    max_charged_s: float = inf,
) -> Steps[list[BatchResult]]:
    """What each program seems to do with each input.

    Args:
        limits: of one sandbox, however many inputs it is given. Its wall time is extended, because the result must not
            depend on the load of the machine.
        max_endings: the number of sandboxes of a program that may end early. Nothing is known of the inputs that are
            left then.
        max_charged_s: for each run, see ``harness.runs.Request``.
    """
    batches = [_Batches(program, inputs, max_endings) for program in programs]
    limits = replace(limits, wall_time=limits.wall_seconds + _EXTRA_WALL_S)
    while messages := [(each, message) for each in batches if (message := each.next_message())]:
        outcomes = yield [
            Request(each.program, message, limits=limits, max_charged_s=max_charged_s) for each, message in messages
        ]
        for (each, _), outcome in zip(messages, outcomes, strict=True):
            each.read(outcome)
    return [BatchResult(each.answers, each.cpu_s) for each in batches]


class _Batches:
    """One program on its way through the inputs.

    Attributes:
        program: to be run with :meth:`next_message` on stdin.
        answers: what is known of each input so far, in order.
        cpu_s: see :class:`BatchResult`.
    """

    def __init__(self, program: Program, inputs: Sequence[TestInput], max_endings: int) -> None:
        self.program = repeated(program)
        self.answers: list[Unconfirmed | None] = []
        self.cpu_s = 0.0
        self._original = program
        self._inputs = inputs
        self._endings_left = max_endings
        self._asked = 0

    def next_message(self) -> bytes:
        """The next inputs; empty at the end, or if the program has ended too many sandboxes."""
        while len(self.answers) < len(self._inputs):
            if not self._endings_left:
                self.answers += [None] * (len(self._inputs) - len(self.answers))
                break
            batch, message = _batch(self._inputs[len(self.answers) :])
            if message:
                self._asked = len(batch)
                return message
            self.answers.append(None)
        return b""

    def read(self, outcome: Outcome) -> None:
        """Read the answers from the outcome of the run on :meth:`next_message`."""
        known = _read(self._original, outcome, self._asked)
        self.answers += known
        self.cpu_s += outcome.cpu_time_s
        if len(known) < self._asked:
            self._endings_left -= 1
            self.answers.append(None)


def _batch(inputs: Sequence[TestInput]) -> tuple[Sequence[TestInput], bytes]:
    """The first inputs, as many as one run takes, and their message; empty if the first input has no encoding."""
    encoded: list[bytes] = []
    room = MAX_BYTES
    for test_input in inputs[:MAX_INPUTS]:
        one = _encoded(test_input)
        room -= len(one)
        if not one or (room < 0 and encoded):
            break
        encoded.append(one)
    return inputs[: max(1, len(encoded))], b"[" + b",".join(encoded) + b"]" if encoded else b""


def _encoded(test_input: TestInput) -> bytes:
    """An input in a message; empty if it is nested too deeply to be one of several."""
    try:
        # Nested in a list, as it will be.
        return values.dumps([test_input.stdin if test_input.args is None else list(test_input.args)])[1:-1]
    except ValueRefused:
        return b""


def _read(program: Program, outcome: Outcome, most: int) -> list[Unconfirmed]:
    """The answers that a run gave before it ended, whatever way it ended."""
    if outcome.status is Status.SANDBOX_ERROR:
        return []
    found = []
    for line in outcome.stdout.split(b"\n")[:-1][:most]:
        try:
            reported = values.loads(line)
        except ValueRefused:  # cut off, or not written by our driver: what follows is not believed
            break
        match reported:
            case [True, answer] if program.entry is not None or isinstance(answer, bytes):
                found.append(Unconfirmed(Answer(answer)))
            case [False, _]:
                found.append(Unconfirmed(None))
            case _:
                break
    return found
