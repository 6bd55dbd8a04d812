"""Writes an input of a format. A :class:`~semi_instruct.harness.inputs.stdin.choosers.Chooser` makes every choice."""

from __future__ import annotations

from contextlib import suppress
from math import isqrt, prod

from semi_instruct.harness.errors import HarnessError
from semi_instruct.harness.inputs.stdin.choosers import Chooser
from semi_instruct.harness.inputs.stdin.matching import is_just_around
from semi_instruct.harness.inputs.stdin.model import (
    Amount,
    Block,
    Choice,
    Either,
    Format,
    Item,
    Line,
    Number,
    Range,
    Repeat,
    Trait,
    Word,
    are_different,
    blocks_in,
    counting_names,
    edge_ends,
    has,
    items_in,
    single_integers,
)

# If fewer than one in this many numbers is used, they are sampled instead of permuting all.
_SAMPLING_RATIO = 4
_ROW_TRIES = 50
_MAX_TOKENS = 2_000_000  # of one list; a format that asks for more is wrong


class CannotDraw(HarnessError):
    """The choices made so far cannot be completed. Other choices may succeed, unless the format contradicts itself."""


def draw(format_: Format, chooser: Chooser) -> str:
    """Draw one complete input.

    Raises:
        CannotDraw: the choices cannot be completed.
    """
    return _Drawing(format_, chooser).text()


def word_of(number: int, places: int) -> str:
    """Format an integer, or a decimal given in units of its last decimal place."""
    if not places:
        return str(number)
    digits = f"{abs(number):0{places + 1}d}"
    return f"{'-' * (number < 0)}{digits[:-places]}.{digits[-places:]}"


