"""The judging rules: what the oracles make of an input, and what a candidate's answer to it is worth.

Each rule is a generator of runs (``harness.runs``) and is written here once. ``verify``, ``fuzz``, shrinking, ``build``
and ``generate`` take them with whatever driver they have.

An input becomes a test case if every oracle answers it and all agree (``judge.consensus``). A candidate is run on a
test case; a time limit is confirmed by a second run (``judge.time_rule``); a limit may be excused
(``judge.resource_rule``); its answer is compared, or judged by the checker program (``judge.checker``). All of these
runs are made in fresh sandboxes. Results of batches (``judge.batch``) are not: they are unconfirmed, and only tell
which inputs deserve such runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from semi_instruct.engine import Determinism, Limits, Outcome, Program, Status
from semi_instruct.harness.compare.answer_kinds import kinds_of
from semi_instruct.harness.errors import RunFailed
from semi_instruct.harness.inputs.source import Answer, TestInput, as_bytes
from semi_instruct.harness.judge.batch import MAX_ENDINGS, Unconfirmed, run_batches
from semi_instruct.harness.judge.checker import (
    CHECKER_LIMITS,
    Finding,
    Inquiry,
    Judgement,
    checker_of,
    judgement_of,
    question,
)
from semi_instruct.harness.judge.consensus import Agree, Drop, TestCase, answer_of, settle, why_failed
from semi_instruct.harness.judge.oracle_statistics import Outlier, differs, outlier_of
from semi_instruct.harness.judge.resource_rule import EXHAUSTED, Use, is_excused, use_of
from semi_instruct.harness.judge.scorecard import Scorecard
from semi_instruct.harness.judge.time_rule import candidate_limits, confirming
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.runs import Request, Steps, observed
from semi_instruct.harness.text import one_line


@dataclass(frozen=True, slots=True)
class OracleResult:
    """What the oracles make of an input. Oracles are numbered from 0.

    Attributes:
        case: the test case, or the reason why the input is not one.
        answers: one for each oracle; None where it gave none.
        varied: answers of oracles whose run was varied, by oracle.
        failures: why oracles gave no answer, by oracle.
        checker_failure: how the checker failed on the answers; None if it did not.
        outlier: the oracle that differs from all others, if one does.
        nondeterministic: the oracles that answered differently when varied.
        exhausted: whether an oracle, or the checker on the oracles' answers, used up a limit.
        cpu_s: CPU seconds of the oracles, without varied runs, and of the checker.
        slowest_s: CPU seconds of the slowest oracle.
    """

    input: TestInput
    case: TestCase | Drop
    answers: tuple[Answer | None, ...]
    varied: Mapping[int, Answer | None]
    failures: Mapping[int, str]
    checker_failure: str | None
    outlier: Outlier
    nondeterministic: frozenset[int]
    exhausted: bool
    cpu_s: float
    slowest_s: float

    @property
    def disputed(self) -> list[Answer | None]:
        """All answers, including those of varied runs, if the input was dropped because they differ; else empty."""
        if self.case not in (Drop.DISAGREE, Drop.CONTRADICTS_EXAMPLE, Drop.NONDETERMINISTIC):
            return []
        return [*self.answers, *(answer for _, answer in sorted(self.varied.items()) if answer is not None)]


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """What a program does with an example.

    Attributes:
        judgement: of its answer; None if the example has no output.
    """

    outcome: Outcome
    answer: Answer | None
    judgement: Judgement | None = None

    @property
    def reproduces_it(self) -> bool:
        """Whether the answer is the output of the example."""
        return self.judgement is not None and self.judgement.finding is Finding.ACCEPTED


class Rules:
    """How the programs of one problem are judged.

    Attributes:
        oracles: the programs.
        checker: the program that judges answers; None if the problem's comparison does.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.oracles = [problem.program(source) for source in problem.oracles]
        self.checker = checker_of(problem.how_compared)
        outputs = [example.output for example in problem.examples if problem.kind == "stdin"]
        self._known_kinds = kinds_of(as_bytes(output) for output in outputs if isinstance(output, str))

    def oracle_result(
        self, test_input: TestInput, *, varied: bool = False, limits: Limits | None = None
    ) -> Steps[OracleResult]:
        """What the oracles make of an input.

        Args:
            varied: whether each oracle is run a second time under varied conditions (``engine.Determinism``), which
                shows whether its answer is a function of the input.
            limits: of each oracle; those of the problem if None.

        Raises:
            RunFailed: the sandbox did not make a run.
        """
        limits = self.problem.limits if limits is None else limits
        conditions = [Determinism.FIXED, *([Determinism.VARIED] if varied else [])]
        outcomes = yield [
            replace(request_for(program, test_input, limits), determinism=determinism)
            for determinism in conditions
            for program in self.oracles
        ]
        self._require(outcomes, "an oracle")
        fixed, again = outcomes[: len(self.oracles)], outcomes[len(self.oracles) :]
        answers = [answer_of(self.problem, outcome) for outcome in fixed]
        varied_answers = {number: answer_of(self.problem, outcome) for number, outcome in enumerate(again)}
        said: Sequence[Outcome] = ()
        agree: Agree | None = None
        checker_failure = None
        if self.checker is None:
            agree = self.problem.how_compared.agree
        else:
            inquiry = Inquiry(test_input, answers, varied_answers)
            said = yield [Request(self.checker, asked, limits=CHECKER_LIMITS) for asked in inquiry.questions]
            self._require(said, "the checker")
            checker_failure = inquiry.record(said)
            if inquiry.questions and checker_failure is None:
                agree = inquiry.agree
        nondeterministic = frozenset(
            number
            for number, answer in varied_answers.items()
            if agree is not None and differs(answers[number], answer, agree)
        )
        return OracleResult(
            input=test_input,
            case=self._case(test_input, answers, agree, checker_failure, nondeterministic, fixed),
            answers=tuple(answers),
            varied=varied_answers,
            failures={
                number: why_failed(outcome)
                for number, (outcome, answer) in enumerate(zip(fixed, answers, strict=True))
                if answer is None
            },
            checker_failure=checker_failure,
            outlier=Outlier() if agree is None else outlier_of(answers, agree),
            nondeterministic=nondeterministic,
            exhausted=any(outcome.status in EXHAUSTED for outcome in (*fixed, *said)),
            cpu_s=sum(outcome.cpu_time_s for outcome in (*fixed, *said)),
            slowest_s=max(outcome.cpu_time_s for outcome in fixed),
        )

    def _case(
        self,
        test_input: TestInput,
        answers: Sequence[Answer | None],
        agree: Agree | None,
        checker_failure: str | None,
        nondeterministic: frozenset[int],
        outcomes: Sequence[Outcome],
    ) -> TestCase | Drop:
        if agree is None:
            return Drop.CRASH if checker_failure is None else Drop.CHECKER_FAILED
        case = settle(0, test_input, answers, self.problem.how_compared, agree)
        if isinstance(case, TestCase) and nondeterministic:
            return Drop.NONDETERMINISTIC
        case = self._plausible(case)
        if isinstance(case, TestCase):
            uses: tuple[Use, ...] = tuple(use_of(outcome) for outcome in outcomes)
            return replace(case, uses=uses)
        return case

    def _plausible(self, case: TestCase | Drop) -> TestCase | Drop:
        """A test case, if its answer is of a kind that the given outputs are of (``harness.compare.answer_kinds``)."""
        if isinstance(case, Drop) or not self._known_kinds or case.input.known is not None:
            return case
        return case if kinds_of([case.expected.content]) <= self._known_kinds else Drop.STRANGE

    def candidate_result(
        self,
        program: Program,
        case: TestCase,
        card: Scorecard,
        *,
        slowest_s: float = 0.0,
        max_charged_s: float = inf,
        first: Outcome | None = None,
    ) -> Steps[Outcome]:
        """Run a candidate on a test case, and record the result or the excused limit in its card.

        Args:
            slowest_s: CPU seconds of the slowest oracle on the input; see ``judge.time_rule.candidate_limits``.
            max_charged_s: see ``harness.runs.Request``.
            first: the outcome of the first run, if that has been made already.

        Returns:
            The outcome that decided.
        """
        limits = candidate_limits(self.problem.limits, slowest_s)
        request = replace(
            request_for(program, case.input, limits), if_refused=Status.COMPILE_ERROR, max_charged_s=max_charged_s
        )
        outcome = first
        if outcome is None:
            [outcome] = yield [request]
        if outcome.status is Status.TIME_LIMIT:
            card.charge(outcome)
            [outcome] = yield [replace(request, limits=confirming(limits))]
        if is_excused(outcome.status, beyond=case.input.beyond, oracles=case.uses, limits=self.problem.limits):
            card.excuse(case, outcome)
            return outcome
        answer = answer_of(self.problem, outcome)
        judgement = None if answer is None else (yield from self.judgement(case, answer, card))
        card.record(case, outcome, judgement)
        return outcome

    def judgement(self, case: TestCase, answer: Answer, card: Scorecard | None = None) -> Steps[Judgement]:
        """Whether an answer to a test case is right.

        Args:
            card: of the candidate that gave the answer, which is charged for a checker that fails on it.
        """
        if self.checker is None:
            return Judgement(Finding.ACCEPTED if case.accepts(answer) else Finding.WRONG)
        asked = question(case.input, case.expected, answer)
        if asked == question(case.input, case.expected, case.expected):
            return Judgement(Finding.ACCEPTED)
        for limits in (CHECKER_LIMITS, confirming(CHECKER_LIMITS)):
            [said] = yield [Request(self.checker, asked, limits=limits, max_charged_s=0.0)]
            judgement = judgement_of(said)
            if card is not None and judgement.finding in (Finding.FAILED, Finding.UNKNOWN):
                card.charge_checker(said)
            if said.status is not Status.TIME_LIMIT:
                break
        return judgement

    def example_result(self, program: Program, example: TestInput) -> Steps[ExampleResult]:
        """Run a program on an example, again if it hits the time limit, and judge its answer by the example's output.

        An answer that is equal to the output byte for byte is right without asking the checker.
        """
        limits = self.problem.limits
        request = replace(request_for(program, example, limits), if_refused=Status.COMPILE_ERROR)
        [outcome] = yield [request]
        if outcome.status is Status.TIME_LIMIT:
            [outcome] = yield [replace(request, limits=confirming(limits))]
        answer = answer_of(self.problem, outcome)
        if answer is None or example.known is None:
            return ExampleResult(outcome, answer)
        case = TestCase(0, example, example.known, self.problem.how_compared)
        return ExampleResult(outcome, answer, (yield from self.judgement(case, answer)))

    def unconfirmed_cases(
        self, inputs: Sequence[TestInput], limits: Limits, *, max_endings: int = MAX_ENDINGS
    ) -> Steps[list[TestCase | Drop | None]]:
        """What the oracles seem to make of inputs; None where nothing is known.

        Args:
            limits: of one batch (``judge.batch.run_batches``).

        Raises:
            RunFailed: the sandbox did not make a run.
        """
        batches = run_batches(self.oracles, inputs, limits, max_endings=max_endings)
        results = yield from observed(batches, lambda outcomes: self._require(outcomes, "an oracle"))
        answered = zip(*(result.answers for result in results), strict=True)
        known = [self._known_answers(answers) for answers in answered]
        agree: list[Agree | Drop | None] = [self.problem.how_compared.agree] * len(inputs)
        if self.checker is not None:
            agree = yield from self._unconfirmed_agreement(self.checker, inputs, known)
        return [
            self._seeming_case(test_input, answers, one)
            for test_input, answers, one in zip(inputs, known, agree, strict=True)
        ]

    @staticmethod
    def _known_answers(unconfirmed: Sequence[Unconfirmed | None]) -> list[Answer | None] | None:
        """The answers of all oracles to an input; None if one is not known."""
        answers = [one.answer for one in unconfirmed if one is not None]
        return answers if len(answers) == len(unconfirmed) else None

    def _seeming_case(
        self, test_input: TestInput, answers: Sequence[Answer | None] | None, agree: Agree | Drop | None
    ) -> TestCase | Drop | None:
        if answers is None or agree is None:
            return None
        if isinstance(agree, Drop):
            return agree
        return self._plausible(settle(0, test_input, answers, self.problem.how_compared, agree))

    def _unconfirmed_agreement(
        self, checker: Program, inputs: Sequence[TestInput], known: Sequence[Sequence[Answer | None] | None]
    ) -> Steps[list[Agree | Drop | None]]:
        """What the checker seems to say of the oracles' answers to each input; None where nothing is known."""
        inquiries = [
            None if answers is None else Inquiry(test_input, answers, {})
            for test_input, answers in zip(inputs, known, strict=True)
        ]
        questions = [asked for inquiry in inquiries if inquiry is not None for asked in inquiry.questions]
        said = iter((yield from _checked(checker, questions)))
        found: list[Agree | Drop | None] = []
        for inquiry in inquiries:
            outcomes = [] if inquiry is None else [next(said) for _ in inquiry.questions]
            if inquiry is None or None in outcomes:
                found.append(None)
            elif not inquiry.questions:
                found.append(Drop.CRASH)
            else:
                failure = inquiry.record([outcome for outcome in outcomes if outcome is not None])
                found.append(inquiry.agree if failure is None else Drop.CHECKER_FAILED)
        return found

    def unconfirmed_passes(
        self, program: Program, cases: Sequence[TestCase], limits: Limits, *, max_endings: int = MAX_ENDINGS
    ) -> Steps[list[bool | None]]:
        """Whether a program seems to pass each of the test cases; None where nothing is known.

        Args:
            limits: of one batch (``judge.batch.run_batches``).
        """
        inputs = [case.input for case in cases]
        [result] = yield from run_batches([program], inputs, limits, max_endings=max_endings)
        if self.checker is None:
            return [
                None if one is None else one.answer is not None and case.accepts(one.answer)
                for case, one in zip(cases, result.answers, strict=True)
            ]
        answers = [None if one is None else one.answer for one in result.answers]
        questions = [
            question(case.input, case.expected, answer)
            for case, answer in zip(cases, answers, strict=True)
            if answer is not None
        ]
        said = iter((yield from _checked(self.checker, questions)))
        passes: list[bool | None] = []
        for one in result.answers:
            if one is None or one.answer is None:
                passes.append(None if one is None else False)
            else:
                outcome = next(said)
                passes.append(None if outcome is None else judgement_of(outcome).finding is Finding.ACCEPTED)
        return passes

    def _require(self, outcomes: Sequence[Outcome], program: str) -> None:
        """Raise if the sandbox has not made a run.

        The engine has repeated the run already. It is an internal error and not one of the program, so it decides
        nothing.
        """
        for outcome in outcomes:
            if outcome.status is Status.SANDBOX_ERROR:
                raise RunFailed(self.problem.id, could_not_run(program, outcome))


def could_not_run(program: str, outcome: Outcome) -> str:
    """Why there is no verdict, in words."""
    return f"{program} could not be run: {one_line(outcome.detail)}"


def request_for(program: Program, test_input: TestInput, limits: Limits) -> Request:
    """The run of a program on an input."""
    return Request(program, test_input.stdin, test_input.args or (), limits)


def _checked(checker: Program, questions: Sequence[bytes]) -> Steps[list[Outcome | None]]:
    """What a checker seems to do with each question."""
    inputs = [TestInput("", stdin=asked) for asked in questions]
    [result] = yield from run_batches([checker], inputs, CHECKER_LIMITS)
    return [None if one is None else _as_outcome(one) for one in result.answers]


def _as_outcome(unconfirmed: Unconfirmed) -> Outcome:
    content: Any = b"" if unconfirmed.answer is None else unconfirmed.answer.content
    return Outcome(Status.NONZERO_EXIT if unconfirmed.answer is None else Status.OK, stdout=content)
