"""After the planned inputs: more of them, where a mutant of the oracle still lives or a candidate has not failed yet.

Programs are only looked at here (``harness.judge.batch``): many inputs in one sandbox, a sandbox a program. What a look
finds is proposed as an input, and becomes a test case as any other does, by runs of its own in fresh sandboxes. A
candidate that behaves otherwise when it is looked at gets some of the inputs in fresh sandboxes instead.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

from semi_instruct.engine import Limits, Program
from semi_instruct.harness.analysis.coverage import InvalidReport, coverage, instrumented
from semi_instruct.harness.analysis.mutants_of import limited_mutants
from semi_instruct.harness.compare.comparison import Comparison
from semi_instruct.harness.inputs.source import TestInput
from semi_instruct.harness.judge.batch import Glimpse, Look, looks
from semi_instruct.harness.judge.consensus import TestCase, settle
from semi_instruct.harness.judge.time_rule import candidate_limits
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.problems.strength import UNRATED, Merit, Rating, Strength, strength
from semi_instruct.harness.runs import Ask, Steps

MUTANTS = 40
ROUNDS = 8  # in search of inputs that candidates fail on
ROUNDS_FOR_MUTANTS = 3  # the first of these
INPUTS_A_ROUND = 100
# Of a round, inputs for a candidate that a look was wrong about.
_UNLOOKED = 25
# A mutant that loops for ever is to cost little: so many CPU seconds, or times what the oracle takes for all inputs.
_MUTANT_CPU_S = 0.5
_MUTANT_MULTIPLE = 3
# Coverage takes a run a test case; the first ones tell nearly all of it.
_MAX_COVERED = 100


@dataclass(frozen=True, slots=True)
class Proposal:
    """An input worth a test case.

    Attributes:
        candidates: those it is for, by place; None for all. What one candidate is caught with says nothing of the
            others, which have been looked at too, and must not count for them.
        mutants: those that it kills, by number, as far as is known.
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
    """The rounds so far. Each is made once, whoever asks for it first."""

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
            answered = yield from looks(self._oracles, new, self._limits)
            slowest_s = max(look.cpu_s for look in answered)
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
        unfailed: places of the candidates that have passed all of them.
        has_failed: whether one of these has failed since, all proposals before the last runs asked for having been run.
        may_go_on: whether one that looks were wrong about has the means to be run on further inputs. A look costs
            little, so all others are looked at: a candidate that uses up its time on what it knows does not escape.
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
            candidate: _spread(len(made.cases), _UNLOOKED)
            for candidate in hopeful
            if candidate in suspects and may_go_on(candidate)
        }
        caught = yield from _caught(problem, [each for each in hopeful if each not in suspects], made)
        suspects |= caught.keys()
        wanted |= {candidate: {place} for candidate, place in caught.items()}
        for place, test_input in enumerate(made.inputs):
            those = frozenset(candidate for candidate, places in wanted.items() if place in places)
            if those:
                propose(Proposal(replace(test_input, provenance="search"), those))
    return (yield from _rated(problem, seed, cases, rounds, propose))


