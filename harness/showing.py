"""How bytes and values of programs are shown to people: cut where long, harmless to a terminal, always the same."""

from __future__ import annotations

import json
from typing import Any

from engine.inside.values import encode

LONGEST_SHOWN = 2_000
_MOST_BYTES_A_CHARACTER = 4


def shown_bytes(data: bytes) -> str:
    """Bytes as text, what is not UTF-8 as ``\\xff``; cut to ``LONGEST_SHOWN`` characters and a marker."""
    # One character more than is shown, so that a character broken by this cut is not shown either.
    text = data[: (LONGEST_SHOWN + 1) * _MOST_BYTES_A_CHARACTER].decode("utf-8", "backslashreplace")
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"{text[:LONGEST_SHOWN]}... [cut: {len(data)} bytes in all]"


def plain_value(value: Any) -> Any:
    """A value as JSON data (``engine.inside.values``), elements of sets in a fixed order."""
    return _ordered(encode(value))


def shown_value(value: Any) -> Any:
    """Like :func:`plain_value`; if its JSON is longer than ``LONGEST_SHOWN``, that text, cut, with a marker."""
    tree = plain_value(value)
    text = json.dumps(tree)
    return tree if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}... [cut: {len(text)} characters in all]"


def one_line(text: str, longest: int = 500) -> str:
    """Text for one line of a terminal or log: control characters and lone surrogates escaped, cut where long."""
    cut = text if len(text) <= longest else f"{text[:longest]}..."
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in cut
    )


def _ordered(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_ordered(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    inner = {key: _ordered(item) for key, item in tree.items()}
    for tag in ("$set", "$frozenset"):
        if tag in inner:
            # Hash tables of this process shuffle strings differently at every start.
            inner[tag] = sorted(inner[tag], key=json.dumps)
    return inner