class _Drawing:
    """The state of one input being drawn."""

    def __init__(self, format_: Format, chooser: Chooser) -> None:
        self._format = format_
        self._chooser = chooser
        self._known: dict[str, int] = {}
        self._words_drawn: dict[str, str] = {}
        self._lines: list[str] = []
        self._counting = counting_names(format_)
        self._depths = _depths(format_)

    def text(self) -> str:
        try:
            self._blocks(self._format.blocks, {})
        except KeyError as error:
            raise CannotDraw(f"the format uses {error} before it is drawn") from None
        return "".join(f"{line}\n" for line in self._lines)

    def _blocks(self, blocks: tuple[Block, ...], drawn: dict[str, list[str]]) -> None:
        """Draw blocks. Columns that are drawn already are consumed from the end of their lists."""
        for block in blocks:
            match block:
                case Line():
                    self._lines.append(" ".join(self._line(block, drawn)))
                case Either(shapes):
                    chosen = shapes[self._chooser.number(0, len(shapes) - 1)]
                    self._lines.append(" ".join(self._line(chosen, {})))
                case Repeat():
                    self._repeat(block)

    def _line(self, line: Line, drawn: dict[str, list[str]]) -> list[str]:
        for _ in range(_ROW_TRIES):
            tokens = self._line_tokens(line, drawn)
            numbers = [self._known[item.name] for item in single_integers(line)] if line.differ else []
            if all(are_different(numbers, differ) for differ in line.differ):
                return tokens
            drawn = {}
        raise CannotDraw(f"numbers of a line that are {' and '.join(line.differ)}")

    def _line_tokens(self, line: Line, drawn: dict[str, list[str]]) -> list[str]:
        tokens: list[str] = []
        for item in line.items:
            new = [drawn[item.name].pop()] if item.name in drawn else self._item(item)
            if item.count is None and isinstance(item.kind, Number) and not item.kind.places:
                self._known[item.name] = int(new[0])
            elif item.count is None and isinstance(item.kind, Word):
                self._known[item.name] = len(new[0])
                self._words_drawn[item.name] = new[0]
            tokens += new
        return tokens

    def _item(self, item: Item) -> list[str]:
        if item.count is not None:
            return self._tokens(item, self._count(item.count))
        if isinstance(item.kind, Number) and item.name in self._counting:
            return [str(self._size(item.name, item.kind.range))]
        if isinstance(item.kind, Number):
            low, high = self._ends_without_hole(item, item.kind.range)
            return [word_of(_around_hole(item, self._chooser.number(low, high)), item.kind.places)]
        return self._tokens(item, 1)

    def _tokens(self, item: Item, count: int) -> list[str]:
        """``count`` tokens of a list or column, with its traits."""
        match item.kind:
            case Number(limits, places):
                return [word_of(number, places) for number in self._sequence(item, limits, count)]
            case Choice(words):
                return [words[index] for index in self._chooser.numbers(0, len(words) - 1, count)]
            case Word():
                return self._words(item.kind, count, has(item.traits, Trait.DISTINCT))

    def _sequence(self, item: Item, limits: Range, count: int) -> list[int]:
        if not count:
            return []
        low, high = self._ends_without_hole(item, limits)
        if has(item.traits, Trait.DISTINCT) or has(item.traits, Trait.INCREASING):
            if high - low + 1 < count:
                raise CannotDraw(f"{item.name}: {count} distinct numbers from {low} to {high}")
            values = self._chooser.distinct(low, high, count)
        else:
            values = self._chooser.numbers(low, high, count)
        values = [_around_hole(item, value) for value in values]
        if has(item.traits, Trait.INCREASING) or has(item.traits, Trait.SORTED):
            values.sort()
        if has(item.traits, Trait.DESCENDING):
            values.sort(reverse=True)
        return values

    def _words(self, kind: Word, count: int, distinct: bool) -> list[str]:
        for _ in range(_ROW_TRIES):
            lengths = [self._length(kind.length) for _ in range(count)]
            letters = self._letters(kind, sum(lengths))
            words = []
            start = 0
            for length in lengths:
                words.append(kind.prefix + letters[start : start + length])
                start += length
            if not all(words):
                raise CannotDraw("an empty word leaves nothing to read")
            if not distinct or len(set(words)) == count:
                return words
        raise CannotDraw(f"{count} distinct words of {kind.alphabet!r}")

    def _length(self, limits: Range) -> int:
        low, high = self._ends(limits)
        depth = max((self._depths.get(name, 1) for name in limits.names()), default=1)
        return low if low == high else self._chooser.size(low, high, depth)

    def _letters(self, kind: Word, count: int) -> str:
        if kind.around:
            inner = self._words_drawn[kind.around]
            return (self._just_around if kind.just else self._around)(inner, kind.alphabet, count)
        if kind.within:
            return self._within(self._words_drawn[kind.within], count)
        if not kind.always:
            return self._chooser.letters(kind.alphabet, count)
        others = "".join(letter for letter in kind.alphabet if letter not in kind.always)
        free = count - len(kind.always)
        if free < 0 or (free and not others):
            raise CannotDraw(f"{count} letters that hold {kind.always!r} and else {others!r}")
        letters = kind.always + (self._chooser.letters(others, free) if free else "")
        return "".join(letters[index] for index in self._chooser.order(count))

    def _around(self, inner: str, alphabet: str, count: int) -> str:
        """A word of ``count`` letters that contains ``inner`` as a subsequence."""
        if count < len(inner):
            raise CannotDraw(f"{count} letters around {len(inner)}")
        letters = list(self._chooser.letters(alphabet, count - len(inner)))
        positions = self._chooser.distinct(0, count - 1, len(inner)) if inner else []
        for index, letter in zip(sorted(positions), inner, strict=True):
            letters.insert(index, letter)
        return "".join(letters)

    def _just_around(self, inner: str, alphabet: str, count: int) -> str:
        """As ``_around``, where the word without its last letter does not contain ``inner``."""
        for _ in range(_ROW_TRIES):
            word = self._around(inner[:-1], alphabet, count - 1) + inner[-1]
            if is_just_around(inner, word):
                return word
        raise CannotDraw(f"{count} letters just around {inner!r}")

    def _within(self, outer: str, count: int) -> str:
        """A subsequence of ``count`` letters of ``outer``."""
        if count > len(outer):
            raise CannotDraw(f"{count} letters within {len(outer)}")
        return "".join(outer[index] for index in sorted(self._chooser.distinct(0, len(outer) - 1, count)))

    def _repeat(self, repeat: Repeat) -> None:
        count = self._count(repeat.count)
        first = len(self._lines)
        drawn = self._columns(repeat, count)
        excluded = {f"{self._known[one]} {self._known[other]}" for one, other in repeat.but_not}
        seen: set[str] = set()
        distinct = has(repeat.traits, Trait.DISTINCT)
        outer = dict(self._known)
        for _ in range(count):
            self._known = dict(outer)
            index = len(self._lines)
            self._blocks(repeat.body, drawn)
            for _ in range(_ROW_TRIES):
                row = "\n".join(self._lines[index:])
                if row not in excluded and not (distinct and row in seen):
                    break
                del self._lines[index:]
                self._blocks(repeat.body, {})
            else:
                raise CannotDraw(f"{count} rows from line {first + 1} on, distinct or not these: {excluded}")
            seen.add(row)
        self._known = outer

    def _columns(self, repeat: Repeat, count: int) -> dict[str, list[str]]:
        """The columns that can be drawn as a whole, by name, each with its last token first."""
        columns: dict[str, list[str]] = {}
        ends = edge_ends(repeat)
        if ends and (has(repeat.traits, Trait.SIMPLE) or has(repeat.traits, Trait.CONNECTED)):
            edges = self._edges(repeat, ends, count)
            columns = {end.name: [str(edge[side]) for edge in edges] for side, end in enumerate(ends)}
        for block in repeat.body:
            for item in block.items if isinstance(block, Line) else ():
                if item.name not in columns and self._is_column(item):
                    columns[item.name] = self._tokens(item, count)[::-1]
        return columns

    def _is_column(self, item: Item) -> bool:
        if item.count is not None or item.name in self._counting:
            return False
        limits = item.kind.range if isinstance(item.kind, Number) else getattr(item.kind, "length", Range((), ()))
        return limits.names() <= self._known.keys()

    def _edges(self, repeat: Repeat, ends: tuple[Item, Item], count: int) -> list[tuple[int, int]]:
        first, second = ends
        assert isinstance(first.kind, Number)
        assert isinstance(second.kind, Number)
        low, high = self._ends(first.kind.range)
        pairs = self._pairs(repeat, high - low + 1, count)
        names = self._names(low, high, sorted({node for pair in pairs for node in pair}))
        edges = []
        for index in self._chooser.order(len(pairs)):
            edge = names[pairs[index][0]], names[pairs[index][1]]
            if self._chooser.number(0, 1):
                edge = edge[::-1]
            least, most = second.kind.range.ends({**self._known, first.name: edge[0]})
            edges.append(edge if least <= edge[1] <= most else edge[::-1])
        return edges

    def _names(self, low: int, high: int, nodes: list[int]) -> dict[int, int]:
        """A distinct number in the range for each node that has an edge."""
        if _SAMPLING_RATIO * len(nodes) < high - low + 1:
            names = self._chooser.distinct(low, high, len(nodes))
            return {node: names[index] for node, index in zip(nodes, self._chooser.order(len(nodes)), strict=True)}
        order = self._chooser.order(high - low + 1)
        return {node: low + order[node] for node in nodes}

    def _pairs(self, repeat: Repeat, nodes: int, count: int) -> list[tuple[int, int]]:
        """``count`` edges between nodes numbered from 0, the greater node first."""
        pairs: list[tuple[int, int]] = []
        if has(repeat.traits, Trait.CONNECTED):
            if count < nodes - 1:
                raise CannotDraw(f"{count} edges that connect {nodes} nodes")
            pairs = [(node, self._chooser.parent(node)) for node in range(1, nodes)]
        missing = count - len(pairs)
        if not has(repeat.traits, Trait.SIMPLE):
            numbers = self._chooser.numbers(0, nodes - 1, 2 * missing)
            return pairs + list(zip(numbers[::2], numbers[1::2], strict=True))
        all_pairs = nodes * (nodes - 1) // 2
        if count > all_pairs:
            raise CannotDraw(f"{count} edges between {nodes} nodes, none twice")
        if missing:
            taken = set(pairs)
            more = self._chooser.distinct(0, all_pairs - 1, min(all_pairs, missing + len(pairs)))
            pairs += [pair for pair in map(_pair_at, more) if pair not in taken][:missing]
        return pairs

    def _size(self, name: str, limits: Range) -> int:
        low, high = self._ends(limits)
        for block in blocks_in(self._format.blocks):
            with suppress(KeyError):  # blocks that are drawn later adapt to this size
                low, high = self._room(block, name, low, high)
        if low > high:
            raise CannotDraw(f"{name}: no number is large enough and leaves enough distinct values")
        return self._chooser.size(low, high, self._depths.get(name, 1))

    def _room(self, block: Block, name: str, low: int, high: int) -> tuple[int, int]:
        """The part of a size's range for which the block's traits can hold."""
        counted: list[tuple[Amount, int]] = []
        if isinstance(block, Repeat) and block.count.names == (name,):
            ends = edge_ends(block)
            if ends and isinstance(ends[0].kind, Number):
                least, most = ends[0].kind.range.ends(self._known)
                nodes = most - least + 1
                if has(block.traits, Trait.CONNECTED):
                    low = max(low, -((block.count.plus - nodes + 1) // block.count.times))
                if has(block.traits, Trait.SIMPLE):
                    counted.append((block.count, nodes * (nodes - 1) // 2))
            if has(block.traits, Trait.DISTINCT):
                counted.append((block.count, prod(self._width(item) for item in items_in(block.body))))
            counted += [(block.count, self._width(item)) for item in items_in(block.body) if _is_distinct(item)]
        if isinstance(block, Line):
            counted += [
                (item.count, self._width(item))
                for item in block.items
                if item.count is not None and item.count.names == (name,) and _is_distinct(item)
            ]
        for count, most in counted:
            high = min(high, (most - count.plus) // count.times)
        return low, high

    def _width(self, item: Item) -> int:
        """The number of possible values of a token."""
        match item.kind:
            case Number(limits):
                low, high = limits.ends(self._known)
                return high - low + 1
            case Choice(words):
                return len(words)
            case Word(alphabet, length):
                return int(min(float(len(alphabet)) ** min(length.ends(self._known)[1], 60), 1e18))

    def _count(self, amount: Amount) -> int:
        count = amount.value(self._known)
        if not 0 <= count <= _MAX_TOKENS:
            raise CannotDraw(f"a count of {count}")
        return count

    def _ends_without_hole(self, item: Item, limits: Range) -> tuple[int, int]:
        """The range without zero if zero is excluded: numbers from zero up are shifted down by one."""
        low, high = self._ends(limits)
        if not has(item.traits, Trait.NONZERO):
            return low, high
        low, high = low - (low > 0), high - (high >= 0)
        if low > high:
            raise CannotDraw(f"{item.name}: no number but zero")
        return low, high

    def _ends(self, limits: Range) -> tuple[int, int]:
        low, high = limits.ends(self._known)
        if low > high:
            raise CannotDraw(f"a number from {low} to {high}")
        return low, high


def _around_hole(item: Item, number: int) -> int:
    """Shift a number of the range of ``_ends_without_hole`` back to its actual value."""
    return number + (number >= 0) if has(item.traits, Trait.NONZERO) else number


def _is_distinct(item: Item) -> bool:
    return has(item.traits, Trait.DISTINCT) or has(item.traits, Trait.INCREASING)


def _pair_at(index: int) -> tuple[int, int]:
    """The pair at an index in the sequence (1, 0), (2, 0), (2, 1), (3, 0)..."""
    greater = (1 + isqrt(1 + 8 * index)) // 2
    return greater, index - greater * (greater - 1) // 2


def _depths(format_: Format) -> dict[str, int]:
    """For each size, the maximum number of sizes multiplied with each other where it is used."""
    depths: dict[str, int] = {}

    def count(names: tuple[str, ...]) -> None:
        for name in names:
            depths[name] = max(depths.get(name, 1), len(names))

    def walk(blocks: tuple[Block, ...], outer: tuple[str, ...]) -> None:
        for block in blocks:
            if isinstance(block, Repeat):
                count(outer + block.count.names)
                walk(block.body, outer + block.count.names)
            elif isinstance(block, Either):
                walk(block.lines, outer)
            else:
                for item in block.items:
                    inner = item.count.names if item.count is not None else ()
                    if isinstance(item.kind, Word):
                        inner += tuple(sorted(item.kind.length.names()))
                    count(outer + inner)

    walk(format_.blocks, ())
    return depths
