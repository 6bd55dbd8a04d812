"""Infers bounds, alphabets and orders from the numbers and words of example inputs.

A property is certain, guessed or ignored depending on how likely it is to hold by chance. Ranges contain the values in
the examples and little more; ``relaxing`` widens them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import product
from math import exp, factorial, log, prod

from semi_instruct.harness.inputs.stdin.matching import INTEGER, Reading, Seen, is_just_around, is_within, point_in_rows
from semi_instruct.harness.inputs.stdin.model import (
    Amount,
    Block,
    Bound,
    Choice,
    Differ,
    Either,
    Format,
    Holds,
    Item,
    Line,
    Number,
    Range,
    Repeat,
    Trait,
    Traits,
    Word,
    are_different,
    counting_names,
    edge_ends,
    exactly,
    single_integers,
)

_DISTINCT = 0.05  # distinct values are certain if chance is less likely than this
_DISTINCT_ROWS = 0.3  # the same limit for distinct rows
_CERTAIN = 0.005  # an order is certain if chance is less likely than this
_GUESSED = 0.6  # an order is guessed if chance is less likely than this
_CLASSES = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789")
_LETTERS_OF_CLASS = 6  # this many different letters of a class imply the whole class
_FEW_VALUES = 3  # maximum number of different values of an enumeration
_STRANGE = 0.02  # chance below which a coincidence is ruled out
_EACH_AGAIN = 4  # minimum average number of occurrences of each value of an enumeration
_LETTERS_TO_COMPARE = 6  # minimum number of letters in subsequences, to rule out chance
_JUST_AROUND = 0.3  # words ending with the last letter of a subsequence are certain if chance is less likely than this
_ENOUGH = 5  # number of values that makes a bound certain
_VERY_MANY = 50  # number of values that shows the whole range
_FAR = 10**9  # minimum value of a round limit of a task
_MANY = 8  # number of values that rules out chance in an order between two columns
_NEAR = 0.35  # minimum ratio of values to an upper bound
_FAR_FROM = 0.05  # the same for the values of a single example, if there are many


def with_values(blocks: tuple[Block, ...], reading: Reading) -> tuple[Block, ...]:
    """Add the ranges, alphabets and traits that all readings have in common."""
    return _Values(reading, counting_names(Format(blocks))).blocks(blocks)


@dataclass(frozen=True, slots=True)
class _Context:
    """The context of an item.

    Attributes:
        repeated: whether its single tokens form a column.
        alone: whether it is the only item on its line.
        unrelated: names that cannot be lower bounds.
        below: least integer on its line.
    """

    repeated: bool
    alone: bool
    unrelated: Set[str]
    below: int


@dataclass(slots=True)
class _Values:
    reading: Reading
    counting: set[str]
    lines_before: list[tuple[str, ...]] = field(default_factory=list)  # names of integers alone on their lines

    def blocks(self, blocks: Iterable[Block]) -> tuple[Block, ...]:
        return tuple(self._block(block, repeated=False) for block in blocks)

    def _block(self, block: Block, repeated: bool, cases: frozenset[str] = frozenset()) -> Block:
        """A block with values.

        Args:
            repeated: whether it is in a repetition.
            cases: names that count the test cases or queries around it; they are not bounds of its items.
        """
        match block:
            case Line():
                numbers = single_integers(block)
                if not repeated and len(numbers) == len(block.items):
                    self.lines_before.append(tuple(item.name for item in numbers))
                return self._line(block, repeated, cases)
            case Either(lines):
                # Items of alternative lines are not drawn as columns, so they have no traits.
                return Either(tuple(self._line(line, False, cases) for line in lines))
            case Repeat(count, body, _):
                if len(body) > 1 or isinstance(body[0], Either):
                    cases = cases.union(count.names)
                repeat = Repeat(count, tuple(self._block(inner, True, cases) for inner in body))
                return replace(repeat, traits=self._row_traits(repeat), but_not=self._excluded(repeat))

    def _line(self, line: Line, repeated: bool, cases: frozenset[str]) -> Line:
        above: dict[str, list[_Limit]] = {}
        for item in line.items:
            if isinstance(item.kind, Number) and not item.kind.places:
                above[item.name] = [limit for limit in _upper_limits(self._pairs(item)) if limit.name not in cases]
        shared = Counter(limit.name for limits in above.values() for limit in limits)
        reached = {limit.name for limits in above.values() for limit in limits if limit.is_reached}
        # If one number of a line may be negative, the others may be, too.
        below = min((value for item in line.items if item.name in above for value, _ in self._pairs(item)), default=0)
        context = _Context(repeated, len(line.items) == 1, self.counting if repeated else cases, below)
        items = []
        for item in line.items:
            # Columns of the same kind of values share an upper bound, and at least one of them reaches it.
            most = max((shared[limit.name] for limit in above.get(item.name, [])), default=0)
            favoured = [limit for limit in above.get(item.name, []) if shared[limit.name] == most]
            limits = [
                replace(limit, is_reached=limit.name in reached)
                for limit in above.get(item.name, [])
                if any(limit.is_same_as(other) for other in favoured)
            ]
            items.append(self._item(item, limits, context))
        found = Line(tuple(items))
        # Repeated rows would show equal numbers if they were allowed.
        return found if repeated else replace(found, differ=self._differ(found))

    def _differ(self, line: Line) -> tuple[Differ, ...]:
        """How the numbers of a line differ in all examples, if none of them is a count."""
        numbers = single_integers(line)
        if len(numbers) < 2 or len(numbers) < len(line.items) or self.counting & {item.name for item in numbers}:
            return ()
        rows = list(zip(*([value for value, _ in self._pairs(item)] for item in numbers), strict=True))
        kinds = (Differ.VARIED, *((Differ.APART,) if len(numbers) >= 4 and not len(numbers) % 2 else ()))
        return tuple(differ for differ in kinds if all(are_different(row, differ) for row in rows))

    def _item(self, item: Item, limits: Sequence[_Limit], context: _Context) -> Item:
        seen = self.reading.seen.get(item.name, [])
        lists = _lists(item, seen, context.repeated)
        match item.kind:
            case Number(_, places):
                numbers = [[scaled(token, places) for token in tokens] for tokens in lists]
                kind = Number(self._range(item, numbers, limits, context), places)
                if item.name in self.counting:
                    return replace(item, kind=kind, traits=())
                traits = _number_traits(numbers)
                if item.count is None:
                    # The rows of examples are often sorted although the task does not require it.
                    traits = tuple(
                        Holds(held.trait, guessed=True) for held in traits if context.alone or not held.guessed
                    )
                return replace(item, kind=kind, traits=(*traits, *_without_zero(numbers)))
            case Word():
                found = _word_item(item, seen, lists)
                return found if context.repeated or item.count is not None else self._beside_others(found)
            case Choice():
                return item

    def _pairs(self, item: Item) -> list[tuple[int, Seen]]:
        return [(int(token), reading) for reading in self.reading.seen.get(item.name, []) for token in reading.tokens]

    def _range(
        self, item: Item, numbers: Sequence[Sequence[int]], limits: Sequence[_Limit], context: _Context
    ) -> Range:
        values = [number for group in numbers for number in group]
        low, high = _constants(values, item.name in self.counting)
        if context.below < min(0, low.amount.plus) and item.name not in self.counting:
            low = _constant(context.below, guessed=True)
        is_integer = isinstance(item.kind, Number) and not item.kind.places
        if not is_integer or (item.name not in self.counting and _are_few(values)):
            return Range((low,), (high,))
        if context.repeated and item.name not in self.counting and _are_fewer_than(values, limits):
            return Range((_constant(min(values)),), (_constant(max(values)),))
        lower = () if item.count is not None else _named_low(self._pairs(item), context.unrelated)
        nearest = max((limit.nearness for limit in limits), default=0.0)
        best = [limit for limit in limits if limit.nearness >= nearest - 0.1]
        if len(values) < _ENOUGH:
            # With few values, keep one bound and those equal to it in all examples, as height and width may be.
            best = [limit for limit in best if limit.is_same_as(best[0])]
        upper = tuple(limit.bound(certain=limit.is_near and len(values) >= _ENOUGH) for limit in best)
        if any(not bound.guessed for bound in upper):
            return Range((low, *lower), upper)
        # The constant bound, which remains if the named bounds are dropped, is no tighter than they are.
        most = max([high.amount.plus, *(limit.greatest for limit in best)])
        return Range((low, *lower), (replace(high, amount=Amount(most)), *upper))

    def _beside_others(self, item: Item) -> Item:
        """A single word with the earlier word that is a subsequence of it, or of which it is a subsequence."""
        words = [reading.tokens[0] for reading in self.reading.seen[item.name]]
        for name in _shared_names([(0, reading) for reading in self.reading.seen[item.name]]):
            others = [reading.tokens[0] for reading in self.reading.seen[name]]
            assert isinstance(item.kind, Word)
            length = item.kind.length
            if len(others) != len(words) or all(map(INTEGER.match, others)):
                continue
            bound = Bound(Amount(0, (name,)))
            if _are_within(others, words):
                longer = length if name in length.names() else Range((bound,), length.high)
                just = _are_just_around(words, others)
                return replace(item, kind=replace(item.kind, length=longer, around=name, just=just))
            if _are_within(words, others):
                shorter = length if name in length.names() else Range(length.low, (bound,))
                return replace(item, kind=replace(item.kind, length=shorter, within=name))
        return item

    def _row_traits(self, repeat: Repeat) -> Traits:
        if len(repeat.body) != 1 or not isinstance(repeat.body[0], Line):
            return ()
        items = repeat.body[0].items
        if len(items) < 2 or any(item.count is not None or not isinstance(item.kind, Number) for item in items):
            return ()
        if any(isinstance(item.kind, Number) and item.kind.places for item in items):
            return ()
        ends = edge_ends(repeat)
        if ends and isinstance(ends[0].kind, Number) and any(bound.amount.names for bound in ends[0].kind.range.high):
            traits = _edge_traits(self._columns(ends[0]), self._columns(ends[1]))
            if traits:
                return traits
        columns = [self._columns(item) for item in items]
        rows = [list(zip(*group, strict=True)) for group in zip(*columns, strict=True)]
        widths = [_width_of(group) for group in zip(*columns, strict=True)]
        return _distinct(rows, widths, _DISTINCT_ROWS)

    def _excluded(self, repeat: Repeat) -> tuple[tuple[str, str], ...]:
        """The points of earlier lines that are within the range of the repetition's rows but equal to none of them."""
        if len(repeat.body) != 1 or not isinstance(repeat.body[0], Line) or len(repeat.body[0].items) != 2:
            return ()
        items = single_integers(repeat.body[0])
        if len(items) != 2 or not all(self._pairs(item) for item in items):
            return ()
        points = [
            point
            for line in self.lines_before
            for point in zip(line[::2], line[1::2], strict=False)
            if not self.counting.intersection(point) and self._lies_among(point, items)
        ]
        return tuple(point for point in points if not point_in_rows(point, repeat, self.reading))

    def _lies_among(self, point: tuple[str, str], items: Sequence[Item]) -> bool:
        """Whether, in some example, the point lies within the range of two columns."""
        columns = [self._pairs(item) for item in items]
        by_group: dict[int, list[tuple[tuple[int, Seen], ...]]] = {}
        for row in zip(*columns, strict=True):
            by_group.setdefault(row[0][1].group, []).append(row)
        return any(
            all(
                min(row[side][0] for row in rows) <= rows[0][side][1].known[name] <= max(row[side][0] for row in rows)
                for side, name in enumerate(point)
            )
            for rows in by_group.values()
        )

    def _columns(self, item: Item) -> list[list[int]]:
        return [[int(token) for token in group] for group in _lists(item, self.reading.seen.get(item.name, []), True)]


