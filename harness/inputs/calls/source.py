"""Generates calls of a function: documented calls, edge cases, random draws and mutations of known calls.

These are interleaved. Calls that go beyond the known ones come last, in order of size: if the oracles run out of time
on one, they also do on the following ones, and the search can stop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, combinations, zip_longest
from random import Random

from semi_instruct.engine.inside.values import ValueRefused, encode
from semi_instruct.harness.inputs.calls.domain import Domain
from semi_instruct.harness.inputs.calls.drawing import Drawing
from semi_instruct.harness.inputs.calls.edges import edges, large
from semi_instruct.harness.inputs.calls.mutation import Mutation
from semi_instruct.harness.inputs.calls.ordering import identity
from semi_instruct.harness.inputs.calls.relations import Arguments, Relation, restore
from semi_instruct.harness.inputs.calls.shapes import Shape
from semi_instruct.harness.inputs.sources import ALL_SOURCES, Sources

EDGES = 80
DRAWS = 120
MUTATIONS = 100
# Share of the draws that keep all properties of the examples.
_STRICT_SHARE = 0.7
_UNCERTAIN_KEPT_SHARE = 0.5
_MAX_CHANGES = 3
# Numbers and item counts up to these are never considered large.
_USUAL_NUMBER = 5
_USUAL_ITEMS = 24
_MAX_REACH = 10**300


@dataclass(frozen=True, slots=True)
class Call:
    """Arguments and their provenance: ``documented``, ``edge``, ``drawn`` or ``mutated``."""

    provenance: str
    arguments: Arguments


def generated_calls(domain: Domain, seed: int | str, known: int = 0, sources: Sources = ALL_SOURCES) -> Iterator[Call]:
    """Yield distinct calls of a function. The same seed gives the same calls.

    Args:
        known: number of calls at the start of the domain's list that are skipped.
    """
    seen = set(map(identity, domain.calls[:known]))
    number = max([_USUAL_NUMBER, *(_greatest(argument) for call in domain.calls for argument in call)])
    items = max([_USUAL_ITEMS, *map(_items, domain.calls)])
    calls = (call for call in _all_calls(domain, seed) if Sources.of(call.provenance) <= sources)
    for call in sorted(calls, key=lambda call: _reach(call.arguments, number, items)):
        key = identity(call.arguments)
        if key not in seen and _can_cross(call.arguments):
            seen.add(key)
            yield call


def _can_cross(arguments: Arguments) -> bool:
    """Whether the arguments can be sent to a sandbox. Mutated ones may be nested too deeply."""
    try:
        encode(list(arguments))
    except ValueRefused:
        return False
    return True


def _reach(arguments: Arguments, number: float, items: int) -> float:
    """The factor by which the numbers or items exceed the usual, whichever is greater; at least 1."""
    return max(1, _greatest(arguments) / number, _items(arguments) / items)


def _greatest(value: object) -> float:
    match value:
        case bool():
            return 1
        case int() | float():
            return min(abs(value), _MAX_REACH) if not math.isnan(value) else 0
        case list() | tuple() | set() | frozenset():
            return max(map(_greatest, value), default=0)
        case dict():
            return max(_greatest(list(value)), _greatest(list(value.values())))
    return 0


def _items(value: object) -> int:
    """The number of elements and characters at all depths."""
    match value:
        case str() | bytes():
            return len(value)
        case list() | tuple() | set() | frozenset():
            return len(value) + sum(map(_items, value))
        case dict():
            return _items(list(value)) + _items(list(value.values()))
    return 0


def _all_calls(domain: Domain, seed: int | str) -> Iterator[Call]:
    yield from (Call("documented", arguments) for arguments in domain.calls)
    ways = [
        _named("edge", _edge_calls(domain, _random(seed, "edge"))),
        _named("drawn", _drawn_calls(domain, _random(seed, "drawn"))),
        _named("mutated", _mutated_calls(domain, _random(seed, "mutated"))),
    ]
    yield from filter(None, chain.from_iterable(zip_longest(*ways)))
    yield from _named("edge", _large_calls(domain, _random(seed, "large")))


def _named(provenance: str, calls: Iterable[Arguments]) -> Iterator[Call]:
    return (Call(provenance, arguments) for arguments in calls)


def _random(seed: int | str, purpose: str) -> Random:
    return Random(f"{seed} {purpose}".encode("utf-8", "surrogatepass"))  # noqa: S311  nothing here is secret


def _drawn_calls(domain: Domain, random: Random) -> Iterator[Arguments]:
    for number in range(DRAWS if domain.shapes else 1):
        strict = random.random() < _STRICT_SHARE
        words = (*domain.words, *(str(one) for one in domain.numbers if isinstance(one, int)))
        drawing = Drawing(random, (number + 1) / DRAWS, strict, domain.unsigned, domain.numbers, words)
        yield _drawn(domain, drawing)


def _drawn(domain: Domain, drawing: Drawing) -> Arguments:
    # In a random order, so that each argument can be derived from any of the others.
    arity = drawing.random.choice(domain.arities)
    order = drawing.random.sample(range(arity), arity)
    drawn = {position: drawing.draw(domain.shapes[position]) for position in order}
    return restore(domain.relations, tuple(drawn[position] for position in range(arity)), _keeping(drawing.random))


def _mutated_calls(domain: Domain, random: Random) -> Iterator[Arguments]:
    if not any(domain.calls):
        return
    others = [argument for call in domain.calls for argument in call]
    others += [item for argument in others if isinstance(argument, list | tuple) for item in argument]
    negative = any(isinstance(value, int | float) and value < 0 for value in others)
    mutation = Mutation(random, others, negative and not domain.unsigned)
    arguments: Arguments = ()
    for number in range(MUTATIONS):
        if number % 2 == 0 or not arguments:
            arguments = random.choice([call for call in domain.calls if call])
        for _ in range(random.randint(1, _MAX_CHANGES)):
            arguments = _changed(arguments, mutation)
        yield restore(domain.relations, arguments, _keeping(random))


def _changed(arguments: Arguments, mutation: Mutation) -> Arguments:
    """The arguments with one of them changed, or two different ones of one type swapped."""
    random = mutation.random
    changed = list(arguments)
    alike = [
        (first, second)
        for first, second in combinations(range(len(changed)), 2)
        if type(changed[first]) is type(changed[second]) and changed[first] != changed[second]
    ]
    if alike and random.random() < 0.2:
        first, second = random.choice(alike)
        changed[first], changed[second] = changed[second], changed[first]
    else:
        position = random.randrange(len(changed))
        changed[position] = mutation.changed(changed[position])
    return tuple(changed)


def _edge_calls(domain: Domain, random: Random) -> Iterator[Arguments]:
    """Calls with an edge case for one argument: first the first edge case of each argument, then the second."""
    columns = [edges(shape) for shape in domain.shapes]
    rows = [
        _with(domain, random, position, column[rank], columns)
        for rank in range(max(map(len, columns), default=0))
        for position, column in enumerate(columns)
        if rank < len(column)
    ]
    if len(rows) > EDGES:
        kept = sorted(random.sample(range(len(rows)), EDGES))
        rows = [rows[index] for index in kept]
    for row in rows:
        yield restore(domain.relations, row, _keeping(random))


def _large_calls(domain: Domain, random: Random) -> Iterator[Arguments]:
    columns: list[list[object]] = [[] for _ in domain.shapes]
    for position, shape in enumerate(domain.shapes):
        for value in large(shape):
            yield restore(domain.relations, _with(domain, random, position, value, columns), _keeping(random))


def _with(domain: Domain, random: Random, position: int, value: object, columns: list[list[object]]) -> Arguments:
    """A call with a given value at ``position``. The other arguments are known, drawn or edge cases."""
    fitting = [call for call in domain.calls if len(call) > position]
    if fitting and (random.random() < 0.5 or not columns[position]):
        base = random.choice(fitting)
        return (*base[:position], value, *base[position + 1 :])
    arity = max(position + 1, random.choice(domain.arities))
    return tuple(
        value if index == position else _other(domain.shapes[index], columns[index], random) for index in range(arity)
    )


def _other(shape: Shape, column: list[object], random: Random) -> object:
    return random.choice(column) if column else Drawing(random, 0.5).draw(shape)


def _keeping(random: Random) -> Callable[[Relation], bool]:
    """A predicate for the relations to keep in one call: all certain ones, and either all or none of the others."""
    keeps_uncertain = random.random() < _UNCERTAIN_KEPT_SHARE
    return lambda relation: relation.certain or keeps_uncertain
