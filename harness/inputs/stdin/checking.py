"""Checks whether a text is a valid input of a format: counts, ranges, alphabets and traits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from semi_instruct.harness.inputs.stdin.matching import (
    Reading,
    Seen,
    is_just_around,
    is_within,
    point_in_rows,
    read,
    rows_of,
)
from semi_instruct.harness.inputs.stdin.model import (
    Block,
    Choice,
    Either,
    Format,
    Item,
    Line,
    Number,
    Repeat,
    Trait,
    Traits,
    Word,
    are_different,
    edge_ends,
    has,
    single_integers,
)
from semi_instruct.harness.inputs.stdin.values import connects, scaled


def fits(format_: Format, text: str) -> bool:
    """Whether the text is a valid input of the format, with guesses treated as certain."""
    reading = read(format_.blocks, [rows_of(text)])
    return reading is not None and all(_block_fits(block, reading, repeated=False) for block in format_.blocks)


def _block_fits(block: Block, reading: Reading, repeated: bool) -> bool:
    match block:
        case Line(items):
            return _numbers_differ(block, reading) and all(
                _item_fits(item, reading.seen.get(item.name, []), repeated) and _letters_fit(item, reading)
                for item in items
            )
        case Either(lines):
            return all(_block_fits(line, reading, repeated=False) for line in lines)
        case Repeat(_, body, traits):
            return (
                all(_block_fits(inner, reading, repeated=True) for inner in body)
                and _rows_fit(block, traits, reading)
                and not any(point_in_rows(point, block, reading) for point in block.but_not)
            )


def _item_fits(item: Item, seen: Sequence[Seen], repeated: bool) -> bool:
    groups: dict[int, list[str]] = {}
    for index, reading in enumerate(seen):
        if not all(_token_fits(item, token, reading) for token in reading.tokens):
            return False
        is_column = repeated and item.count is None
        groups.setdefault(reading.group if is_column else index, []).extend(reading.tokens)
    return all(_list_fits(item, tokens) for tokens in groups.values())


def _numbers_differ(line: Line, reading: Reading) -> bool:
    columns = [[int(seen.tokens[0]) for seen in reading.seen.get(item.name, [])] for item in single_integers(line)]
    return all(are_different(row, differ) for row in zip(*columns, strict=True) for differ in line.differ)


def _letters_fit(item: Item, reading: Reading) -> bool:
    """Whether the item's words obey ``around``, ``within`` and ``just``."""
    kind = item.kind
    if not isinstance(kind, Word) or not (kind.around or kind.within):
        return True
    words = [seen.tokens[0] for seen in reading.seen.get(item.name, [])]
    others = [seen.tokens[0] for seen in reading.seen.get(kind.around or kind.within, [])]
    pairs = zip(words, others, strict=True)
    if kind.just and not all(is_just_around(other, word) for word, other in zip(words, others, strict=True)):
        return False
    return all(is_within(other, word) if kind.around else is_within(word, other) for word, other in pairs)


def _token_fits(item: Item, token: str, reading: Seen) -> bool:
    match item.kind:
        case Number(limits, places):
            low, high = limits.ends(reading.known)
            return low <= scaled(token, places) <= high
        case Choice(words):
            return token in words
        case Word(alphabet, length, prefix):
            low, high = length.ends(reading.known)
            rest = token.removeprefix(prefix)
            return token.startswith(prefix) and low <= len(rest) <= high and set(rest) <= set(alphabet)


def _list_fits(item: Item, tokens: Sequence[str]) -> bool:
    if isinstance(item.kind, Word):
        always = Counter(item.kind.always)
        letters = Counter("".join(token.removeprefix(item.kind.prefix) for token in tokens))
        if any(letters[letter] != number for letter, number in always.items()):
            return False
        return not has(item.traits, Trait.DISTINCT) or len(set(tokens)) == len(tokens)
    if not isinstance(item.kind, Number):
        return True
    values = [scaled(token, item.kind.places) for token in tokens]
    strict = has(item.traits, Trait.DISTINCT) or has(item.traits, Trait.INCREASING)
    rising = has(item.traits, Trait.INCREASING) or has(item.traits, Trait.SORTED)
    return (
        (not strict or len(set(values)) == len(values))
        and not (has(item.traits, Trait.NONZERO) and 0 in values)
        and (not rising or values == sorted(values))
        and (not has(item.traits, Trait.DESCENDING) or values == sorted(values, reverse=True))
    )


def _rows_fit(repeat: Repeat, traits: Traits, reading: Reading) -> bool:
    if has(traits, Trait.DISTINCT) and isinstance(repeat.body[0], Line):
        rows = list(zip(*_columns(repeat.body[0].items, reading), strict=True))
        if len(set(rows)) < len(rows):
            return False
    ends = edge_ends(repeat)
    if ends is None or not traits:
        return True
    first, second = _columns(ends, reading)
    edges = [(int(one[1]), int(other[1])) for one, other in zip(first, second, strict=True)]
    pairs = [(group, frozenset(edge)) for (group, _), edge in zip(first, edges, strict=True)]
    if has(traits, Trait.SIMPLE) and (len(set(pairs)) < len(pairs) or any(one == other for one, other in edges)):
        return False
    return not has(traits, Trait.CONNECTED) or not edges or connects(edges)


def _columns(items: Sequence[Item], reading: Reading) -> list[list[tuple[int, str]]]:
    """Columns of single tokens, each token with the number of its repetition."""
    return [[(seen.group, seen.tokens[0]) for seen in reading.seen.get(item.name, []) if seen.tokens] for item in items]
