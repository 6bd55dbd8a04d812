"""Infers the format of example inputs."""

from __future__ import annotations

from collections.abc import Sequence

from semi_instruct.harness.inputs.stdin.matching import read, rows_of
from semi_instruct.harness.inputs.stdin.model import Format
from semi_instruct.harness.inputs.stdin.shapes import shapes
from semi_instruct.harness.inputs.stdin.values import with_values

_MAX_ALTERNATIVES = 4


def infer(texts: Sequence[str]) -> list[Format]:
    """Formats that explain all of the texts, simplest first; an empty list if there is none.

    If several formats are equally simple, all of them are returned. Running correct programs on inputs drawn from each
    shows which one is right.
    """
    examples = [rows_of(text) for text in texts]
    formats: list[Format] = []
    for _, blocks in shapes(examples, _MAX_ALTERNATIVES):
        # The second pass uses what the first one found: a choice has no length, and a count of letters is a size.
        for _ in range(2):
            reading = read(blocks, examples)
            if reading is None:
                break
            blocks = with_values(blocks, reading)
        else:
            formats.append(Format(blocks))
    return formats
