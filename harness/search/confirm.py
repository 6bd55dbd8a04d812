"""Whether a candidate differs from the oracles on an input: every run in a fresh sandbox of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from semi_instruct.engine import Outcome, Status
from semi_instruct.harness.errors import CandidateRunFailed
from semi_instruct.harness.inputs.calls.ordering import identity
from semi_instruct.harness.inputs.source import TestInput
from semi_instruct.harness.judge.checker import Finding
from semi_instruct.harness.judge.consensus import Drop, TestCase, answer_of
from semi_instruct.harness.judge.rules import Rules, could_not_run, request_for
from semi_instruct.harness.judge.scorecard import Scorecard, taken_s
from semi_instruct.harness.problems.schema import Candidate
from semi_instruct.harness.problems.strength import UNRATED
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow
from semi_instruct.harness.runs import Runner


@dataclass(frozen=True, slots=True)
class Difference:
    """An input on which all oracles answer and agree, and the candidate fails.

    Attributes:
        case: the input and the expected answer.
        outcome: the candidate's.
        row: the verdict on this one test case, as ``verify`` would write it.
    """

    case: TestCase
    outcome: Outcome
    row: VerdictRow


@dataclass(frozen=True, slots=True)
class Excused:
    """The candidate hit a limit that is not held against it (``judge.resource_rule``), so it is not judged here."""

    case: TestCase


class Confirmer:
    """Judges the candidates of one problem on single inputs, and keeps what the oracles answered.

    Attributes:
        taken_s: what the runs of candidates counted for; see ``judge.scorecard.taken_s``.
    """

    def __init__(self, runner: Runner, rules: Rules) -> None:
        self._runner = runner
        self._rules = rules
        self._cases: dict[bytes | str, TestCase | Drop] = {}
        self._exhausting: set[bytes | str] = set()
        self._slowest_s: dict[bytes | str, float] = {}
        self._too_short_s: dict[bytes | str, float] = {}  # CPU seconds that were not enough
        self.taken_s = 0.0

    def difference(
        self, candidate: Candidate, test_input: TestInput, *, oracle_s: float = inf, first: Outcome | None = None
    ) -> Difference | Excused | None:
        """The difference; None if there is none or the input is no test case.

        Args:
            oracle_s: see :meth:`oracle_case`.
            first: the candidate's first outcome on the input, if it is known.

        Raises:
            RunFailed: the sandbox did not make a run of an oracle.
            CandidateRunFailed: it did not make a run of the candidate, or of the checker on its answer.
        """
        case = self.oracle_case(test_input, oracle_s)
        if isinstance(case, Drop):
            return None
        problem = self._rules.problem
        card = Scorecard(problem, candidate)
        steps = self._rules.candidate_result(
            problem.program(candidate.source), case, card, slowest_s=self.slowest_s(case), first=first
        )
        outcome = self._runner.run(steps)
        self.taken_s += card.taken_s
        if card.excused:
            return Excused(case)
        row = card.row([case.index], UNRATED, {}, "")
        if row.verdict is Verdict.SANDBOX_ERROR:
            why = could_not_run("the candidate", outcome) if outcome.status is Status.SANDBOX_ERROR else row.detail
            raise CandidateRunFailed(problem.id, why)
        return None if row.verdict is Verdict.ACCEPTED else Difference(case, outcome, row)

    def first_outcomes(self, candidate: Candidate, cases: Sequence[TestCase]) -> list[tuple[Outcome, bool]]:
        """The candidate's outcome on each test case, and whether its answer is right.

        If it is not right, :meth:`difference` decides: a test case of a batch is not confirmed.

        Raises:
            CandidateRunFailed: the sandbox did not make a run.
        """
        problem = self._rules.problem
        program = problem.program(candidate.source)
        requests = [
            replace(request_for(program, case.input, problem.limits), if_refused=Status.COMPILE_ERROR) for case in cases
        ]
        found = []
        for case, outcome in zip(cases, self._runner.make(requests), strict=True):
            self.taken_s += taken_s(outcome)
            if outcome.status is Status.SANDBOX_ERROR:
                raise CandidateRunFailed(problem.id, could_not_run("the candidate", outcome))
            answer = answer_of(problem, outcome)
            is_right = False
            if answer is not None:
                is_right = self._runner.run(self._rules.judgement(case, answer)).finding is Finding.ACCEPTED
            found.append((outcome, is_right))
        return found

    def slowest_s(self, case: TestCase) -> float:
        """CPU seconds of the slowest oracle on a test case of :meth:`oracle_case`."""
        return self._slowest_s[key_of(case.input)]

    def oracle_case(self, test_input: TestInput, oracle_s: float = inf) -> TestCase | Drop:
        """What the oracles make of an input.

        Args:
            oracle_s: CPU seconds that each may take, if the problem's limit is more. An input that takes more is
                dropped this time, and not counted as exhausting.

        Raises:
            RunFailed: the sandbox did not make a run.
        """
        key = key_of(test_input)
        if oracle_s <= self._too_short_s.get(key, 0.0) or oracle_s < self._slowest_s.get(key, 0.0):
            return Drop.CRASH
        if key not in self._cases:
            usual = self._rules.problem.limits
            # The wall limit stays: how long an oracle waits for a core depends on the machine, not on the input.
            limits = replace(usual, cpu_time=min(usual.cpu_time, oracle_s), wall_time=usual.wall_seconds)
            result = self._runner.run(self._rules.oracle_result(test_input, limits=limits))
            if limits.cpu_time < usual.cpu_time and result.slowest_s >= limits.cpu_time:
                self._too_short_s[key] = oracle_s
                return Drop.CRASH
            if result.exhausted:
                self._exhausting.add(key)
            self._slowest_s[key] = result.slowest_s
            self._cases[key] = result.case
        return self._cases[key]

    def is_exhausting(self, test_input: TestInput) -> bool:
        """Whether an oracle is known to have used up a limit on an input."""
        return key_of(test_input) in self._exhausting


def key_of(test_input: TestInput) -> bytes | str:
    """What two inputs that are the same have in common."""
    return test_input.stdin if test_input.args is None else identity(test_input.args)


def size_of(test_input: TestInput) -> tuple[int, bytes | str]:
    """The measure of what is minimal: the length of the text (of the arguments' JSON), then the text itself."""
    key = key_of(test_input)
    return len(key), key
