"""Whether a candidate differs from the oracles on an input: every run in a fresh sandbox of its own."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from math import inf

from semi_instruct.engine import InvalidRequest, Limits, Outcome, Program, Status
from semi_instruct.harness.errors import HarnessError
from semi_instruct.harness.inputs.calls.ordering import identity
from semi_instruct.harness.inputs.source import TestInput
from semi_instruct.harness.judge.batch import OnRun, Submits
from semi_instruct.harness.judge.consensus import Drop, TestCase, answer_of, settle
from semi_instruct.harness.judge.known_answers import KnownAnswers
from semi_instruct.harness.judge.resource_rule import is_excused, use_of
from semi_instruct.harness.judge.scorecard import Scorecard, taken_s
from semi_instruct.harness.judge.time_rule import candidate_limits, confirming
from semi_instruct.harness.problems.schema import Candidate, Problem
from semi_instruct.harness.problems.strength import UNRATED
from semi_instruct.harness.problems.verdicts import Verdict, VerdictRow

# What programs that take too much of something end with.
EXHAUSTED = frozenset({Status.TIME_LIMIT, Status.MEMORY_LIMIT, Status.OUTPUT_LIMIT})


class RunFailed(HarnessError):
    """The sandbox did not make a run, so nothing can be said; running the command again may help.

    Attributes:
        why: in words.
    """

    def __init__(self, problem: str, detail: str) -> None:
        self.why = f"a program could not be run: {detail}"
        super().__init__(f"{problem}: {self.why}")


class CandidateRunFailed(RunFailed):
    """It was a candidate's run: nothing can be said of this candidate."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An input on which all oracles finish cleanly and agree, and the candidate does something else.

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
    """A candidate hit a limit that is not held against it (``resource_rule``): it is not judged on this one."""

    case: TestCase


