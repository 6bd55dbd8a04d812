"""The search after the planned inputs: for mutants of the oracle that live and candidates that have not failed.

Programs are run in batches here (``judge.batch``). An input that a batch points to is proposed, and becomes a test case
like any other, by runs in fresh sandboxes. A candidate that behaves differently in batches gets some of the inputs in
fresh sandboxes instead.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

from semi_instruct.engine import Limits, Program
from semi_instruct.harness.analysis.coverage import InvalidReport, coverage, instrumented
from semi_instruct.harness.analysis.mutants_of import limited_mutants
from semi_instruct.harness.compare.comparison import Comparison
from semi_instruct.harness.inputs.source import TestInput
from semi_instruct.harness.judge.batch import BatchResult, Unconfirmed, run_batches
from semi_instruct.harness.judge.consensus import TestCase, settle
from semi_instruct.harness.judge.rules import request_for
from semi_instruct.harness.judge.time_rule import candidate_limits
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.strength import UNRATED, Merit, Rating, Strength, strength
from semi_instruct.harness.runs import Steps

MUTANTS = 40
ROUNDS = 8  # in search of inputs that candidates fail on
ROUNDS_FOR_MUTANTS = 3  # the first of these
INPUTS_A_ROUND = 100
# Of a round, inputs for a candidate that batches were wrong about.
_UNBATCHED = 25
# A mutant that loops for ever is to cost little: so many CPU seconds, or times what the oracle takes for all inputs.
_MUTANT_CPU_S = 0.5
_MUTANT_MULTIPLE = 3
# Coverage takes a run a test case; the first ones tell nearly all of it.
_MAX_COVERED = 100


@dataclass(frozen=True, slots=True)
class Proposal:
    """An input worth a test case.

    Attributes:
        candidates: the candidates that it is for, by index; None for all. An input that one candidate fails does not
            count for the others, which were run on it in a batch, too.
        mutants: the mutants that it kills, by index, as far as is known.
    """

    input: TestInput
    candidates: frozenset[int] | None = None
    mutants: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Findings:
    """What the rating found.

    Attributes:
        strength: of the test cases there are, and the proposals for all.
        rating: of the test cases there are.
    """

    strength: Strength
    rating: Rating


@dataclass(frozen=True, slots=True)
class _Round:
    """New inputs on which all oracles seem to agree.

    Attributes:
        slowest_s: CPU seconds that the slowest oracle took for all that were new.
    """

    cases: list[TestCase]
    slowest_s: float

    @property
    def inputs(self) -> list[TestInput]:
        """Those of the cases."""
        return [case.input for case in self.cases]


class _Rounds:
    """The rounds so far. Each is made once, when it is first needed."""

    def __init__(self, problem: Problem, size: int, further: Callable[[int], Sequence[TestInput]]) -> None:
        self._size = size
        self._comparison = problem.how_compared
        self._limits = problem.limits
        self._oracles = [problem.program(source) for source in problem.oracles]
        self._further = further
        self._made: list[_Round] = []

    def get(self, number: int) -> Steps[_Round | None]:
        """A round, the earlier ones having been made; None when there are no new inputs."""
        if number == len(self._made):
            new = self._further(self._size)
            if not new:
                return None
            answered = yield from run_batches(self._oracles, new, self._limits)
            slowest_s = max(result.cpu_s for result in answered)
            self._made.append(_Round(_agreed(new, answered, self._comparison), slowest_s))
        return self._made[number]


def search(
    problem: Problem,
    seed: int,
    cases: Sequence[TestCase],
    unfailed: Sequence[int],
    has_failed: Callable[[int], bool],
    may_go_on: Callable[[int], bool],
    inputs: int,
    further: Callable[[int], Sequence[TestInput]],
    propose: Callable[[Proposal], None],
) -> Steps[Findings]:
    """Look for inputs that candidates fail on, then rate the test cases and look for better ones.

    Args:
        seed: for the choice of mutants.
        cases: the test cases so far, at least one; not the large ones.
        unfailed: indexes of the candidates that have passed all of them.
        has_failed: whether one of these has failed since, all proposals before the last runs asked for having been run.
        may_go_on: whether one that batches were wrong about may be run on further inputs. A batch costs little, so all
            others are run in batches: a candidate that uses up its time on inputs it knows does not escape.
        inputs: how many new ones to take a round.
        further: gives so many new inputs, or fewer when there are no more.
        propose: called with each input that is found.
    """
    rounds = _Rounds(problem, inputs, further)
    hopeful = sorted(unfailed)
    suspects: set[int] = set()  # that have seemed to fail, and had not
    for number in range(ROUNDS):
        made = (yield from rounds.get(number)) if hopeful else None
        if made is None:
            break
        hopeful = [candidate for candidate in hopeful if not has_failed(candidate)]
        wanted = {
            candidate: _spread(len(made.cases), _UNBATCHED)
            for candidate in hopeful
            if candidate in suspects and may_go_on(candidate)
        }
        caught = yield from _caught(problem, [each for each in hopeful if each not in suspects], made)
        suspects |= caught.keys()
        wanted |= {candidate: {index} for candidate, index in caught.items()}
        for index, test_input in enumerate(made.inputs):
            those = frozenset(candidate for candidate, indexes in wanted.items() if index in indexes)
            if those:
                propose(Proposal(replace(test_input, provenance="search"), those))
    return (yield from _rated(problem, seed, cases, rounds, propose))


def _spread(count: int, most: int) -> set[int]:
    """At most ``most`` indexes below ``count``, evenly spread, the last among them."""
    return {count - 1 - part * count // most for part in range(most)} if count else set()


def _rated(
    problem: Problem, seed: int, cases: Sequence[TestCase], rounds: _Rounds, propose: Callable[[Proposal], None]
) -> Steps[Findings]:
    oracle = problem.program(problem.oracles[0])
    [result] = yield from run_batches([oracle], [case.input for case in cases], problem.limits)
    sound = [case for case, one in zip(cases, result.answers, strict=True) if one and _accepts(case, one)]
    if not sound:
        return Findings(UNRATED, Rating())
    mutated = _chosen_mutants(problem, seed)
    limits = replace(problem.limits, cpu_time=max(_MUTANT_CPU_S, _MUTANT_MULTIPLE * result.cpu_s))
    results = yield from run_batches(mutated, [case.input for case in sound], limits)
    killed = [
        {number for number, result in enumerate(results) if not _accepts(case, result.answers[index])}
        for index, case in enumerate(sound)
    ]
    alive = set(range(len(mutated))).difference(*killed)
    taken, branches = yield from _covered(oracle, sound, problem.limits)

    merits = {case.index: Merit(took, kills) for case, took, kills in zip(sound, taken, killed, strict=True)}
    found = list(merits.values())
    for number in range(ROUNDS_FOR_MUTANTS):
        made = (yield from rounds.get(number)) if alive else None
        if made is None:
            break
        for index, kills in (yield from _killed(mutated, sorted(alive), made, limits)).items():
            alive -= kills
            found.append(Merit(mutants=kills))
            propose(Proposal(replace(made.inputs[index], provenance="feedback"), mutants=frozenset(kills)))

    return Findings(strength(found, branches, len(mutated)), Rating(branches, len(mutated), merits))


def _accepts(case: TestCase, one: Unconfirmed | None) -> bool:
    return one is not None and one.answer is not None and case.accepts(one.answer)


def _chosen_mutants(problem: Problem, seed: int) -> list[Program]:
    own_seed = f"mutants {seed} {problem.id}".encode("utf-8", "surrogatepass")
    return [problem.program(mutant.source) for mutant in limited_mutants(problem.oracles[0], MUTANTS, own_seed)]


def _covered(
    oracle: Program, cases: Sequence[TestCase], limits: Limits
) -> Steps[tuple[list[frozenset[Hashable]], int]]:
    """The branches that each test case takes, and how many there are."""
    measured = cases[:_MAX_COVERED]
    program = instrumented(oracle)
    outcomes = yield [request_for(program, case.input, limits) for case in measured]
    taken: list[frozenset[Hashable]] = [frozenset()] * len(cases)
    branches = 0
    for index, outcome in enumerate(outcomes):
        try:
            found = coverage(outcome.stderr)
        except InvalidReport:
            continue  # the oracle ended itself: of this run no branch is known
        taken[index] = found.taken
        branches = found.branches
    return taken, branches


def _agreed(inputs: Sequence[TestInput], answered: Sequence[BatchResult], comparison: Comparison) -> list[TestCase]:
    """The inputs on which all oracles seem to agree."""
    found = []
    for index, test_input in enumerate(inputs):
        given = [result.answers[index] for result in answered]
        case = settle(index, test_input, [one.answer if one else None for one in given], comparison)
        if isinstance(case, TestCase):
            found.append(case)
    return found


def _killed(
    mutated: Sequence[Program], alive: Sequence[int], made: _Round, limits: Limits
) -> Steps[dict[int, set[int]]]:
    """The mutants that die, by the index of the first input that kills them."""
    results = yield from run_batches([mutated[number] for number in alive], made.inputs, limits)
    killers: dict[int, set[int]] = {}
    for number, result in zip(alive, results, strict=True):
        index = _first_failed(made.cases, result.answers)
        if index is not None:
            killers.setdefault(index, set()).add(number)
    return dict(sorted(killers.items()))


def _caught(problem: Problem, hopeful: Sequence[int], made: _Round) -> Steps[dict[int, int]]:
    """The index of the first input that each candidate seems to fail, for those that seem to fail one."""
    programs = [problem.program(problem.candidates[number].source) for number in hopeful]
    limits = candidate_limits(problem.limits, made.slowest_s)
    # One that ends its first sandbox is caught by then.
    results = yield from run_batches(programs, made.inputs, limits, max_endings=1, max_charged_s=made.slowest_s)
    caught = {}
    for number, result in zip(hopeful, results, strict=True):
        index = _first_failed(made.cases, result.answers)
        if index is not None:
            caught[number] = index
    return caught


def _first_failed(cases: Sequence[TestCase], answers: Sequence[Unconfirmed | None]) -> int | None:
    pairs = zip(cases, answers, strict=True)
    return next((index for index, (case, one) in enumerate(pairs) if not _accepts(case, one)), None)