def _lists(item: Item, seen: Sequence[Seen], repeated: bool) -> list[list[str]]:
    """The tokens grouped by list or by column."""
    if item.count is not None or not repeated:
        return [list(reading.tokens) for reading in seen]
    groups: dict[int, list[str]] = {}
    for reading in seen:
        groups.setdefault(reading.group, []).extend(reading.tokens)
    return list(groups.values())


def _width_of(columns: Sequence[Sequence[int]]) -> int:
    """The number of possible rows, if each column takes all values of the range it spans."""
    width = 1
    for column in columns:
        width *= max(column, default=0) - min(column, default=0) + 1
    return width


def scaled(token: str, places: int) -> int:
    """A decimal as an integer in units of its last decimal place."""
    whole, _, part = token.partition(".")
    return int(whole + part.ljust(places, "0")) if places else int(token)


def _constants(values: Sequence[int], counts: bool) -> tuple[Bound, Bound]:
    """Constant bounds of numbers: the greatest value seen, and at most 1 at the lower end."""
    if not values:
        return _constant(1, guessed=True), _constant(10, guessed=True)
    least, most = min(values), max(values)
    if not counts and _are_few(values):
        return _constant(least), _constant(most)
    if counts and least > 1:
        return _constant(2, guessed=True), _constant(most, guessed=True)
    low = _constant(least, guessed=True) if least < 0 else _constant(min(least, 1))
    # Very many values show the whole range.
    return low, _constant(most, guessed=not _is_as_far_as_it_goes(most) and (counts or len(values) < _VERY_MANY))