class Judge:
    """Asks the oracles and candidates of one problem, and asks no oracle what it has answered.

    Args:
        engine: runs the programs.
        on_run: called with every outcome.

    Attributes:
        taken_s: what the runs of candidates counted for; see ``harness.judge.scorecard.taken_s``.
    """

    def __init__(self, engine: Submits, problem: Problem, on_run: OnRun | None = None) -> None:
        self._engine = engine
        self._problem = problem
        self._on_run = on_run
        self._known_answers = KnownAnswers(problem)
        self._oracles = [problem.program(source) for source in problem.oracles]
        self._settled: dict[bytes | str, TestCase | Drop] = {}
        self._exhausting: set[bytes | str] = set()
        self._slowest_s: dict[bytes | str, float] = {}
        self._too_short_s: dict[bytes | str, float] = {}  # CPU seconds that were not enough
        self.taken_s = 0.0

    def difference(
        self, candidate: Candidate, test_input: TestInput, outcome: Outcome | None = None, oracle_s: float = inf
    ) -> Difference | None:
        """The difference, or None if there is none, the input is no test case or the candidate is not judged on it.

        Args:
            outcome: the candidate's, if it is known.
            oracle_s: see :meth:`settled`.

        Raises:
            RunFailed: see there.
        """
        found = self.examined(candidate, test_input, outcome, oracle_s)
        return found if isinstance(found, Difference) else None

    def examined(
        self, candidate: Candidate, test_input: TestInput, outcome: Outcome | None = None, oracle_s: float = inf
    ) -> Difference | Excused | None:
        """As :meth:`difference`, and whether the candidate is not judged on the input.

        Raises:
            RunFailed: see there.
        """
        case = self.settled(test_input, oracle_s)
        if isinstance(case, Drop):
            return None
        if outcome is None:
            outcome = self._outcome(candidate, test_input)
        if is_excused(outcome.status, beyond=test_input.beyond, oracles=case.uses, limits=self._problem.limits):
            return Excused(case)
        card = Scorecard(self._problem, candidate)
        card.record(case, outcome)
        row = card.row([case.index], UNRATED, {}, "")
        return None if row.verdict is Verdict.ACCEPTED else Difference(case, outcome, row)

    def _outcome(self, candidate: Candidate, test_input: TestInput) -> Outcome:
        """What the candidate does, in time as ``harness.judge.time_rule`` has it."""
        program = self._problem.program(candidate.source)
        limits = candidate_limits(self._problem.limits, self._slowest_s[key_of(test_input)])
        outcome = Outcome(Status.TIME_LIMIT)
        for each in (limits, confirming(limits)):
            if outcome.status is Status.TIME_LIMIT:
                # On this input the oracles were taken by the engine, so what it refuses is the candidate.
                outcome = self._start(program, test_input, Status.COMPILE_ERROR, each).result()
                self._count_of_candidate(outcome)
        return outcome

    def _count_of_candidate(self, outcome: Outcome) -> None:
        self.taken_s += taken_s(outcome)
        try:
            self._count(outcome)
        except RunFailed:
            raise CandidateRunFailed(self._problem.id, outcome.detail) from None

    def confirmed(self, candidate: Candidate, cases: Sequence[TestCase]) -> list[bool]:
        """Whether the candidate answers each test case as expected in a fresh sandbox of its own, at the first try.

        If not, :meth:`examined` decides.

        Raises:
            CandidateRunFailed: see there.
        """
        program = self._problem.program(candidate.source)
        limits = self._problem.limits
        started = [self._start(program, case.input, Status.COMPILE_ERROR, limits) for case in cases]
        found = []
        for case, future in zip(cases, started, strict=True):
            outcome = future.result()
            self._count_of_candidate(outcome)
            answer = answer_of(self._problem, outcome)
            found.append(answer is not None and case.accepts(answer))
        return found

    def usual_s(self, case: TestCase) -> float:
        """CPU seconds that the slowest oracle took for a test case, which :meth:`settled` has made."""
        return self._slowest_s[key_of(case.input)]

    def settled(self, test_input: TestInput, oracle_s: float = inf) -> TestCase | Drop:
        """What the oracles make of an input.

        Args:
            oracle_s: CPU seconds that each may take, where the problem's limit is more. An input that takes more is
                dropped this time, and not known to be exhausting.

        Raises:
            RunFailed: see there.
        """
        key = key_of(test_input)
        if oracle_s <= self._too_short_s.get(key, 0.0) or oracle_s < self._slowest_s.get(key, 0.0):
            return Drop.CRASH
        if key not in self._settled:
            usual = self._problem.limits
            # The limit on the wall stays: how long an oracle waits for a core says nothing of the input.
            limits = replace(usual, cpu_time=min(usual.cpu_time, oracle_s), wall_time=usual.wall_seconds)
            started = [self._start(program, test_input, Status.SANDBOX_ERROR, limits) for program in self._oracles]
            outcomes = [future.result() for future in started]
            for outcome in outcomes:
                self._count(outcome)
            slowest_s = max(outcome.cpu_time_s for outcome in outcomes)
            if limits.cpu_time < usual.cpu_time and slowest_s >= limits.cpu_time:
                self._too_short_s[key] = oracle_s
                return Drop.CRASH
            if any(outcome.status in EXHAUSTED for outcome in outcomes):
                self._exhausting.add(key)
            self._slowest_s[key] = slowest_s
            answers = [answer_of(self._problem, outcome) for outcome in outcomes]
            case = settle(0, test_input, answers, self._problem.how_compared)
            if isinstance(case, TestCase):
                case = replace(case, uses=tuple(use_of(outcome) for outcome in outcomes))
            self._settled[key] = self._known_answers.sifted(case)
        return self._settled[key]

    def is_exhausting(self, test_input: TestInput) -> bool:
        """Whether an oracle is known to have used up a limit on an input."""
        return key_of(test_input) in self._exhausting

    def _start(self, program: Program, test_input: TestInput, if_refused: Status, limits: Limits) -> Future[Outcome]:
        try:
            return self._engine.submit(program, stdin=test_input.stdin, args=test_input.args or (), limits=limits)
        except InvalidRequest as error:
            refused: Future[Outcome] = Future()
            refused.set_result(Outcome(if_refused, detail=f"the engine refused the run: {error}"))
            return refused

    def _count(self, outcome: Outcome) -> None:
        if self._on_run is not None:
            self._on_run(outcome)
        if outcome.status is Status.SANDBOX_ERROR:
            raise RunFailed(self._problem.id, outcome.detail)


def key_of(test_input: TestInput) -> bytes | str:
    """What two inputs that are the same have in common."""
    return test_input.stdin if test_input.args is None else identity(test_input.args)


def size_of(test_input: TestInput) -> tuple[int, bytes | str]:
    """The measure of what is minimal: the length of the text (of the arguments' JSON), then the text itself."""
    key = key_of(test_input)
    return len(key), key
