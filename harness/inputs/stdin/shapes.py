"""Infers the lines, lists and repetitions of example inputs, simplest explanation first.

All examples are read in parallel. A state records how far each has been read and which integers are known. A step
explains the next line, or several lines as one repetition, in the same way in every example, at a cost. States are
processed in order of cost, so the first one that reaches the end of all examples is the simplest explanation.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, count, islice, product

from semi_instruct.harness.inputs.stdin.matching import DECIMAL, INTEGER, Row
from semi_instruct.harness.inputs.stdin.model import (
    Amount,
    Block,
    Choice,
    Either,
    Item,
    Kind,
    Line,
    Number,
    Range,
    Repeat,
    Word,
)

_ANYTHING = Range((), ())  # values are inferred later
_STEPS = 400  # maximum number of states processed
_STEPS_A_CASE = 60
_ALTERNATIVES_KEPT = 2  # explanations of the same lines with the same integers known
_SINGLE = 0.8  # cost of a token with its own name
_LENGTH_EXPLAINED = 0.5  # cost saved by a word whose length is an earlier number
_MAX_SINGLES = 8  # consecutive tokens with their own names
_MAX_SHAPES = 6  # shapes of lines that the first token distinguishes
_MAX_FIRST = 3  # tokens before a list
_MAX_COUNT = 1_000_000
_FRESH_NAMES = 40  # new names available to one step
_NEARLY_AS_SIMPLE = 1.2  # maximum additional cost of an alternative over the simplest explanation

Costed = tuple[float, "tuple[Block, ...]"]
Known = dict[str, int]
_Situation = tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]  # positions and known values


@dataclass(frozen=True, slots=True)
class _State:
    positions: tuple[int, ...]
    known: tuple[Known, ...]
    blocks: tuple[Block, ...]
    used: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Count:
    """An amount that fits, and its cost."""

    cost: float
    amount: Amount


def shapes(examples: Sequence[Sequence[Row]], most: int) -> list[Costed]:
    """Up to ``most`` explanations of the examples, given as rows, with their costs, simplest first.

    The kinds are number, decimal, word, and choice for tokens that distinguish lines. Ranges and alphabets are empty.
    """
    return _explain(examples, tuple({} for _ in examples), most, frozenset(), nested=False)


def _names() -> Iterator[str]:
    yield from "NMKLQ"
    letters = "ABCDEFGHIJOPRSTUVWXYZ"
    yield from letters
    for number in count(1):
        yield from (f"{letter}{number}" for letter in letters)


def _explain(
    examples: Sequence[Sequence[Row]], known: tuple[Known, ...], most: int, outer: frozenset[str], nested: bool
) -> list[Costed]:
    ticket = count()
    start = _State(tuple(0 for _ in examples), known, (), frozenset())
    queue: list[tuple[float, int, _State]] = [(0.0, next(ticket), start)]
    found: list[Costed] = []
    visits: Counter[_Situation] = Counter()
    for _ in range(_STEPS_A_CASE if nested else _STEPS):
        if not queue or len(found) >= most:
            break
        cost, _, state = heapq.heappop(queue)
        if found and cost > found[0][0] + _NEARLY_AS_SIMPLE:
            break
        if all(position == len(rows) for position, rows in zip(state.positions, examples, strict=True)):
            found.append((cost, state.blocks))
            continue
        situation = (state.positions, tuple(tuple(known.values()) for known in state.known))
        visits[situation] += 1
        if visits[situation] > _ALTERNATIVES_KEPT:
            continue
        for step_cost, next_state in _Steps(examples, state, outer, nested).all():
            heapq.heappush(queue, (cost + step_cost, next(ticket), next_state))
    return found


class _Steps:
    """The possible explanations of the next lines of a state."""

    def __init__(self, examples: Sequence[Sequence[Row]], state: _State, outer: frozenset[str], nested: bool) -> None:
        self._examples = examples
        self._state = state
        self._nested = nested
        self._taken = outer | _names_in(state.blocks)
        self._fresh = list(islice((name for name in _names() if name not in self._taken), _FRESH_NAMES))

    def all(self) -> Iterator[tuple[float, _State]]:
        yield from self._one_line()
        yield from self._repetitions()
        if not self._nested and len(self._state.blocks) == 1:  # test cases follow the first line
            yield from self._cases()

    def _one_line(self) -> Iterator[tuple[float, _State]]:
        state = self._state
        rows: list[Row] = []
        for position, lines in zip(state.positions, self._examples, strict=True):
            if position >= len(lines):
                return
            rows.append(lines[position])
        for cost, line, used in _line_shapes(rows, state.known, self._fresh, state.used):
            known = tuple(_read_line(line, row, names) for row, names in zip(rows, state.known, strict=True))
            positions = tuple(position + 1 for position in state.positions)
            yield cost, _State(positions, known, (*state.blocks, line), state.used | used)

    def _repetitions(self) -> Iterator[tuple[float, _State]]:
        for cost, amount, counts in self._row_counts():
            rows, known = self._pooled(counts)
            positions = tuple(position + number for position, number in zip(self._state.positions, counts, strict=True))
            shapes_of_rows: list[tuple[float, Block, frozenset[str]]] = [
                *_line_shapes(rows, known, self._fresh, self._state.used),
                *_either_shapes(rows, self._fresh),
            ]
            for row_cost, block, used in shapes_of_rows:
                repeat = Repeat(amount, (block,))
                total = 1 + cost + row_cost
                # The last number of a header is usually the number of edges, the first that of single columns.
                if isinstance(block, Line) and len(block.items) > 1:
                    total += 0.1 * self._names_after(amount)
                yield total, self._after(positions, repeat, used | set(amount.names))

    def _cases(self) -> Iterator[tuple[float, _State]]:
        """Test cases of several lines each, up to the end of the input."""
        ends = tuple(len(lines) for lines in self._examples)
        for cost, amount, counts in self._row_counts():
            if not amount.names or amount.times != 1 or max(counts) < 2:
                continue
            for cases, known in self._segmentations(counts):
                inner = _explain(cases, known, 2, self._taken, nested=True)
                for inner_cost, blocks in inner:
                    yield 1 + cost + inner_cost, self._after(ends, Repeat(amount, blocks), set(amount.names))

    def _segmentations(self, counts: Sequence[int]) -> Iterator[tuple[list[list[Row]], tuple[Known, ...]]]:
        """Ways to cut the rest into cases: a fixed number of lines each, or that plus a number given by a token."""
        for fixed in (2, 3, 4):
            if cut := self._cut(counts, fixed, None, 0, 1):
                yield cut
        for fixed, token, plus, times in product((1, 2, 3), (0, 1, 2), (0, -1), (1, 2)):
            if cut := self._cut(counts, fixed, token, plus, times):
                yield cut

    def _cut(
        self, counts: Sequence[int], fixed: int, token: int | None, plus: int, times: int
    ) -> tuple[list[list[Row]], tuple[Known, ...]] | None:
        cases: list[list[Row]] = []
        known: list[Known] = []
        for lines, position, number, names in zip(
            self._examples, self._state.positions, counts, self._state.known, strict=True
        ):
            at = position
            for _ in range(number):
                length = fixed
                if token is not None:
                    row = lines[at] if at < len(lines) else ()
                    if token >= len(row) or not INTEGER.match(row[token]):
                        return None
                    length += times * int(row[token]) + plus
                if length < 1 or at + length > len(lines):
                    return None
                cases.append(list(lines[at : at + length]))
                known.append(names)
                at += length
            if at != len(lines):
                return None
        return cases, tuple(known)

    def _row_counts(self) -> Iterator[tuple[float, Amount, list[int]]]:
        """Amounts that may be the number of following lines, with their value in each example."""
        state = self._state
        left = [len(lines) - position for position, lines in zip(state.positions, self._examples, strict=True)]
        shared = set.intersection(*(set(known) for known in state.known))
        names = [name for name in state.known[0] if name in shared]
        amounts = [
            (cost + (0.2 if name in state.used else 0), Amount(plus, (name,), times))
            for name in names
            for cost, times, plus in ((0.3, 1, 0), (0.8, 1, -1), (1.3, 1, 1), (1.0, 2, 0), (1.5, 3, 0))
        ]
        amounts += [(2.5, Amount(constant)) for constant in range(2, min(left) + 1) if constant <= _MAX_SINGLES]
        if min(left) == max(left) > _MAX_SINGLES:
            amounts.append((3.0, Amount(left[0])))
        for cost, amount in amounts:
            counts = [amount.value(known) for known in state.known]
            fits = all(0 <= number <= most for number, most in zip(counts, left, strict=True))
            if fits and max(counts) >= 2:
                yield cost, amount, counts

    def _pooled(self, counts: Sequence[int]) -> tuple[list[Row], tuple[Known, ...]]:
        state = self._state
        rows: list[Row] = []
        known: list[Known] = []
        for lines, position, number, names in zip(self._examples, state.positions, counts, state.known, strict=True):
            rows += lines[position : position + number]
            known += [names] * number
        return rows, tuple(known)

    def _after(self, positions: tuple[int, ...], block: Block, used: frozenset[str] | set[str]) -> _State:
        state = self._state
        return _State(positions, state.known, (*state.blocks, block), state.used | used)

    def _names_after(self, amount: Amount) -> int:
        names = list(self._state.known[0])
        return len(names) - 1 - names.index(amount.names[0]) if amount.names else 0


def _line_shapes(
    rows: Sequence[Row], known: Sequence[Known], fresh: Sequence[str], used: frozenset[str]
) -> Iterator[tuple[float, Line, frozenset[str]]]:
    """Ways to explain rows as lines of one shape: cost, shape, and the names used as counts."""
    lengths = {len(row) for row in rows}
    if len(lengths) == 1 and 0 < len(rows[0]) <= _MAX_SINGLES:
        line = Line(tuple(Item(fresh[index], _kind([row[index] for row in rows])) for index in range(len(rows[0]))))
        heads = [_read_line(line, row, names) for row, names in zip(rows, known, strict=True)]
        counted = [
            index
            for index, item in enumerate(line.items)
            if _may_be_words([row[index] for row in rows], item.kind)
            and _has_known_length([row[index] for row in rows], heads)
        ]
        items = [
            Item(item.name, Word("", _ANYTHING)) if index in counted else item for index, item in enumerate(line.items)
        ]
        line = Line(tuple(items))
        yield _SINGLE * len(line.items) - _LENGTH_EXPLAINED * len(counted), line, frozenset()
    for first, last in product(range(_MAX_FIRST + 1), range(2)):
        lists = list(_list_shapes(rows, known, fresh, used, first, last))
        yield from lists
        if not first and not last and any(amount_names for _, _, amount_names in lists):
            return


def _list_shapes(
    rows: Sequence[Row],
    known: Sequence[Known],
    fresh: Sequence[str],
    used: frozenset[str],
    first: int,
    last: int,
) -> Iterator[tuple[float, Line, frozenset[str]]]:
    """Lines of ``first`` single tokens, a list and ``last`` single tokens, with cost and the names used as counts."""
    counts = [len(row) - first - last for row in rows]
    if min(counts) < 0 or max(counts) < 1 or first + last + 1 >= len(fresh):
        return
    kinds = [_kind([row[index] for row in rows]) for index in range(first)]
    ends = [_kind([row[len(row) - 1 - index] for row in rows]) for index in range(last)]
    listed = [token for row in rows for token in row[first : len(row) - last]]
    kind = _kind(listed)
    if isinstance(kind, Word) and any(INTEGER.match(token) for token in listed) and not all(map(_is_digits, listed)):
        return
    before = [Item(name, kind) for name, kind in zip(fresh, kinds, strict=False)]
    after = [Item(fresh[first + 1 + index], end) for index, end in enumerate(ends)]
    heads = [_read_line(Line(tuple(before)), row[:first], names) for row, names in zip(rows, known, strict=True)]
    for fit in _amounts(counts, heads, used):
        item = Item(fresh[first], kind, fit.amount)
        yield _SINGLE * (first + last) + 1 + fit.cost, Line((*before, item, *after)), frozenset(fit.amount.names)


def _either_shapes(rows: Sequence[Row], fresh: Sequence[str]) -> Iterator[tuple[float, Either, frozenset[str]]]:
    """Rows of several lengths, distinguished by their first tokens."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[0] if row else "", []).append(row)
    lengths = {len(row) for row in rows}
    if len(lengths) < 2 or not 2 <= len(groups) <= _MAX_SHAPES or "" in groups:
        return
    lines = []
    cost = 1.0
    index = 0
    for word, members in sorted(groups.items()):
        width = len(members[0])
        if any(len(row) != width for row in members) or index + width > len(fresh):
            return
        items = [Item(fresh[index], Choice((word,)))]
        items += [Item(fresh[index + at], _kind([row[at] for row in members])) for at in range(1, width)]
        index += width
        lines.append(Line(tuple(items)))
        cost += 0.3 * width
    yield cost, Either(tuple(lines)), frozenset()