def _spread(count: int, most: int) -> set[int]:
    """At most so many places of so many, as far from each other as can be, the last among them."""
    return {count - 1 - part * count // most for part in range(most)} if count else set()


def _rated(
    problem: Problem, seed: int, cases: Sequence[TestCase], rounds: _Rounds, propose: Callable[[Proposal], None]
) -> Steps[Findings]:
    oracle = problem.program(problem.oracles[0])
    [shown] = yield from looks([oracle], [case.input for case in cases], problem.limits)
    sound = [case for case, glimpse in zip(cases, shown.glimpses, strict=True) if glimpse and _accepts(case, glimpse)]
    if not sound:
        return Findings(UNRATED, Rating())
    mutated = _chosen_mutants(problem, seed)
    limits = replace(problem.limits, cpu_time=max(_MUTANT_CPU_S, _MUTANT_MULTIPLE * shown.cpu_s))
    seen = yield from looks(mutated, [case.input for case in sound], limits)
    killed = [
        {number for number, look in enumerate(seen) if not _accepts(case, look.glimpses[place])}
        for place, case in enumerate(sound)
    ]
    alive = set(range(len(mutated))).difference(*killed)
    taken, branches = yield from _covered(oracle, sound, problem.limits)

    merits = {case.index: Merit(took, kills) for case, took, kills in zip(sound, taken, killed, strict=True)}
    found = list(merits.values())
    for number in range(ROUNDS_FOR_MUTANTS):
        made = (yield from rounds.get(number)) if alive else None
        if made is None:
            break
        for place, kills in (yield from _killed(mutated, sorted(alive), made, limits)).items():
            alive -= kills
            found.append(Merit(mutants=kills))
            propose(Proposal(replace(made.inputs[place], provenance="feedback"), mutants=frozenset(kills)))

    return Findings(strength(found, branches, len(mutated)), Rating(branches, len(mutated), merits))


def _accepts(case: TestCase, glimpse: Glimpse | None) -> bool:
    return glimpse is not None and glimpse.answer is not None and case.accepts(glimpse.answer)


def _chosen_mutants(problem: Problem, seed: int) -> list[Program]:
    own_seed = f"mutants {seed} {problem.id}".encode("utf-8", "surrogatepass")
    return [problem.program(mutant.source) for mutant in limited_mutants(problem.oracles[0], MUTANTS, own_seed)]


def _covered(
    oracle: Program, cases: Sequence[TestCase], limits: Limits
) -> Steps[tuple[list[frozenset[Hashable]], int]]:
    """The branches that each test case takes, and how many there are."""
    measured = cases[:_MAX_COVERED]
    program = instrumented(oracle)
    outcomes = yield [Ask(program, case.input.stdin, limits, case.input.args or ()) for case in measured]
    taken: list[frozenset[Hashable]] = [frozenset()] * len(cases)
    branches = 0
    for place, outcome in enumerate(outcomes):
        try:
            found = coverage(outcome.stderr)
        except InvalidReport:
            continue  # the oracle ended itself: of this run no branch is known
        taken[place] = found.taken
        branches = found.branches
    return taken, branches


def _agreed(inputs: Sequence[TestInput], answered: Sequence[Look], comparison: Comparison) -> list[TestCase]:
    """The inputs on which all oracles seem to agree."""
    found = []
    for place, test_input in enumerate(inputs):
        given = [look.glimpses[place] for look in answered]
        case = settle(place, test_input, [glimpse.answer if glimpse else None for glimpse in given], comparison)
        if isinstance(case, TestCase):
            found.append(case)
    return found


def _killed(
    mutated: Sequence[Program], alive: Sequence[int], made: _Round, limits: Limits
) -> Steps[dict[int, set[int]]]:
    """For each mutant that dies the first input that kills it, by that input's place."""
    seen = yield from looks([mutated[number] for number in alive], made.inputs, limits)
    killers: dict[int, set[int]] = {}
    for number, look in zip(alive, seen, strict=True):
        place = _first_failed(made.cases, look.glimpses)
        if place is not None:
            killers.setdefault(place, set()).add(number)
    return dict(sorted(killers.items()))


def _caught(problem: Problem, hopeful: Sequence[int], made: _Round) -> Steps[dict[int, int]]:
    """For each candidate that seems to fail the place of the first input it fails on."""
    programs = [problem.program(problem.candidates[number].source) for number in hopeful]
    limits = candidate_limits(problem.limits, made.slowest_s)
    # One that ends its first sandbox is caught by then.
    seen = yield from looks(programs, made.inputs, limits, endings=1, most_charged_s=made.slowest_s)
    caught = {}
    for number, look in zip(hopeful, seen, strict=True):
        place = _first_failed(made.cases, look.glimpses)
        if place is not None:
            caught[number] = place
    return caught


def _first_failed(cases: Sequence[TestCase], glimpses: Sequence[Glimpse | None]) -> int | None:
    pairs = zip(cases, glimpses, strict=True)
    return next((place for place, (case, glimpse) in enumerate(pairs) if not _accepts(case, glimpse)), None)