def _are_few(values: Sequence[int]) -> bool:
    """Whether the same few numbers recur, as the values of an enumeration do."""
    different = len(set(values))
    spread = max(values, default=0) - min(values, default=0) + 1
    return different > 1 and spread <= _FEW_VALUES and len(values) >= _EACH_AGAIN * different


def _are_fewer_than(values: Sequence[int], limits: Sequence[_Limit]) -> bool:
    """Whether the numbers span so little of the range up to the limits that the limits do not explain them."""
    spread = max(values, default=0) - min(values, default=0) + 1
    if not limits or len(values) < _ENOUGH or len(set(values)) < 2 or spread > _FEW_VALUES:
        return False
    return all((spread / max(limit.greatest, spread)) ** len(values) < _STRANGE for limit in limits)


def _is_as_far_as_it_goes(value: int) -> bool:
    """Whether a greatest value looks like the limit of a task: a large number with one nonzero digit."""
    return value >= _FAR and set(str(value)[1:]) == {"0"}


def _constant(value: int, guessed: bool = False) -> Bound:
    return Bound(Amount(value), guessed)


@dataclass(frozen=True, slots=True)
class _Limit:
    """An earlier integer that may be an upper bound.

    Attributes:
        plus: constant added to the integer.
        nearness: result of :func:`_nearness`.
        is_reached: whether some value equals the bound.
        is_far: whether all of many values of one example are far below it.
        greatest: its greatest value.
    """

    name: str
    plus: int
    nearness: float
    is_reached: bool
    is_far: bool
    greatest: int

    @property
    def is_near(self) -> bool:
        """Whether the values of every example support it."""
        return self.is_reached and not self.is_far

    def is_same_as(self, other: _Limit) -> bool:
        """Whether the examples do not distinguish the two."""
        return replace(self, name=other.name, is_reached=other.is_reached, is_far=other.is_far) == other

    def bound(self, certain: bool) -> Bound:
        """The bound of a range."""
        return Bound(Amount(self.plus, (self.name,)), guessed=not certain)