def _amounts(counts: Sequence[int], known: Sequence[Known], used: frozenset[str]) -> Iterator[_Count]:
    """Amounts that may be the number of tokens, given the numbers known before each row."""
    shared = set.intersection(*(set(names) for names in known))
    names = [name for name in known[0] if name in shared and all(abs(row[name]) <= _MAX_COUNT for row in known)]
    for index, name in enumerate(names):
        values = [row[name] for row in known]
        varied = len(set(values)) > 1
        again = 0.2 if name in used else 0.02 * index
        for cost, times, plus in ((0.3, 1, 0), (0.8, 1, -1), (1.3, 1, 1), (1.0, 2, 0), (1.5, 2, -1), (1.5, 2, 1)):
            unproven = 0.0 if varied or (times, plus) == (1, 0) else 1.0
            if all(times * value + plus == number for value, number in zip(values, counts, strict=True)):
                yield _Count(cost + again + unproven, Amount(plus, (name,), times))
        factors = {number / value if value else 0 for value, number in zip(values, counts, strict=True)}
        factor = factors.pop()
        if varied and not factors and factor.is_integer() and factor > 2:
            yield _Count(2.0, Amount(0, (name,), int(factor)))
    for one, other in combinations(names, 2):
        if all(row[one] * row[other] == number for row, number in zip(known, counts, strict=True)):
            yield _Count(1.5 if len(set(counts)) > 1 else 2.5, Amount(0, (one, other)))
    if len(set(counts)) == 1 and counts[0] > _MAX_SINGLES:
        yield _Count(2.0 if len(counts) > 1 else 3.0, Amount(counts[0]))


