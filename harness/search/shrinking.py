"""Minimal counterexamples: the smallest input found on which the oracles agree and the candidate still fails.

First a pool of small inputs is run in batches (``judge.batch``). The smallest one that fails, confirmed in fresh
sandboxes, is the start. From there Hypothesis shrinks its choices; an input that is not known to be made of choices is
reduced by taking parts away. A counterexample is always confirmed in fresh sandboxes, and inputs keep to what is known
of valid ones. The number of runs is bounded. If programs are slow, CPU time bounds the work, too: how much of the pool
they are run on, which inputs are too slow for an oracle, when a candidate has wasted enough, and how many runs the
caller can afford.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import batched, cycle, islice, product
from math import inf
from random import Random

from semi_instruct.engine import Limits
from semi_instruct.harness.inputs.calls import Domain
from semi_instruct.harness.inputs.calls.belonging import belongs
from semi_instruct.harness.inputs.calls.in_helper import limited_calls, limited_domain
from semi_instruct.harness.inputs.source import TestInput, as_bytes
from semi_instruct.harness.inputs.stdin import CannotDraw, Format
from semi_instruct.harness.inputs.stdin.checking import fits
from semi_instruct.harness.inputs.stdin.choosers import Profile, SeededChooser, Sizes, Style
from semi_instruct.harness.inputs.stdin.drawing import draw
from semi_instruct.harness.inputs.stdin.in_helper import limited_formats
from semi_instruct.harness.inputs.stdin.relaxing import Doubt, doubts, without
from semi_instruct.harness.judge.consensus import Drop, TestCase
from semi_instruct.harness.judge.resource_rule import EXHAUSTED
from semi_instruct.harness.judge.rules import Rules
from semi_instruct.harness.problems.schema import Candidate
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.runs import Runner
from semi_instruct.harness.search.argument_choices import choices_of, shapes_of_arguments, value_of_choices
from semi_instruct.harness.search.confirm import Confirmer, Difference, key_of, size_of
from semi_instruct.harness.search.format_choices import Recording, text_of_choices
from semi_instruct.harness.search.hypothesis_shrinking import Choose, shrink_choices
from semi_instruct.harness.search.text_reduction import simpler

# Inputs that a candidate and the oracles are run on, at most, to shrink one counterexample.
RUNS = 150
SHRUNK = "shrunk"  # the provenance of what is made here
_POOL = 160
_POOL_CPU_S = 2.0  # for all of the pool; small inputs need far less
_POOL_PART = 0.25  # and this share of the time for a counterexample
_MIN_BATCH_S = 0.01  # less is not worth a sandbox
_MIN_RUN_S = 0.001
_MAX_TAKEN_S = 20.0  # by a candidate; one that sleeps or wastes time is given up then
_SEEN_TO_FAIL = 8  # of the pool, inputs that seem to fail and are tried; a program that is the same each time needs one
_EXHAUSTIONS = 3  # runs that may use up a limit, as each takes all the time there is; one if that is the failure
# CPU seconds that an oracle may take for a smaller input: so many, and so many times what the known one took.
_ORACLE_S = 0.5
_ORACLE_MULTIPLE = 4
_MAX_SIMPLER = 2_000  # texts of which one is to be chosen; few are valid
_PROFILES = [
    Profile(cap, span, style, sizes)
    for cap, span, style, sizes in product(
        (1, 2, 3, 4, 6, 9), (1, 3, 9, None), (Style.RANDOM, Style.EQUAL, Style.SORTED), (Sizes.ANY, Sizes.MOST)
    )
]


@dataclass(frozen=True, slots=True)
class _Made:
    """An input that was made of choices."""

    input: TestInput
    choices: list[int]
    build: Callable[[Choose], TestInput]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What drawing small inputs of a whole program came to.

    Attributes:
        formats: those that inputs are kept to, the best first.
        pool: inputs that seem to be test cases.
    """

    formats: tuple[Format, ...]
    pool: list[tuple[_Made, TestCase]]