def _upper_limits(pairs: Sequence[tuple[int, Seen]]) -> list[_Limit]:
    """Earlier integers that no value exceeds and some values come near."""
    found: list[_Limit] = []
    if len(pairs) < 2:
        return found
    for name in _shared_names(pairs):
        values = [(value, reading.known[name], reading.group) for value, reading in pairs]
        nearness = _nearness(values)
        for plus in (0, -1):
            hits = sum(value == limit + plus for value, limit, _ in values)
            from_zero = min(value for value, _, _ in values) == 0
            if any(value > limit + plus for value, limit, _ in values) or nearness < _NEAR:
                continue
            if (from_zero and not hits) or (plus and not from_zero):
                continue
            greatest = max(limit for _, limit, _ in values)
            found.append(_Limit(name, plus, nearness, hits > 0, _are_far(values), greatest))
            break
    return found


def _are_far(values: Sequence[tuple[int, int, int]]) -> bool:
    """Whether a group has many values and all are far below their limits. For ``values`` see :func:`_nearness`."""
    groups: dict[int, list[float]] = {}
    for value, limit, group in values:
        groups.setdefault(group, []).append(abs(value) / (abs(limit) + 0.5))
    return any(len(shares) >= _ENOUGH and max(shares) < _FAR_FROM for shares in groups.values())


def _nearness(values: Sequence[tuple[int, int, int]]) -> float:
    """The greatest ratio of value to limit in each group, averaged over the groups; 1 means that limits are reached.

    Args:
        values: triples of value, limit and group.
    """
    groups: dict[int, float] = {}
    for value, limit, group in values:
        groups[group] = max(groups.get(group, 0.0), min(1.0, (abs(value) + 0.5) / (abs(limit) + 0.5)))
    return sum(groups.values()) / len(groups) if groups else 0.0


