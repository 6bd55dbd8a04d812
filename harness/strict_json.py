"""JSON that means one thing only: what Python's reader takes beyond the standard (RFC 8259) is refused."""

from __future__ import annotations

import json
import math
from itertools import accumulate
from typing import Any, NoReturn

# Commas, brackets and braces outside of strings, so at most so many values. They take up to half a gigabyte of memory.
MAX_MARKS = 4_000_000
_MARKS = (b",", b"[", b"{")
_PIECE_BYTES = 64 << 10


def loads(text: str) -> Any:
    """The data in a text.

    Raises:
        ValueError: it is not JSON, an object has a key twice, a number is NaN, infinite or of more digits than Python
            reads, or the data would take too much memory.
        RecursionError: it is nested too deeply.
    """
    if has_more_marks(text.encode("utf-8", "surrogatepass"), MAX_MARKS):
        raise ValueError(f"it holds more than {MAX_MARKS} values")
    return json.loads(text, object_pairs_hook=_unique_keys, parse_float=_finite, parse_constant=_no_constant)


def has_more_marks(text: bytes, most: int) -> bool:
    """Whether a text has more than so many commas, brackets and braces outside of strings. Linear in its length.

    Other threads run meanwhile: the text is looked at a piece at a time.
    """
    pieces = range(0, len(text), _PIECE_BYTES)
    counts = (text.count(mark, start, start + _PIECE_BYTES) for start in pieces for mark in _MARKS)
    if all(so_far <= most for so_far in accumulate(counts)):
        return False
    found = start = 0
    in_string = False
    while start < len(text) and found <= most:
        piece = text[start : start + _PIECE_BYTES]
        # No piece ends in the middle of an escape.
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:
            piece += text[start + len(piece) : start + len(piece) + 1]
        parts = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        found += sum(part.count(mark) for part in parts[in_string::2] for mark in _MARKS)
        in_string ^= len(parts) % 2 == 0
        start += len(piece)
    return found > most


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError("an object has the same key twice")
    return data


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]}... is too large for a number")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f'{name} is no JSON number (a value may say {{"$float": "nan"}})')