class Shrinker:
    """Shrinks the counterexamples of one problem. What is known of the oracles is shared by its candidates.

    The same problem, seed, candidate and counterexample give the same result, whatever was shrunk before.

    Args:
        confirmer: one that may know some answers of the oracles already.
        formats: of the inputs of a whole program; None to infer them.
        cpu_s: CPU seconds for each counterexample, about. It bounds the number of tries by the time that the oracles
            and the candidate take.
    """

    def __init__(
        self,
        runner: Runner,
        rules: Rules,
        seed: int,
        confirmer: Confirmer | None = None,
        formats: Sequence[Format] | None = None,
        cpu_s: float = inf,
    ) -> None:
        self._runner = runner
        self._rules = rules
        self._problem = rules.problem
        self._cpu_s = cpu_s
        self._seed = f"{seed} {rules.problem.id}"
        self._confirmer = confirmer or Confirmer(runner, rules)
        self._given_formats = formats

    def shrink(self, candidate: Candidate, known: TestInput, runs: int = RUNS) -> Difference | None:
        """The smallest input found that fails as the known one does, which may be that one.

        Args:
            known: an input on which the candidate fails.
            runs: inputs that may be tried.

        Returns:
            None if the candidate does not fail on it after all, or there is no time for another try.

        Raises:
            RunFailed: the sandbox did not make a run.
        """
        case = self._confirmer.oracle_case(known)
        if isinstance(case, Drop) or not min(runs, self._affordable(case)):
            return None
        found = self._confirmer.difference(candidate, known)
        return self.shrink_difference(candidate, found, runs) if isinstance(found, Difference) else None

    def shrink_difference(self, candidate: Candidate, found: Difference, runs: int = RUNS) -> Difference:
        """Like :meth:`shrink`, from a difference that was confirmed."""
        known = found.case.input
        runs = min(runs, self._affordable(found.case))
        attempt = _Attempt(self._confirmer, candidate, found, runs, min(self._cpu_s, _MAX_TAKEN_S))
        made = self._smallest_of(self._pool, attempt)
        if made is None:
            made = self._smallest_beyond_guesses(attempt) if known.args is None else _made_of_arguments(known)
        if made is not None:

            def fails(new: TestInput) -> bool:
                return self._keeps(known, new) and attempt.fails(new)

            shrink_choices(made.build, made.choices, fails, lambda: attempt.goes_on, self._seed)
        else:
            self._reduce(attempt, known)
        return attempt.best

    def _affordable(self, case: TestCase) -> int:
        """Tries that there is time for, if each takes the oracles and the candidate what this one takes the oracles."""
        each_s = max(self._confirmer.slowest_s(case), _MIN_RUN_S) * (len(self._problem.oracles) + 1)
        return RUNS if self._cpu_s == inf else int(self._cpu_s / each_s)

    def _smallest_of(self, pool: Sequence[tuple[_Made, TestCase]], attempt: _Attempt) -> _Made | None:
        """The smallest input of a pool that fails, and is smaller than the best known."""
        known = attempt.best.case.input
        smaller = [
            (made, case)
            for made, case in pool
            if size_of(made.input) < size_of(known) and self._keeps(known, made.input)
        ]
        failing = self._first_failing(attempt, [made.input for made, _ in smaller], [case for _, case in smaller])
        return None if failing is None else smaller[failing][0]

    def _first_failing(
        self, attempt: _Attempt, inputs: Sequence[TestInput], cases: Sequence[TestCase | Drop | None]
    ) -> int | None:
        """The index of the first input that fails, of those on which the candidate does not seem to pass.

        Args:
            cases: what the oracles seem to make of each.
        """
        tries = 0
        passes = self._unconfirmed_passes(attempt.candidate, cases)
        for index, (test_input, case, passed) in enumerate(zip(inputs, cases, passes, strict=True)):
            if isinstance(case, Drop) or passed:
                continue
            if attempt.fails(test_input):
                return index
            tries += 1
            if tries >= _SEEN_TO_FAIL or not attempt.goes_on:
                break
        return None

    def _unconfirmed_passes(
        self, candidate: Candidate, cases: Sequence[TestCase | Drop | None]
    ) -> Sequence[bool | None]:
        """Whether a candidate seems to pass each of the test cases; None where nothing is known."""
        known = [case for case in cases if isinstance(case, TestCase)]
        limits = self._batch_limits
        if limits is None or not known:
            return [None] * len(cases)
        program = self._problem.program(candidate.source)
        passes = iter(self._runner.run(self._rules.unconfirmed_passes(program, known, limits, max_endings=1)))
        return [next(passes) if isinstance(case, TestCase) else None for case in cases]

    def _smallest_beyond_guesses(self, attempt: _Attempt) -> _Made | None:
        """The same among inputs of the format that the known one is of, where that takes dropping guesses."""
        wide = self._format_of(_text(attempt.best.case.input))
        if wide is None or wide in self._drawn.formats:
            return None
        drawn = self._small_inputs(wide, _POOL)
        pool = self._valid(drawn)
        if len(pool) < len(drawn):
            return None
        return self._smallest_of(sorted(pool, key=lambda pair: size_of(pair[0].input)), attempt)

    @cached_property
    def _pool(self) -> list[tuple[_Made, TestCase]]:
        """Small inputs that seem to be test cases, the smallest first."""
        pool = self._called() if self._problem.kind == "function" else self._drawn.pool
        return sorted(pool, key=lambda pair: size_of(pair[0].input))

    def _called(self) -> list[tuple[_Made, TestCase]]:
        if self._domain is None:
            return []
        # The first ones are those that reach least beyond the known calls.
        calls = [
            TestInput(SHRUNK, args=call.arguments) for call in islice(limited_calls(self._problem, self._seed), _POOL)
        ]
        return self._valid([_made_of_arguments(call) for call in calls])

    @cached_property
    def _drawn(self) -> _Drawn:
        """Small inputs of the format of which most are valid, and of that format with smaller sizes if all are."""
        pools = [self._valid(self._small_inputs(format_, _POOL)) for format_ in self._formats]
        best = max(range(len(pools)), key=lambda position: (len(pools[position]), -position), default=None)
        if best is None:
            return _Drawn((), [])
        strict = self._formats[best]
        least = frozenset(position for position, doubt in enumerate(doubts(strict)) if doubt is Doubt.LEAST)
        smaller = self._small_inputs(without(strict, least), _POOL) if least else []
        smaller = [made for made in smaller if not fits(strict, _text(made.input))]
        valid = self._valid(smaller)
        if len(valid) < len(smaller) or not smaller:
            return _Drawn(tuple(self._formats), pools[best])
        return _Drawn((without(strict, least), *self._formats), pools[best] + valid)

    @cached_property
    def _formats(self) -> list[Format]:
        if self._problem.kind == "function":
            return []
        texts = [example.input for example in self._problem.examples]
        return list(limited_formats(texts) if self._given_formats is None else self._given_formats)

    @property
    def _batch_limits(self) -> Limits | None:
        """The limits of a batch; None if there is no time for one."""
        cpu_s = min(self._problem.cpu_time_s, _POOL_CPU_S, self._cpu_s * _POOL_PART)
        return None if cpu_s < _MIN_BATCH_S else replace(self._problem.limits, cpu_time=cpu_s)

    @cached_property
    def _domain(self) -> Domain | None:
        return limited_domain(self._problem)

    def _small_inputs(self, format_: Format, count: int) -> list[_Made]:
        random = Random(f"pool {self._seed}".encode("utf-8", "surrogatepass"))  # noqa: S311  nothing secret is drawn
        found: dict[str, _Made] = {}
        for profile in islice(cycle(_PROFILES), 2 * count):
            recording = Recording(SeededChooser(random, profile))
            try:
                text = draw(format_, recording)
            except CannotDraw:
                continue  # the next profile may do
            found.setdefault(text, _made_of_format(format_, text, recording.choices))
            if len(found) == count:
                break
        return list(found.values())

    def _valid(self, pool: Sequence[_Made]) -> list[tuple[_Made, TestCase]]:
        """Those which the oracles seem to agree on."""
        cases = self._seeming_cases([made.input for made in pool])
        return [(made, case) for made, case in zip(pool, cases, strict=True) if isinstance(case, TestCase)]

    def _seeming_cases(self, inputs: Sequence[TestInput]) -> Sequence[TestCase | Drop | None]:
        """What the oracles seem to make of inputs; None where nothing is known."""
        limits = self._batch_limits
        if limits is None or not inputs:
            return [None] * len(inputs)
        return self._runner.run(self._rules.unconfirmed_cases(inputs, limits, max_endings=1))

    def _keeps(self, known: TestInput, new: TestInput) -> bool:
        """Whether an input is as valid as the known one, as far as that can be told without running it."""
        if new.args is None or self._domain is None or not belongs(self._domain, known.args or ()):
            return True
        return belongs(self._domain, new.args)

    def _format_of(self, known: str) -> Format | None:
        """The format that a text is of, guesses dropped where need be."""
        return next(filter(None, (_wide_enough(format_, known) for format_ in self._drawn.formats)), None)

    def _reduce(self, attempt: _Attempt, known: TestInput) -> None:
        """Take one thing after the other away from a text, while it stays of the format it is of."""
        format_ = self._format_of(_text(known))
        best = None
        while best is not attempt.best and attempt.goes_on:
            best = attempt.best
            simpler_ones = (
                _text_input(text)
                for text in islice(simpler(_text(best.case.input)), _MAX_SIMPLER)
                if format_ is None or fits(format_, text)
            )
            for some in batched(simpler_ones, _POOL):
                if self._first_failing(attempt, some, self._seeming_cases(some)) is not None:
                    break


