"""Reads and checks fields of rows in foreign formats."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from semi_instruct.harness.analysis.source import NotLiteral, literal
from semi_instruct.harness.dataset.tasks import NaturalCode
from semi_instruct.harness.problems.schema import Example
from semi_instruct.harness.text import plain_value

# Limits for the test cases that come with a task; the first ones are public.
MAX_EXAMPLES = 32
MAX_EXAMPLE_BYTES = 1 << 20

Row = Mapping[str, Any]


class Unusable(ValueError):
    """A row from which no task can be made.

    Attributes:
        field, reason: as in ``harness.errors.BadRow``.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def text(row: Row, field: str) -> str:
    """A required text.

    Raises:
        Unusable: it is missing, empty or not text.
    """
    value = row.get(field)
    if value is None:
        raise Unusable(field, "is required")
    if not isinstance(value, str):
        raise Unusable(field, f"expected text, got `{type(value).__name__}`")
    if not value.strip():
        raise Unusable(field, "is empty")
    return value


def optional_text(row: Row, field: str) -> str | None:
    """A text; None if there is none."""
    value = row.get(field)
    return value if isinstance(value, str) and value.strip() else None


def name(row: Row, field: str) -> str:
    """A name or number, as text.

    Raises:
        Unusable: it is missing or neither.
    """
    value = row.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(row, field)


def parsed(row: Row, field: str) -> Any:
    """The value of JSON text, or a value that is not text as it is.

    Raises:
        Unusable: it is missing or not JSON.
    """
    value = row.get(field)
    if not isinstance(value, str):
        if value is None:
            raise Unusable(field, "is required")
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise Unusable(field, "the text in it is not JSON") from None


def sources(field: str, given: Any) -> list[str]:
    """Source texts.

    Raises:
        Unusable: it is not a list of texts, or it has none.
    """
    if not isinstance(given, Sequence) or isinstance(given, str) or not all(isinstance(one, str) for one in given):
        raise Unusable(field, "expected a list of sources")
    found = [one for one in given if one.strip()]
    if not found:
        raise Unusable(field, "holds no source")
    return found


def numbered(found: Iterable[str], origin: str | None = None) -> tuple[NaturalCode, ...]:
    """Sources as natural codes with the ids 0, 1, ..."""
    return tuple(NaturalCode(str(number), source, origin) for number, source in enumerate(found))


def printed_examples(field: str, inputs: Any, outputs: Any) -> tuple[Example, ...]:
    """Test cases of a whole program. Lists of lines, as in some rows of APPS and TACO, are joined.

    Raises:
        Unusable: these are not two lists of equal length.
    """
    if not isinstance(inputs, list) or not isinstance(outputs, list):
        raise Unusable(field, "expected a list of inputs and a list of outputs")
    if len(inputs) != len(outputs):
        raise Unusable(field, f"{len(inputs)} inputs, but {len(outputs)} outputs")
    pairs = ((_lines(given), _lines(answer)) for given, answer in zip(inputs, outputs, strict=True))
    return within_bounds(Example(given, answer) for given, answer in pairs if given is not None and answer is not None)


def within_bounds(found: Iterable[Example]) -> tuple[Example, ...]:
    """The first of the examples, up to ``MAX_EXAMPLES`` and ``MAX_EXAMPLE_BYTES``; each input once."""
    kept: dict[str, Example] = {}
    size = 0
    for example in found:
        key = repr(example.input)
        grown = size + len(key) + (0 if example.output is msgspec.UNSET else len(repr(example.output)))
        if key in kept or grown > MAX_EXAMPLE_BYTES:
            continue
        kept[key] = example
        size = grown
        if len(kept) == MAX_EXAMPLES:
            break
    return tuple(kept.values())


def _lines(given: Any) -> str | None:
    if isinstance(given, str):
        return given
    if isinstance(given, list) and all(isinstance(line, str) for line in given):
        return "\n".join(given) + "\n"
    return None


def value_tree(value: Any) -> Any:
    """A value of literals in the tagged JSON of examples."""
    return plain_value(value)


def literal_value(expression: Any) -> Any:
    """The value of a literal expression of a syntax tree.

    Raises:
        NotLiteral: it is not literal.
    """
    value = literal(expression)
    try:
        plain_value(value)
    except (ValueError, RecursionError):
        raise NotLiteral("no value that can cross") from None
    return value
