"""Searches for inputs on which candidates differ from the oracles, and shrinks what it finds.

The search runs many inputs of a program in one sandbox (``judge.batch``). What it seems to find is confirmed in fresh
sandboxes, so a program that keeps state between inputs, or lies, costs time and nothing else. A candidate that does so
too often is run in fresh sandboxes only. The result that a candidate does not differ is based on fresh sandboxes, too:
the inputs that it only seemed to answer right are run again at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import batched
from typing import Any

from semi_instruct.engine import Engine, Outcome
from semi_instruct.harness.errors import CandidateRunFailed
from semi_instruct.harness.inputs.source import TestInput, largest_example
from semi_instruct.harness.inputs.stdin import Format
from semi_instruct.harness.judge.checker import Finding as CheckerFinding
from semi_instruct.harness.judge.consensus import Drop, TestCase
from semi_instruct.harness.judge.oracle_record import ORACLE_EXHAUSTIONS_ALLOWED
from semi_instruct.harness.judge.resource_rule import size_class, why_undecided
from semi_instruct.harness.judge.rules import Rules
from semi_instruct.harness.problems.schema import Candidate, Problem
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.runs import OnRun, Runner, Submits
from semi_instruct.harness.search.confirm import Confirmer, Difference, Excused
from semi_instruct.harness.search.fuzz_inputs import FuzzInputs
from semi_instruct.harness.search.shrinking import Shrinker

INPUTS = 500
_FIRST_BATCH = 12  # most differences show at once, and what takes long comes late
_BATCH = 60
_CHECKED = 3  # inputs on which the fast way is compared with fresh sandboxes
_FALSE_ALARMS = 5  # after these, a candidate is not run the fast way any more
_MAX_HELD = 1 << 24  # bytes of test cases that wait to be run in fresh sandboxes


@dataclass(frozen=True, slots=True)
class Settings:
    """How to search.

    Attributes:
        seed: for all that is chosen at random.
        inputs: to be tried, at most, for one problem.
        budget: CPU seconds a problem, after which no further inputs are taken; None for no such end.
        formats: of the inputs of a whole program; None to infer them.
    """

    seed: int = 0
    inputs: int = INPUTS
    budget: float | None = None
    formats: tuple[Format, ...] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What the search says of one candidate.

    Attributes:
        difference: on the smallest input found; None if no difference was found.
        found_on: the input the difference was first seen on.
        inputs: tried by then; they are taken in batches.
        test_cases: those of them that the oracles agreed on.
        dropped_inputs: the others, by reason.
        detail: why there were not more, if something cut the search short.
        fault: of ours, for which the candidate was not searched; empty if it was.
        undecided: why too little was judged to say that there is no difference (``resource_rule``); else empty.
        excused: test cases on which the candidate hit a limit that is not held against it.
    """

    problem: Problem
    candidate: Candidate
    difference: Difference | None
    found_on: TestInput | None
    inputs: int
    test_cases: int
    dropped_inputs: dict[str, int]
    detail: str
    fault: str = ""
    undecided: str = ""
    excused: int = 0

    @classmethod
    def unsearched(cls, problem: Problem, candidate: Candidate, fault: str) -> Finding:
        """The finding of a search that a fault of ours prevented."""
        return cls(problem, candidate, None, None, 0, 0, {}, "", fault)

    @property
    def verdict(self) -> Verdict | None:
        """On the smallest input found, or on us, or that too little was judged; None if there is nothing to blame."""
        if self.fault:
            return Verdict.SANDBOX_ERROR
        if self.undecided:
            return Verdict.UNDECIDED
        return self.difference.row.verdict if self.difference else None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data, as ``fuzz --json`` writes it."""
        row = self.difference.row if self.difference else None
        excused = {"excused": self.excused} if self.excused else {}
        return {
            "problem": self.problem.id,
            "candidate": self.candidate.id,
            "difference": None if self.fault or self.undecided else row is not None,
            "verdict": self.verdict.value if self.verdict else None,
            "counterexample": row.counterexample.to_json() if row and row.counterexample else None,
            "found_by": self.found_on.provenance if self.found_on else None,
            "inputs": self.inputs,
            "test_cases": self.test_cases,
            "dropped_inputs": self.dropped_inputs,
            "detail": "; ".join(filter(None, (row.detail if row else "", self.undecided, self.detail, self.fault))),
            **excused,
        }


def fuzz(
    problem: Problem,
    engine: Submits | None = None,
    *,
    candidates: Sequence[Candidate] | None = None,
    settings: Settings | None = None,
) -> list[Finding]:
    """Search for inputs on which the candidates of a problem differ from its oracles.

    Args:
        engine: runs the programs; without one, an engine with one worker per core is opened and closed.
        candidates: those to search; all of the problem without it.
        settings: how to search.

    Returns:
        One finding per candidate, in their order.

    Raises:
        RunFailed: the sandbox could not make a run of an oracle.
        SandboxUnavailable: the machine lacks a wall of the sandbox; nothing is run without it.
    """
    with nullcontext(engine) if engine is not None else Engine() as executor:
        wanted = problem.candidates if candidates is None else candidates
        return Search(problem, wanted, executor, settings or Settings()).findings()


@dataclass(slots=True)
class _Suspect:
    """A candidate no difference of which is known.

    Attributes:
        fast: whether it is run on many inputs in one sandbox.
        cases, judged: test cases it was given, and those that it was judged on in fresh sandboxes, by size class.
        unconfirmed: those that it seemed to answer right.
        held: their bytes.
    """

    candidate: Candidate
    fast: bool
    false_alarms: int = 0
    cases: Counter[int] = field(default_factory=Counter)
    judged: Counter[int] = field(default_factory=Counter)
    excused: int = 0
    unconfirmed: list[TestCase] = field(default_factory=list)
    held: int = 0

    def hold(self, case: TestCase) -> None:
        """Keep a test case to be run in a fresh sandbox."""
        self.unconfirmed.append(case)
        self.held += case.size


@dataclass(slots=True)
class Search:
    """The search on one problem.

    Args:
        candidates: those in question.
        on_run: called with every outcome.

    Attributes:
        tried: inputs so far, without probes (``harness.inputs.source.TestInput``).
        valid: those of them that the oracles agreed on.
    """

    problem: Problem
    candidates: Sequence[Candidate]
    engine: Submits
    settings: Settings
    on_run: OnRun | None = None
    tried: int = 0
    valid: int = 0
    _seconds: float = 0.0
    _dropped: Counter[str] = field(default_factory=Counter)
    _fast_oracles: bool = True
    _exhausting: int = 0  # inputs running on which an oracle used up a limit
    _runner: Runner = field(init=False)
    _rules: Rules = field(init=False)
    _confirmer: Confirmer = field(init=False)
    _shrinker: Shrinker = field(init=False)
    _suspects: list[_Suspect] = field(init=False)
    _found: dict[str, Finding] = field(default_factory=dict)
    _largest_example: int = field(init=False)

    def __post_init__(self) -> None:
        self._largest_example = largest_example(self.problem)
        self._runner = Runner(self.engine, self._count)
        self._rules = Rules(self.problem)
        self._confirmer = Confirmer(self._runner, self._rules)
        self._shrinker = Shrinker(self._runner, self._rules, self.settings.seed, self._confirmer, self.settings.formats)
        self._fast_oracles = self.problem.language == "python"
        self._suspects = [_Suspect(candidate, self._fast_oracles) for candidate in self.candidates]

    def findings(self) -> list[Finding]:
        """Search, and say what was found of each candidate, in their order.

        Raises:
            RunFailed: the sandbox did not make a run of an oracle.
        """
        settings = self.settings
        source = FuzzInputs(self.problem, settings.seed, settings.inputs, settings.formats)
        while self._suspects and not self._is_cut_short():
            batch = source.take(_BATCH if self.tried else _FIRST_BATCH)
            if not batch:
                break
            source.report(self._try(batch))
        self._examine_each(self._first_unconfirmed)
        for suspect in self._suspects:
            self._found[suspect.candidate.id] = self._finding(suspect.candidate, None, None, suspect)
        return [self._found[candidate.id] for candidate in self.candidates]

    def _try(self, batch: Sequence[TestInput]) -> list[bool]:
        """Run the oracles on some inputs, say which are valid, and run the suspects on those that are no probes."""
        if not self.tried:
            self._check_oracles(batch[:_CHECKED])
        cases = self._cases(batch)
        tried = [case for test_input, case in zip(batch, cases, strict=True) if not test_input.probe]
        self.tried += len(tried)
        self._dropped.update(case.value for case in tried if isinstance(case, Drop))
        found = [case for case in tried if isinstance(case, TestCase)]
        first = self.valid == 0
        self.valid += len(found)
        self._examine_each(partial(self._first_difference, cases=found, check=first))
        return [isinstance(case, TestCase) for case in cases]

    def _examine_each(self, differs: Callable[[_Suspect], Difference | None]) -> None:
        """End the search for the suspects that differ, and for those whose runs the sandbox does not make."""
        for suspect in list(self._suspects):
            try:
                difference = differs(suspect)
            except CandidateRunFailed as error:
                self._suspects.remove(suspect)
                self._found[suspect.candidate.id] = Finding.unsearched(self.problem, suspect.candidate, str(error))
                continue
            if difference is not None:
                self._suspects.remove(suspect)
                self._settle(suspect.candidate, difference)

    def _settle(self, candidate: Candidate, difference: Difference) -> None:
        smallest = difference
        if difference.row.verdict is not Verdict.COMPILE_ERROR:
            with suppress(CandidateRunFailed):  # the known difference is valid, too, and larger
                smallest = self._shrinker.shrink_difference(candidate, difference)
        self._found[candidate.id] = self._finding(candidate, smallest, difference.case.input)

    def _finding(
        self,
        candidate: Candidate,
        difference: Difference | None,
        found_on: TestInput | None,
        suspect: _Suspect | None = None,
    ) -> Finding:
        """What is said of a candidate.

        Args:
            suspect: it, if no difference was found.
        """
        return Finding(
            self.problem,
            candidate,
            difference,
            found_on,
            self.tried,
            self.valid,
            dict(self._dropped),
            "" if difference else self._why_cut_short(),
            undecided=why_undecided(suspect.cases, suspect.judged, suspect.excused) if suspect else "",
            excused=suspect.excused if suspect else 0,
        )

    def _check_oracles(self, inputs: Sequence[TestInput]) -> None:
        for test_input, seeming in zip(inputs, self._unconfirmed_cases(inputs), strict=True):
            case = self._confirmer.oracle_case(test_input)
            if isinstance(case, TestCase) and isinstance(seeming, TestCase):
                self._fast_oracles &= self._accepts(case, seeming)
            else:
                self._fast_oracles &= case == seeming

    def _accepts(self, case: TestCase, seeming: TestCase) -> bool:
        """Whether an unconfirmed test case expects what the confirmed one does."""
        judgement = self._runner.run(self._rules.judgement(case, seeming.expected))
        return judgement.finding is CheckerFinding.ACCEPTED

    def _cases(self, inputs: Sequence[TestInput]) -> list[TestCase | Drop]:
        """What becomes of inputs. Once oracles have used up limits on several in a row, the others are dropped."""
        cases: list[TestCase | Drop] = []
        for test_input, case in zip(inputs, self._unconfirmed_cases(inputs), strict=True):
            if case is not None:
                self._exhausting = 0
                cases.append(case)
            elif self._exhausting >= ORACLE_EXHAUSTIONS_ALLOWED:
                cases.append(Drop.CRASH)
            else:
                cases.append(self._confirmer.oracle_case(test_input))
                self._exhausting = self._exhausting + 1 if self._confirmer.is_exhausting(test_input) else 0
        return cases

    def _unconfirmed_cases(self, inputs: Sequence[TestInput]) -> Sequence[TestCase | Drop | None]:
        if not self._fast_oracles:
            return [None] * len(inputs)
        # Where one sandbox does not see it through, each of the other inputs gets a sandbox of its own.
        return self._runner.run(self._rules.unconfirmed_cases(inputs, self.problem.limits, max_endings=1))

    def _first_difference(self, suspect: _Suspect, cases: Sequence[TestCase], check: bool) -> Difference | None:
        """The difference on the first input where there is one.

        Args:
            check: whether the first inputs are run in fresh sandboxes in any case.
        """
        suspect.cases.update(self._class_of(case) for case in cases)
        for number, (case, passes) in enumerate(zip(cases, self._unconfirmed_passes(suspect, cases), strict=True)):
            if passes and suspect.fast and not (check and number < _CHECKED):
                suspect.hold(case)
                continue
            difference = self._difference(suspect, case)
            if difference is not None:
                return difference
            suspect.false_alarms += passes is False
            suspect.fast &= suspect.false_alarms < _FALSE_ALARMS
        return self._first_unconfirmed(suspect) if suspect.held > _MAX_HELD else None

    def _first_unconfirmed(self, suspect: _Suspect) -> Difference | None:
        """The difference on the first input that the candidate only seemed to answer right."""
        waiting, suspect.unconfirmed, suspect.held = suspect.unconfirmed, [], 0
        for some in batched(waiting, _BATCH):
            outcomes = self._confirmer.first_outcomes(suspect.candidate, some)
            for case, (outcome, is_right) in zip(some, outcomes, strict=True):
                if is_right:
                    suspect.judged[self._class_of(case)] += 1
                elif (difference := self._difference(suspect, case, outcome)) is not None:
                    return difference
        return None

    def _difference(self, suspect: _Suspect, case: TestCase, first: Outcome | None = None) -> Difference | None:
        """The difference on an input, if there is one, in fresh sandboxes.

        Args:
            first: see ``Confirmer.difference``.
        """
        found = self._confirmer.difference(suspect.candidate, case.input, first=first)
        if isinstance(found, Difference):
            return found
        if isinstance(found, Excused):
            suspect.excused += 1
        else:
            suspect.judged[self._class_of(case)] += 1
        return None

    def _class_of(self, case: TestCase) -> int:
        return size_class(case.input.size, self._largest_example)

    def _unconfirmed_passes(self, suspect: _Suspect, cases: Sequence[TestCase]) -> Sequence[bool | None]:
        """Whether a candidate seems to pass each test case; None where nothing is known."""
        if not suspect.fast or not cases:
            return [None] * len(cases)
        program = self.problem.program(suspect.candidate.source)
        return self._runner.run(self._rules.unconfirmed_passes(program, cases, self.problem.limits, max_endings=1))

    def _is_cut_short(self) -> bool:
        return bool(self._why_cut_short())

    def _why_cut_short(self) -> str:
        if self.settings.budget is not None and self._seconds >= self.settings.budget:
            return f"the budget of {self.settings.budget:g} CPU seconds is spent"
        if self._exhausting >= ORACLE_EXHAUSTIONS_ALLOWED:
            return f"oracles hit limits on {ORACLE_EXHAUSTIONS_ALLOWED} inputs running"
        return ""

    def _count(self, outcome: Outcome) -> None:
        self._seconds += outcome.cpu_time_s
        if self.on_run is not None:
            self.on_run(outcome)
