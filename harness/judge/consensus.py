"""Consensus of the oracles: the output that all natural codes agree on is the expected output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from semi_instruct.engine import Outcome, Status
from semi_instruct.engine.inside.values import dumps
from semi_instruct.harness.compare.comparison import Comparison
from semi_instruct.harness.inputs.source import Answer, TestInput
from semi_instruct.harness.judge.resource_rule import Use
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.text import MAX_SHOWN_CHARACTERS, one_line

# Takes the contents of an expected and an actual answer; returns whether they are equal.
Agree = Callable[[Any, Any], bool]

_MAX_ERROR = 300


class Drop(StrEnum):
    """Why an input is not a test case."""

    CRASH = "crash"  # an oracle did not end ok, or its function gave no value back: the input may be invalid
    DISAGREE = "disagree"  # the oracles answer differently: several answers may be right
    CONTRADICTS_EXAMPLE = "contradicts_example"  # the oracles agree, but not with the output given with the input
    NONDETERMINISTIC = "nondeterministic"  # an oracle answers otherwise when the run is varied
    STRANGE = "strange"  # they agree on an answer unlike all known ones: likely the input is invalid
    INCOMPARABLE = "incomparable"  # the answer is not the same as itself: a value in it cannot cross the wall, or
    # the checker takes it for wrong
    CHECKER_FAILED = "checker_failed"  # the checker program said nothing that counts of the oracles' answers


@dataclass(frozen=True, slots=True)
class TestCase:
    """An input, the expected answer, and how an actual one is compared with it.

    Attributes:
        index: the index of the input among all that were taken, counted from 0; dropped inputs count.
        uses: what each oracle took in a fresh sandbox; empty if it was not run in one.
    """

    __test__ = False  # not a class of tests, whatever pytest makes of the name

    index: int
    input: TestInput
    expected: Answer
    comparison: Comparison
    uses: tuple[Use, ...] = ()

    def accepts(self, actual: Answer) -> bool:
        """Whether an actual answer is the expected one."""
        return self.comparison.agree(self.expected.content, actual.content)

    @property
    def size(self) -> int:
        """Bytes of the input and the expected answer."""
        if self.input.args is None:
            return len(self.input.stdin) + len(self.expected.content)
        return len(dumps(list(self.input.args))) + len(dumps(self.expected.content))


def answer_of(problem: Problem, outcome: Outcome) -> Answer | None:
    """What a run answered, or None if it gave no answer that counts.

    A function that calls ``sys.exit(0)`` ends ok and gives no answer.
    """
    if outcome.status is not Status.OK:
        return None
    if problem.kind == "function":
        return Answer(outcome.value) if outcome.returned else None
    return Answer(outcome.stdout)


def why_failed(outcome: Outcome) -> str:
    """Why a run gave no answer: the engine's words, and the last line on stderr, where Python puts the exception.

    A time limit has no further text, because that would depend on the load of the machine.
    """
    if outcome.status is Status.OK:
        return "the program ended before its function returned"
    if outcome.status is Status.TIME_LIMIT:
        return "it did not end in time"
    last_line = outcome.stderr[-MAX_SHOWN_CHARACTERS:].decode("utf-8", "backslashreplace").strip().rpartition("\n")[2]
    parts = [one_line(text.strip(), _MAX_ERROR) for text in (outcome.detail, last_line)]
    return ": ".join(part for part in parts if part) or outcome.status.value


def settle(
    index: int,
    test_input: TestInput,
    answers: Sequence[Answer | None],
    comparison: Comparison,
    agree: Agree | None = None,
) -> TestCase | Drop:
    """Make an input a test case if all oracles answered it, agree, and agree with the output that came with it.

    The expected answer is the first that takes all the others for right: of ``10`` and ``10.0`` that is ``10.0``, since
    a task whose answers are printed as decimals does not expect integers.

    Args:
        index: see :class:`TestCase`.
        answers: one for each oracle, None for a crash; at least one.
        agree: what a checker has said, where one decides; else the comparison decides.
    """
    agree = agree or comparison.agree
    given = [answer for answer in answers if answer is not None]
    if len(given) < len(answers):
        return Drop.CRASH
    if not agree(given[0].content, given[0].content):
        return Drop.INCOMPARABLE
    expected = _accepting_all(given, agree)
    if expected is None:
        return Drop.DISAGREE
    if test_input.known is not None:
        expected = _accepting_all([*given, test_input.known], agree)
    if expected is None:
        return Drop.CONTRADICTS_EXAMPLE
    return TestCase(index, test_input, expected, comparison)


def _accepting_all(answers: Sequence[Answer], agree: Agree) -> Answer | None:
    """The first answer that accepts all the others, or None."""
    for expected in answers:
        if all(agree(expected.content, other.content) for other in answers if other is not expected):
            return expected
    return None