def _named_low(pairs: Sequence[tuple[int, Seen]], but_not: Set[str]) -> tuple[Bound, ...]:
    """The nearest earlier integers that no value is below, as lower bounds."""
    if len(pairs) < 2:
        return ()
    found: list[tuple[float, Bound]] = []
    for name in _shared_names(pairs):
        if name in but_not:
            continue
        limits = [(value, reading.known[name]) for value, reading in pairs]
        if any(value < limit for value, limit in limits) or all(value == limit for value, limit in limits):
            continue
        nearness = sum((abs(limit) + 0.5) / (abs(value) + 0.5) for value, limit in limits) / len(limits)
        # If all values exceed all limits, they need not be related.
        certain = len(limits) >= _MANY and min(value for value, _ in limits) < max(limit for _, limit in limits)
        if not certain and not 0.2 <= nearness <= 1.2:
            continue
        plus = 1 if all(value > limit for value, limit in limits) and len(limits) >= 3 else 0
        found.append((-nearness, Bound(Amount(plus, (name,)), not certain)))
    found.sort(key=lambda pair: pair[0])
    return tuple(bound for _, bound in (found if len(pairs) < _ENOUGH else found[:1]))


def _shared_names(pairs: Sequence[tuple[int, Seen]]) -> list[str]:
    """Names known at every reading, in reading order."""
    if not pairs:
        return []
    shared = set.intersection(*({*reading.known} for _, reading in pairs))
    return [name for name in pairs[0][1].known if name in shared]


def _number_traits(lists: Sequence[Sequence[int]]) -> Traits:
    """The order and distinctness of lists of numbers."""
    long = [values for values in lists if len(values) > 1]
    if not long:
        return ()
    strict = all(len(set(values)) == len(values) for values in long)
    chance = 1.0
    for values in long:
        chance /= factorial(min(len(set(values)), 20))
    traits: Traits = ()
    if all(list(values) == sorted(values) for values in long):
        traits = _believed(Trait.INCREASING if strict else Trait.SORTED, chance, _CERTAIN, guess_below=_GUESSED)
    elif all(list(values) == sorted(values, reverse=True) for values in long):
        traits = _believed(Trait.DESCENDING, chance, _CERTAIN, guess_below=_GUESSED)
    if traits and traits[0].trait is Trait.INCREASING:
        return traits
    return traits + _distinct(long, [max(values) - min(values) + 1 for values in long])


def _without_zero(lists: Sequence[Sequence[int]]) -> Traits:
    """Whether zero is excluded. -1 among positive numbers is a marker rather than a number."""
    low = {value for values in lists for value in values if value <= 0}
    if not low or 0 in low or max(value for values in lists for value in values) < 0:
        return ()
    is_mark = low == {-1} and any(min(values) < 0 < max(values) for values in lists if values)
    return (Holds(Trait.NONZERO, guessed=not is_mark),)


def _distinct(lists: Sequence[Sequence[object]], widths: Sequence[int], certain: float = _DISTINCT) -> Traits:
    """Whether the values within each list are distinct.

    Args:
        widths: for each list, the number of possible values.
        certain: chance below which the trait is certain.
    """
    if any(len(set(values)) < len(values) for values in lists) or not any(len(values) > 1 for values in lists):
        return ()
    log_chance = 0.0
    for values, width in zip(lists, widths, strict=True):
        log_chance += sum(log(max(1 - index / max(width, 1), 1e-9)) for index in range(len(values)))
    return _believed(Trait.DISTINCT, exp(log_chance), certain, guess_below=2)


def _believed(trait: Trait, chance: float, certain: float, guess_below: float) -> Traits:
    if chance < certain:
        return (Holds(trait),)
    return (Holds(trait, guessed=True),) if chance < guess_below else ()


def _edge_traits(firsts: Sequence[Sequence[int]], seconds: Sequence[Sequence[int]]) -> Traits:
    """Whether rows are the edges of a simple and of a connected graph."""
    graphs = [list(zip(first, second, strict=True)) for first, second in zip(firsts, seconds, strict=True)]
    graphs = [edges for edges in graphs if edges]
    if any(first == second for edges in graphs for first, second in edges):
        return ()
    pairs = [[frozenset(edge) for edge in edges] for edges in graphs]
    if any(len(set(edges)) < len(edges) for edges in pairs):
        return ()
    chance = 1.0
    for edges in graphs:
        nodes = max(max(edge) for edge in edges)
        for index in range(len(edges)):
            chance *= max(1 - 1 / nodes - index / (nodes * nodes / 2), 1e-9)
    simple = _believed(Trait.SIMPLE, chance, _DISTINCT_ROWS, guess_below=2)
    if not all(connects(edges) for edges in graphs):
        return simple
    if all(len(edges) < max(max(edge) for edge in edges) for edges in graphs) and max(map(len, graphs)) >= 3:
        return (Holds(Trait.SIMPLE), Holds(Trait.CONNECTED))  # trees
    return (*simple, Holds(Trait.CONNECTED, guessed=True))