def _kind(tokens: Sequence[str]) -> Kind:
    """The kind of all tokens: number, decimal or word, without bounds."""
    if all(INTEGER.match(token) for token in tokens):
        return Number(_ANYTHING)
    if any(map(DECIMAL.match, tokens)) and all(DECIMAL.match(token) for token in tokens):
        return Number(_ANYTHING, max(len(token.partition(".")[2]) for token in tokens))
    return Word("", _ANYTHING)


def _may_be_words(tokens: Sequence[str], kind: Kind) -> bool:
    """Whether tokens are words, or long numbers of so few different digits that they may be words."""
    return isinstance(kind, Word) or (max(map(len, tokens)) >= 3 and set("".join(tokens)) <= {"0", "1"})


def _has_known_length(words: Sequence[str], known: Sequence[Known]) -> bool:
    """Whether an earlier number that varies is the length of each word."""
    lengths = list(map(len, words))
    return len(set(lengths)) > 1 and any(
        all(names.get(name) == length for names, length in zip(known, lengths, strict=True)) for name in known[0]
    )


def _is_digits(token: str) -> bool:
    return token.isascii() and token.isdigit()


def _read_line(line: Line, row: Row, known: Known) -> Known:
    """The integers known after the single items at the start of a row."""
    result = dict(known)
    for item, token in zip(line.items, row, strict=False):
        if item.count is not None:
            break
        if isinstance(item.kind, Number) and not item.kind.places:
            result[item.name] = int(token)
    return result


def _names_in(blocks: tuple[Block, ...]) -> set[str]:
    names: set[str] = set()
    for block in blocks:
        match block:
            case Line(items):
                names.update(item.name for item in items)
            case Either(lines):
                names |= _names_in(lines)
            case Repeat(_, body, _):
                names |= _names_in(body)
    return names
