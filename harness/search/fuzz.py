"""Searches for inputs on which candidates differ from the oracles, and shrinks what it finds.

The search is fast: many inputs in one sandbox, a program each. What it seems to find is run again, each input in a
fresh sandbox, before it is believed; so a program that keeps things between inputs, or lies, costs nothing but time.
One that is caught at it is run in fresh sandboxes from then on. That no difference was found is said of fresh sandboxes
alone, too: what a candidate only seemed to answer right is run again in the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import batched
from typing import Any

from semi_instruct.engine import Engine, Outcome, Program
from semi_instruct.harness.inputs.source import TestInput, largest_example
from semi_instruct.harness.inputs.stdin import Format
from semi_instruct.harness.judge.batch import Glimpse, OnRun, Submits, glimpses, seeming_case
from semi_instruct.harness.judge.consensus import Drop, TestCase
from semi_instruct.harness.judge.known_answers import KnownAnswers
from semi_instruct.harness.judge.oracle_record import ORACLE_EXHAUSTIONS_ALLOWED
from semi_instruct.harness.judge.resource_rule import size_class, why_undecided
from semi_instruct.harness.problems.schema import Candidate, Problem
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.search.confirm import CandidateRunFailed, Difference, Excused, Judge
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
    _known_answers: KnownAnswers = field(init=False)
    _judge: Judge = field(init=False)
    _shrinker: Shrinker = field(init=False)
    _suspects: list[_Suspect] = field(init=False)
    _found: dict[str, Finding] = field(default_factory=dict)
    _largest_example: int = field(init=False)

    def __post_init__(self) -> None:
        self._largest_example = largest_example(self.problem)
        self._known_answers = KnownAnswers(self.problem)
        self._judge = Judge(self.engine, self.problem, self._count)
        self._shrinker = Shrinker(
            self.engine, self.problem, self.settings.seed, self._judge, self.settings.formats, self._count
        )
        self._fast_oracles = self.problem.language == "python"
        self._suspects = [_Suspect(candidate, self._fast_oracles) for candidate in self.candidates]

    def findings(self) -> list[Finding]:
        """Search, and say what was found of each candidate, in their order.

        Raises:
            RunFailed: by the sandbox's fault.
        """
        settings = self.settings
        source = FuzzInputs(self.problem, settings.seed, settings.inputs, settings.formats)
        while self._suspects and not self._is_cut_short():
            batch = source.take(_BATCH if self.tried else _FIRST_BATCH)
            if not batch:
                break
            source.report(self._try(batch))
        self._look_at_each(self._first_unconfirmed)
        for suspect in self._suspects:
            self._found[suspect.candidate.id] = self._finding(suspect.candidate, None, None, suspect)
        return [self._found[candidate.id] for candidate in self.candidates]

    def _try(self, batch: Sequence[TestInput]) -> list[bool]:
        """Run the oracles on some inputs, say which are valid, and run the suspects on those that are no probes."""
        if not self.tried:
            self._check_oracles(batch[:_CHECKED])
        cases = self._settled(batch)
        tried = [case for test_input, case in zip(batch, cases, strict=True) if not test_input.probe]
        self.tried += len(tried)
        self._dropped.update(case.value for case in tried if isinstance(case, Drop))
        found = [case for case in tried if isinstance(case, TestCase)]
        first = self.valid == 0
        self.valid += len(found)
        self._look_at_each(partial(self._first_difference, cases=found, check=first))
        return [isinstance(case, TestCase) for case in cases]

    def _look_at_each(self, differs: Callable[[_Suspect], Difference | None]) -> None:
        """Settle the suspects that a look shows to differ, or whose runs the sandbox fails to make."""
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
        smallest: Difference | None = difference
        if difference.row.verdict is not Verdict.COMPILE_ERROR:
            with suppress(CandidateRunFailed):  # the difference that is known is as true, and larger
                smallest = self._shrinker.shrink(candidate, difference.case.input, difference.outcome)
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
        for test_input, seeming in zip(inputs, self._seemingly_settled(inputs), strict=True):
            case = self._judge.settled(test_input)
            if isinstance(case, TestCase) and isinstance(seeming, TestCase):
                self._fast_oracles &= case.accepts(seeming.expected)
            else:
                self._fast_oracles &= case == seeming

    def _settled(self, inputs: Sequence[TestInput]) -> list[TestCase | Drop]:
        """What becomes of inputs. After those on which oracles used up limits, the others are held for no better."""
        cases: list[TestCase | Drop] = []
        for test_input, case in zip(inputs, self._seemingly_settled(inputs), strict=True):
            if case is not None:
                self._exhausting = 0
                cases.append(case)
            elif self._exhausting >= ORACLE_EXHAUSTIONS_ALLOWED:
                cases.append(Drop.CRASH)
            else:
                cases.append(self._judge.settled(test_input))
                self._exhausting = self._exhausting + 1 if self._judge.is_exhausting(test_input) else 0
        return cases

    def _seemingly_settled(self, inputs: Sequence[TestInput]) -> list[TestCase | Drop | None]:
        if not self._fast_oracles:
            return [None] * len(inputs)
        programs = [self.problem.program(source) for source in self.problem.oracles]
        looks = [[look for _, look in self._glimpses(program, inputs)] for program in programs]
        seeming = [
            seeming_case(self.problem, test_input, told)
            for test_input, told in zip(inputs, zip(*looks, strict=True), strict=True)
        ]
        return [case and self._known_answers.sifted(case) for case in seeming]

    def _first_difference(self, suspect: _Suspect, cases: Sequence[TestCase], check: bool) -> Difference | None:
        """The difference on the first input where there is one.

        Args:
            check: whether the first inputs are run in fresh sandboxes whatever the fast way says.
        """
        suspect.cases.update(self._class_of(case) for case in cases)
        for place, (case, seems_right) in enumerate(zip(cases, self._seems_right(suspect, cases), strict=True)):
            checked = check and place < _CHECKED
            if seems_right and suspect.fast and not checked:
                suspect.hold(case)
                continue
            difference = self._difference(suspect, case)
            if difference is not None:
                return difference
            suspect.false_alarms += seems_right is False
            suspect.fast &= suspect.false_alarms < _FALSE_ALARMS
        return self._first_unconfirmed(suspect) if suspect.held > _MAX_HELD else None

    def _first_unconfirmed(self, suspect: _Suspect) -> Difference | None:
        """The difference on the first input that the candidate only seemed to answer right."""
        waiting, suspect.unconfirmed, suspect.held = suspect.unconfirmed, [], 0
        for some in batched(waiting, _BATCH):
            for case, is_right in zip(some, self._judge.confirmed(suspect.candidate, some), strict=True):
                if is_right:
                    suspect.judged[self._class_of(case)] += 1
                elif (difference := self._difference(suspect, case)) is not None:
                    return difference
        return None

    def _difference(self, suspect: _Suspect, case: TestCase) -> Difference | None:
        """The difference on an input, if there is one, in fresh sandboxes."""
        found = self._judge.examined(suspect.candidate, case.input)
        if isinstance(found, Difference):
            return found
        if isinstance(found, Excused):
            suspect.excused += 1
        else:
            suspect.judged[self._class_of(case)] += 1
        return None

    def _class_of(self, case: TestCase) -> int:
        return size_class(case.input.size, self._largest_example)

    def _seems_right(self, suspect: _Suspect, cases: Sequence[TestCase]) -> Iterator[bool | None]:
        """Whether the candidate's answers seem right, in turn; None where nothing is known."""
        if not suspect.fast:
            yield from [None] * len(cases)
            return
        program = self.problem.program(suspect.candidate.source)
        inputs = [case.input for case in cases]
        looks = self._glimpses(program, inputs)
        for case, (_, look) in zip(cases, looks, strict=True):
            yield None if look is None else look.answer is not None and case.accepts(look.answer)

    def _glimpses(self, program: Program, inputs: Sequence[TestInput]) -> Iterator[tuple[TestInput, Glimpse | None]]:
        # Where one sandbox does not see it through, each of the other inputs gets a sandbox of its own.
        return glimpses(self.engine, program, inputs, self.problem.limits, endings=1, on_run=self._count)

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
