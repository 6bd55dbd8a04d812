"""Scales all values of an input, which preserves special properties such as a sum of zero."""

from __future__ import annotations

from semi_instruct.harness.inputs.stdin.checking import fits
from semi_instruct.harness.inputs.stdin.matching import Row, read, rows_of
from semi_instruct.harness.inputs.stdin.model import Format, Item, Number, counting_names


def multiplied(format_: Format, text: str, factor: int) -> str | None:
    """The input with all integers multiplied except sizes; None if the result does not have the format."""
    rows = rows_of(text)
    reading = read(format_.blocks, [rows])
    if reading is None:
        return None
    sizes = counting_names(format_)
    tokens = (token for item, given in reading.in_order for token in _multiplied(item, given, sizes, factor))
    larger = "".join(" ".join(next(tokens) for _ in row) + "\n" for row in rows)
    return larger if fits(format_, larger) else None


def _multiplied(item: Item, tokens: Row, sizes: set[str], factor: int) -> Row:
    if not isinstance(item.kind, Number) or item.kind.places or item.name in sizes:
        return tokens
    return tuple(str(int(token) * factor) for token in tokens)
