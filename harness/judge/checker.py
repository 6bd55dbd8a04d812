"""Checker programs: code that decides whether an answer is right, for problems with several right answers.

A checker is as untrusted as a candidate, and runs in a sandbox of its own. It reads one JSON object on stdin::

    {"input": ..., "expected": ..., "output": ...}

For a whole program these are texts (bytes that are not UTF-8 become U+FFFD). For a function they are the list of its
arguments and two values, in the tagged JSON of ``engine.inside.values``. A checker must end with exit code 0 and print
``accepted``, or ``wrong`` and optionally a reason. Anything else is a failure of the checker and accepts nothing. Only
the word ``accepted`` alone accepts, so an answer that the checker prints cannot accept itself.

If a checker fails on an oracle's answer, the input is dropped. If it accepted the oracles' answers to an input and
fails on a candidate's, that answer counts as wrong: a candidate can provoke such a failure (an answer of another form,
a number of a million digits), so the failure must not excuse it. This also rejects a right answer that the checker
cannot read. That is the checker's fault, and the detail of the verdict says so. Only if the sandbox did not run the
checker, the answer is not judged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from enum import StrEnum
from typing import Any

from semi_instruct.engine import Limits, Outcome, Program, Status
from semi_instruct.harness.compare.comparison import Comparison
from semi_instruct.harness.inputs.source import Answer, TestInput
from semi_instruct.harness.judge.consensus import why_failed
from semi_instruct.harness.judge.resource_rule import EXHAUSTED
from semi_instruct.harness.text import one_line, plain_value, shown_bytes

# A checker may print the answer it was asked about, whatever that is, when it says why it is wrong.
CHECKER_LIMITS = Limits(cpu_time=10.0, memory=1 << 30, output=4 * Limits().output)


class Finding(StrEnum):
    """The result of judging an answer."""

    ACCEPTED = "accepted"
    WRONG = "wrong"
    FAILED = "failed"  # it said nothing that counts
    UNKNOWN = "unknown"  # the sandbox did not run it


_FAILURES = frozenset({Finding.FAILED, Finding.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judgement of an answer.

    Attributes:
        reason: in words, what the checker says is wrong or how it failed; may be empty.
        exhausted: whether the checker used up a limit.
    """

    finding: Finding
    reason: str = ""
    exhausted: bool = False


def checker_of(comparison: Comparison) -> Program | None:
    """The checker program of a comparison, or None."""
    return None if comparison.checker is None else Program(comparison.checker)


def question(test_input: TestInput, expected: Answer, actual: Answer) -> bytes:
    """The input of a checker. Equal questions have equal bytes."""
    if test_input.args is None:
        asked = {"input": _text(test_input.stdin), "expected": _text(expected.content), "output": _text(actual.content)}
    else:
        asked = {
            "input": plain_value(list(test_input.args)),
            "expected": plain_value(expected.content),
            "output": plain_value(actual.content),
        }
    return json.dumps(asked).encode("ascii")


@dataclass(slots=True)
class Inquiry:
    """The questions to a checker about the oracles' answers to one input, and its judgements.

    Each answer, and the output that came with the input, is compared with the first answer. The answer of a varied run
    is compared with the answer of the same oracle. There are no questions if an answer is missing, because the input is
    not a test case then.
    """

    input: TestInput
    answers: InitVar[Sequence[Answer | None]]
    varied: InitVar[Mapping[int, Answer | None]]
    questions: list[bytes] = field(init=False)
    _said: dict[bytes, Judgement] = field(default_factory=dict)

    def __post_init__(self, answers: Sequence[Answer | None], varied: Mapping[int, Answer | None]) -> None:
        given = [answer for answer in answers if answer is not None]
        pairs: list[tuple[Answer, Answer]] = []
        if len(given) == len(answers):
            pairs += [(given[0], answer) for answer in given]
            pairs += [(given[0], self.input.known)] if self.input.known is not None else []
            pairs += [(given[number], again) for number, again in sorted(varied.items()) if again is not None]
        self.questions = list(dict.fromkeys(question(self.input, *pair) for pair in pairs))

    def record(self, outcomes: Sequence[Outcome]) -> str | None:
        """Note what the checker said to each of the questions, in order.

        Returns:
            How it failed on the first question on which it did; None if it answered them all.
        """
        self._said = {asked: judgement_of(outcome) for asked, outcome in zip(self.questions, outcomes, strict=True)}
        return next((one.reason for one in self._said.values() if one.finding in _FAILURES), None)

    def agree(self, expected: Any, actual: Any) -> bool:
        """Whether the checker has accepted an answer; not so if it was not asked. Of the answers' contents."""
        said = self._said.get(question(self.input, Answer(expected), Answer(actual)))
        return said is not None and said.finding is Finding.ACCEPTED


def judgement_of(outcome: Outcome) -> Judgement:
    """The judgement that a run of a checker makes."""
    if outcome.status is Status.SANDBOX_ERROR:
        return Judgement(Finding.UNKNOWN, f"the checker could not be run: {one_line(outcome.detail)}")
    if outcome.status is not Status.OK:
        reason = f"the checker failed: {outcome.status.value}: {why_failed(outcome)}"
        return Judgement(Finding.FAILED, reason, exhausted=outcome.status in EXHAUSTED)
    first, *rest = outcome.stdout.split(maxsplit=1) or [b""]
    said = one_line(" ".join(shown_bytes(outcome.stdout).split()))
    if first == Finding.ACCEPTED.encode() and not rest:
        return Judgement(Finding.ACCEPTED)
    if first.removesuffix(b":") == Finding.WRONG.encode():
        return Judgement(Finding.WRONG, f"the checker says: {said}")
    wanted = "`accepted` alone, or `wrong`"
    return Judgement(Finding.FAILED, f"the checker failed: expected {wanted}, it printed {said or 'nothing'}")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
