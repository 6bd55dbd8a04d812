"""Inputs that the oracles of a problem are asked about, until each is a test case or dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from semi_instruct.engine import Determinism, Outcome, Program, Status
from semi_instruct.harness.inputs.source import Answer, TestInput
from semi_instruct.harness.judge.batch import Glimpse, Look, looks, seeming_case
from semi_instruct.harness.judge.checker import Inquiry, check, checker_of
from semi_instruct.harness.judge.consensus import Agree, Drop, TestCase, answer_of, settle, why_failed
from semi_instruct.harness.judge.known_answers import KnownAnswers
from semi_instruct.harness.judge.oracle_record import OracleRecord, Shown
from semi_instruct.harness.judge.oracle_statistics import Dissent, differs, dissent
from semi_instruct.harness.judge.resource_rule import Use, use_of
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.runs import Run, Work, converse
from semi_instruct.harness.text import one_line

# So many inputs, the first, are given to each oracle a second time, varied (``engine.Determinism``), to see whether its
# answer is a function of the input; to a single oracle more, as there is no other to disagree with it.
VARIED_INPUTS = 2
VARIED_INPUTS_OF_ONE = 8
# For an oracle to answer a few probes in one sandbox, and to import what it needs before.
_LOOK_CPU_S = 0.5
_EXHAUSTED = frozenset({Status.TIME_LIMIT, Status.MEMORY_LIMIT, Status.OUTPUT_LIMIT})


@dataclass(frozen=True, slots=True)
class Heard:
    """What the oracles made of an input.

    Attributes:
        index: its place among those taken.
        result: the test case, or why it is none. A probe has a result as any input has.
        seconds: CPU seconds that the oracles, and the checker on their answers, took.
        slowest_s: of these the slowest oracle's.
    """

    index: int
    input: TestInput
    result: TestCase | Drop
    seconds: float
    slowest_s: float


@dataclass(slots=True)
class _Asked:
    """An input whose oracles are running, and what they answered so far."""

    input: TestInput
    missing: int
    answers: list[Answer | None]
    uses: list[Use]  # not in the order of the oracles
    varied: dict[int, Answer | None] = field(default_factory=dict)  # by oracle
    exhausted: bool = False
    seconds: float = 0.0
    slowest_s: float = 0.0


class Hearing:
    """Asks the oracles, and the checker about their answers where there is one.

    Args:
        heard: called with the result for each input, in any order.
    """

    def __init__(self, problem: Problem, work: Work, record: OracleRecord, heard: Callable[[Heard], None]) -> None:
        self._problem = problem
        self._work = work
        self._record = record
        self._heard = heard
        self._oracles = [problem.program(source) for source in problem.oracles]
        self._checker = checker_of(problem.how_compared)
        self._known_answers = KnownAnswers(problem)
        self._asked: dict[int, _Asked] = {}

    def ask(self, index: int, test_input: TestInput) -> None:
        """Line up the oracles' runs on an input."""
        conditions = [Determinism.FIXED]
        if index < (VARIED_INPUTS_OF_ONE if len(self._oracles) == 1 else VARIED_INPUTS):
            conditions.append(Determinism.VARIED)
        self._asked[index] = _Asked(test_input, len(self._oracles) * len(conditions), [None] * len(self._oracles), [])
        for determinism in conditions:
            for number in range(len(self._oracles)):
                self._work.line_up(partial(self._oracle_run, index, number, determinism))

    def look(self, probes: Sequence[TestInput], seen: Callable[[list[bool]], None]) -> None:
        """Have the oracles take a look at probes (``harness.judge.batch``), which takes less time than runs do.

        Those that take an oracle long count as invalid, whatever it would answer: the test cases they stand for would
        take the time of many others.

        Args:
            seen: called with whether each seems to be valid.
        """

        def ended(shown: list[Look]) -> None:
            glimpses = zip(*(look.glimpses for look in shown), strict=True)
            seen([self._seems_valid(*each) for each in zip(probes, glimpses, strict=True)])

        limits = replace(self._problem.limits, cpu_time=min(_LOOK_CPU_S, self._problem.limits.cpu_time))
        converse(self._work, looks(self._oracles, probes, limits, endings=1), ended)

    def _seems_valid(self, probe: TestInput, glimpses: Sequence[Glimpse | None]) -> bool:
        case = seeming_case(self._problem, probe, glimpses)
        return case is not None and isinstance(self._known_answers.sifted(case), TestCase)

    def _oracle_run(self, index: int, number: int, determinism: Determinism) -> Run:
        return Run(
            self._oracles[number],
            self._asked[index].input.stdin,
            self._asked[index].input.args or (),
            self._problem.limits,
            partial(self._oracle_done, index, number, determinism),
            Status.SANDBOX_ERROR,
            determinism,
        )

    def _oracle_done(self, index: int, number: int, determinism: Determinism, outcome: Outcome) -> None:
        self._work.spent += outcome.cpu_time_s
        if outcome.status is Status.SANDBOX_ERROR:
            # The engine has tried again already. It is our fault and not the oracle's, so it decides nothing.
            self._work.give_up(f"an oracle could not be run: {one_line(outcome.detail)}")
            return
        asked = self._asked[index]
        answer = answer_of(self._problem, outcome)
        if determinism is Determinism.VARIED:
            asked.varied[number] = answer
        else:
            asked.answers[number] = answer
            asked.uses.append(use_of(outcome))
            asked.seconds += outcome.cpu_time_s
            asked.slowest_s = max(asked.slowest_s, outcome.cpu_time_s)
            asked.exhausted |= outcome.status in _EXHAUSTED
            if answer is None:
                self._record.note_crash(index, number, why_failed(outcome))
        asked.missing -= 1
        if asked.missing:
            return
        if self._checker is None:
            self._settle(index, self._problem.how_compared.agree)
        else:
            self._have_checked(index, asked, self._checker)

    def _have_checked(self, index: int, asked: _Asked, checker: Program) -> None:
        inquiry = Inquiry(asked.input, asked.answers, asked.varied)
        for question in inquiry.questions:
            # First of all: what waits for it holds outputs in memory.
            done = partial(self._answer_checked, index, inquiry, question)
            self._work.line_up_first(check(checker, question, done))
        if not inquiry.questions:
            self._settle(index, None)

    def _answer_checked(self, index: int, inquiry: Inquiry, question: bytes, outcome: Outcome) -> None:
        self._work.spent += outcome.cpu_time_s
        if outcome.status is Status.SANDBOX_ERROR:
            self._work.give_up(f"the checker could not be run: {one_line(outcome.detail)}")
            return
        self._asked[index].seconds += outcome.cpu_time_s
        inquiry.record(question, outcome)
        if not inquiry.is_answered():
            return
        failure = inquiry.failure()
        if failure is None:
            self._settle(index, inquiry.agree)
        else:
            self._record.note_checker_failure(index, failure)
            self._settle(index, None, Drop.CHECKER_FAILED)

    def _settle(self, index: int, agree: Agree | None, undecided: Drop = Drop.CRASH) -> None:
        """Make an input a test case, or drop it.

        Args:
            agree: whether answers to it are the same; None where a checker decides that, and has not.
            undecided: why it is dropped then.
        """
        asked = self._asked.pop(index)
        if asked.exhausted:
            self._record.note_exhaustion(index)
        result: TestCase | Drop = undecided
        about, varying = Dissent(), frozenset[int]()
        if agree is not None:
            result = settle(index, asked.input, asked.answers, self._problem.how_compared, agree)
            about = dissent(asked.answers, agree)
            varying = frozenset(
                number for number, varied in asked.varied.items() if differs(asked.answers[number], varied, agree)
            )
            if varying and isinstance(result, TestCase):
                result = Drop.NONDETERMINISTIC
            result = self._known_answers.sifted(result)
        if isinstance(result, TestCase):
            result = replace(result, uses=tuple(asked.uses))
        if not asked.input.probe:
            drop = result if isinstance(result, Drop) else None
            self._record.note(index, asked.input, Shown(drop, about, varying, _in_dispute(asked, drop)))
        self._heard(Heard(index, asked.input, result, asked.seconds, asked.slowest_s))


def _in_dispute(asked: _Asked, drop: Drop | None) -> list[Answer | None]:
    """All answers to an input that was dropped as they differ; else none."""
    if drop not in (Drop.DISAGREE, Drop.CONTRADICTS_EXAMPLE, Drop.NONDETERMINISTIC):
        return []
    varied = [answer for _, answer in sorted(asked.varied.items()) if answer is not None]
    return [*asked.answers, *varied]