def connects(edges: Sequence[tuple[int, int]]) -> bool:
    """Whether the edges connect all nodes from 1 to the greatest."""
    leaders = {node: node for edge in edges for node in edge}

    def leader(node: int) -> int:
        while leaders[node] != node:
            leaders[node] = leaders[leaders[node]]
            node = leaders[node]
        return node

    for first, second in edges:
        leaders[leader(first)] = leader(second)
    return len(leaders) == max(leaders) and len({leader(node) for node in leaders}) == 1


def _word_item(item: Item, seen: Sequence[Seen], lists: Sequence[Sequence[str]]) -> Item:
    words = [word for group in lists for word in group]
    if not words:
        return replace(item, kind=Choice(("a",)))
    if all(len(word) == 1 for word in words) and len(words) > 1:
        return replace(item, kind=Choice(tuple(sorted(set(words)))))
    prefix = _shared_prefix(words)
    rests = ["".join(word[len(prefix) :] for word in group) for group in lists]
    alphabet = _alphabet("".join(rests))
    always = _always(rests) if set(alphabet) == set("".join(rests)) else ""
    widths = [max(len(alphabet), 2) ** min(max(map(len, group), default=0), 12) for group in lists]
    traits = tuple(held for held in _distinct(lists, widths) if not held.guessed)
    return replace(item, kind=Word(alphabet, _word_length(seen, len(prefix)), prefix, always), traits=traits)


def _are_within(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Whether each word is a subsequence of the other word, and chance is ruled out."""
    if sum(map(len, inner)) < _LETTERS_TO_COMPARE or not any(map(len, inner)):
        return False
    pairs = list(zip(inner, outer, strict=True))
    return all(is_within(one, other) for one, other in pairs) and any(len(one) < len(other) for one, other in pairs)


def _are_just_around(outer: Sequence[str], inner: Sequence[str]) -> bool:
    """Whether no proper prefix of the outer words contains the inner words, and chance is unlikely."""
    pairs = list(zip(inner, outer, strict=True))
    chance = prod(len(one) / len(other) for one, other in pairs)
    return chance < _JUST_AROUND and all(is_just_around(one, other) for one, other in pairs)


def _shared_prefix(words: Sequence[str]) -> str:
    """The common prefix of at least three different words, if other characters follow it."""
    if len(set(words)) < 3:
        return ""
    shared = words[0]
    for word in words:
        while not word.startswith(shared):
            shared = shared[:-1]
    rests = [word[len(shared) :] for word in words]
    following = _alphabet("".join(rests))
    shared = shared.rstrip(following)
    return shared if len(shared) >= 2 and all(rests) else ""


def _alphabet(letters: str) -> str:
    """The letters seen, plus all of each class of which many were seen, and all digits if there are several."""
    seen = set(letters)
    for members in _CLASSES:
        of_class = seen.intersection(members)
        if len(of_class) >= _LETTERS_OF_CLASS or (members.isdigit() and len(of_class) > 2):
            seen |= set(members)
    return "".join(sorted(seen))


def _word_length(seen: Sequence[Seen], prefix: int) -> Range:
    """The length: an earlier integer, a constant, or any length up to the greatest one seen."""
    lengths = [(len(token) - prefix, reading) for reading in seen for token in reading.tokens]
    values = [length for length, _ in lengths]
    for name, plus in product(_shared_names(lengths), (0, 1, -1)):
        varied = len({reading.known[name] for _, reading in lengths}) > 1
        if (varied or not plus) and all(length == reading.known[name] + plus for length, reading in lengths):
            return exactly(Amount(plus, (name,)))
    if len(set(values)) == 1 and len(values) > 1:
        return exactly(Amount(values[0]))
    least, most = min(values), max(values)
    return Range(
        (_constant(min(least, 2), guessed=least > 1),), (_constant(most, guessed=not _is_as_far_as_it_goes(most)),)
    )


def _always(words: Sequence[str]) -> str:
    """Letters that occur equally often in each word: all letters, or those that occur once in long words."""
    if len(set(words)) < 2 or max(map(len, words)) < 3:
        return ""
    counts = [Counter(word) for word in words]
    shared = {letter: number for letter, number in counts[0].items() if all(c[letter] == number for c in counts)}
    found = "".join(letter * number for letter, number in sorted(shared.items()))
    if all(len(word) == len(found) for word in words):
        return found if len(words) >= 3 else ""
    single = "".join(letter for letter, number in sorted(shared.items()) if number == 1)
    return single if max(map(len, words)) >= 9 else ""