def _wide_enough(format_: Format, text: str) -> Format | None:
    """The format, with no more guesses dropped than it takes for the text to be of it; None if that is not enough."""
    far = {Doubt.REACH, Doubt.SIZE}
    for about in (far, far | {Doubt.ORDER}, far | {Doubt.RELATION}, far | {Doubt.LEAST}, set(Doubt)):
        wide, guesses = format_, frozenset({0})
        while guesses:
            if fits(wide, text):
                return wide
            guesses = frozenset(position for position, doubt in enumerate(doubts(wide)) if doubt in about)
            wide = without(wide, guesses)
    return None


@dataclass(slots=True)
class _Attempt:
    """The shrinking of one counterexample: what is known, and what may still be tried."""

    confirmer: Confirmer
    candidate: Candidate
    best: Difference
    runs: int
    most_taken_s: float
    _taken_before_s: float = field(init=False)
    _oracle_s: float = field(init=False)
    _verdict: Verdict = field(init=False)
    _known: dict[bytes | str, bool] = field(default_factory=dict)
    _exhaustions: int = _EXHAUSTIONS

    def __post_init__(self) -> None:
        self._verdict = self.best.row.verdict
        self._taken_before_s = self.confirmer.taken_s
        self._oracle_s = _ORACLE_S + _ORACLE_MULTIPLE * self.confirmer.slowest_s(self.best.case)
        if self.best.outcome.status in EXHAUSTED:
            self._exhaustions = 1
        self._known[key_of(self.best.case.input)] = True

    @property
    def goes_on(self) -> bool:
        """Whether more may be tried."""
        has_time = self.confirmer.taken_s - self._taken_before_s < self.most_taken_s
        return self.runs > 0 and self._exhaustions > 0 and has_time

    def fails(self, new: TestInput) -> bool:
        """Whether the candidate fails on an input smaller than the best, in the same way; it is then the best."""
        key = key_of(new)
        if key in self._known:
            return self._known[key]
        if not self.goes_on or size_of(new) >= size_of(self.best.case.input):
            return False
        self.runs -= 1
        found = self.confirmer.difference(self.candidate, new, oracle_s=self._oracle_s)
        self._known[key] = False
        if isinstance(found, Difference):
            self._exhaustions -= found.outcome.status in EXHAUSTED
            self._known[key] = found.row.verdict is self._verdict
            if self._known[key]:
                self.best = found
        return self._known[key]


def _made_of_arguments(call: TestInput) -> _Made:
    assert call.args is not None
    shape = shapes_of_arguments(call.args)
    return _Made(
        call,
        choices_of(shape, call.args),
        lambda choose: TestInput(SHRUNK, args=value_of_choices(shape, choose)),
    )


def _made_of_format(format_: Format, text: str, choices: list[int]) -> _Made:
    return _Made(_text_input(text), choices, lambda choose: _text_input(text_of_choices(format_, choose)))


def _text_input(text: str) -> TestInput:
    return TestInput(SHRUNK, stdin=as_bytes(text))


def _text(test_input: TestInput) -> str:
    return test_input.stdin.decode("utf-8", "surrogateescape")
