"""After the planned inputs: more of them, where a mutant of the oracle still lives or a candidate has not failed yet.

Programs are only looked at here (``harness.many_calls``): many inputs in one sandbox, a sandbox a program. What a look
finds is proposed as an input, and becomes a test case as any other does, by runs of its own in fresh sandboxes. A
program that behaves otherwise when it is looked at spoils nothing but its own search.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

from engine import Limits, Program
from harness.asking import Ask, Steps
from harness.compare import Comparison
from harness.coverage import InvalidReport, coverage, instrumented
from harness.inputs import TestInput
from harness.many_calls import Glimpse, Look, looks
from harness.mutants import mutants
from harness.oracles import TestCase, settle
from harness.problems import Problem
from harness.strength import UNRATED, Strength, small_suite, strength

MUTANTS = 40
ROUNDS = 3
INPUTS_A_ROUND = 100
# A mutant that loops for ever is to cost little: so many CPU seconds, or times what the oracle takes for all inputs.
_MUTANT_CPU_S = 0.5
_MUTANT_MULTIPLE = 3
# Of all mutants, from which some are drawn.
_MOST_MUTANTS = 2000
# Coverage takes a run a test case; the first ones tell nearly all of it.
_MOST_COVERED = 100


@dataclass(frozen=True, slots=True)
class Proposal:
    """An input worth a test case.

    Attributes:
        candidates: those it is for, by place; None for all. What one candidate is caught with says nothing of the
            others, which have been looked at too, and must not count for them.
        kills: the mutants it seems to kill.
    """

    input: TestInput
    candidates: frozenset[int] | None = None
    kills: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Findings:
    """What the search found.

    Attributes:
        proposals: inputs, those that kill mutants first.
        strength: of the test cases there are, and the proposals for all.
        suite: indexes of a few test cases that are as strong as all of them.
    """

    proposals: tuple[Proposal, ...]
    strength: Strength
    suite: tuple[int, ...]


def search(
    problem: Problem,
    seed: int,
    cases: Sequence[TestCase],
    unfailed: Sequence[int],
    further: Callable[[int], Sequence[TestInput]],
) -> Steps[Findings]:
    """Rate the test cases and look for better ones.

    Args:
        seed: for the choice of mutants.
        cases: the test cases so far, at least one; not the large ones.
        unfailed: places of the candidates that have passed all of them.
        further: gives so many new inputs, or fewer when there are no more.
    """
    oracle, *others = [problem.program(source) for source in problem.oracles]
    [shown] = yield from looks([oracle], [case.input for case in cases], problem.limits)
    sound = [case for case, glimpse in zip(cases, shown.glimpses, strict=True) if glimpse and _accepts(case, glimpse)]
    if not sound:
        return Findings((), UNRATED, ())
    mutated = _chosen_mutants(problem, seed)
    limits = replace(problem.limits, cpu_time=max(_MUTANT_CPU_S, _MUTANT_MULTIPLE * shown.cpu_s))
    seen = yield from looks(mutated, [case.input for case in sound], limits)
    killed = [
        {number for number, look in enumerate(seen) if not _accepts(case, look.glimpses[place])}
        for place, case in enumerate(sound)
    ]
    alive = set(range(len(mutated))).difference(*killed)
    taken, branches = yield from _covered(oracle, sound, problem.limits)

    proposals: list[Proposal] = []
    hopeful = set(unfailed)
    for _ in range(ROUNDS):
        if not alive and not hopeful:
            break
        new = further(INPUTS_A_ROUND)
        if not new:
            break
        answered = yield from looks([oracle, *others], new, problem.limits)
        valid = _agreed(new, answered, problem.how_compared)
        tried = [case.input for case in valid]
        for place, kills in (yield from _killed(mutated, sorted(alive), valid, tried, limits)).items():
            alive -= kills
            proposals.append(Proposal(replace(tried[place], provenance="feedback"), None, frozenset(kills)))
        for number, place in (yield from _caught(problem, sorted(hopeful), valid, tried)).items():
            hopeful.discard(number)
            proposals.append(Proposal(replace(tried[place], provenance="search"), frozenset({number})))

    kills_of_all = [*killed, *(proposal.kills for proposal in proposals)]
    achieved: list[set[Hashable]] = [
        {*((0, mutant) for mutant in kills), *((1, branch) for branch in took)}
        for kills, took in zip(killed, taken, strict=True)
    ]
    return Findings(
        tuple(sorted(proposals, key=lambda proposal: proposal.candidates is not None)),
        strength(taken, branches, kills_of_all, len(mutated)),
        tuple(sound[place].index for place in small_suite(achieved)),
    )


def _accepts(case: TestCase, glimpse: Glimpse | None) -> bool:
    return glimpse is not None and glimpse.answer is not None and case.accepts(glimpse.answer)


def _chosen_mutants(problem: Problem, seed: int) -> list[Program]:
    sources = [mutant.source for mutant in islice(mutants(problem.oracles[0]), _MOST_MUTANTS)]
    random = Random(f"mutants {seed} {problem.id}".encode("utf-8", "surrogatepass"))  # noqa: S311  nothing is secret
    chosen = sorted(random.sample(range(len(sources)), min(MUTANTS, len(sources))))
    return [problem.program(sources[place]) for place in chosen]


def _covered(
    oracle: Program, cases: Sequence[TestCase], limits: Limits
) -> Steps[tuple[list[frozenset[Hashable]], int]]:
    """The branches that each test case takes, and how many there are."""
    measured = cases[:_MOST_COVERED]
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
    mutated: Sequence[Program],
    alive: Sequence[int],
    cases: Sequence[TestCase],
    inputs: Sequence[TestInput],
    limits: Limits,
) -> Steps[dict[int, set[int]]]:
    """For each mutant that dies the first input that kills it, by that input's place."""
    if not alive:
        return {}
    seen = yield from looks([mutated[number] for number in alive], inputs, limits)
    killers: dict[int, set[int]] = {}
    for number, look in zip(alive, seen, strict=True):
        place = _first_failed(cases, look.glimpses)
        if place is not None:
            killers.setdefault(place, set()).add(number)
    return dict(sorted(killers.items()))


def _caught(
    problem: Problem, hopeful: Sequence[int], cases: Sequence[TestCase], inputs: Sequence[TestInput]
) -> Steps[dict[int, int]]:
    """For each candidate that seems to fail the place of the first input it fails on."""
    if not hopeful:
        return {}
    programs = [problem.program(problem.candidates[number].source) for number in hopeful]
    # One that ends its first sandbox is caught by then.
    seen = yield from looks(programs, inputs, problem.limits, endings=1, are_charged=False)
    caught = {}
    for number, look in zip(hopeful, seen, strict=True):
        place = _first_failed(cases, look.glimpses)
        if place is not None:
            caught[number] = place
    return caught


def _first_failed(cases: Sequence[TestCase], glimpses: Sequence[Glimpse | None]) -> int | None:
    pairs = zip(cases, glimpses, strict=True)
    return next((place for place, (case, glimpse) in enumerate(pairs) if not _accepts(case, glimpse)), None)
