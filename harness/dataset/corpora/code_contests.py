"""CodeContests (Li and others 2022): columns of lists, solutions in several languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from semi_instruct.harness.dataset.corpora.fields import (
    Row,
    Unusable,
    name,
    numbered,
    optional_text,
    printed_examples,
    sources,
    within_bounds,
)
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.problems.schema import Example

LICENCE = "CC-BY-4.0"
_PYTHON_3 = (3, "PYTHON3")


def recognises(row: Row) -> bool:
    """Whether a row has the fields of this layout."""
    return {"name", "description", "public_tests", "private_tests", "solutions"} <= row.keys()


def task(row: Row) -> Task:
    """A row as a task, with its Python 3 solutions.

    Raises:
        Unusable: it cannot be a task.
    """
    found = [source for language, source in _solutions(row) if language in _PYTHON_3]
    if not found:
        raise Unusable("solutions", "none is Python 3")
    examples = [
        example for kind in ("public_tests", "private_tests", "generated_tests") for example in _tests(row, kind)
    ]
    return Task(
        id=name(row, "name"),
        kind="stdin",
        codes=numbered(sources("solutions", found)),
        statement=optional_text(row, "description"),
        examples=within_bounds(examples),
        time_limit_s=_time_limit_s(row.get("time_limit")),
        difficulty=_difficulty(row),
        licence=LICENCE,
    )


def _solutions(row: Row) -> Iterator[tuple[Any, Any]]:
    """Language and source of each: a record of two lists, or a list of records."""
    given = row.get("solutions")
    if isinstance(given, dict) and isinstance(given.get("language"), list):
        yield from zip(given["language"], given.get("solution") or (), strict=False)
    elif isinstance(given, list):
        yield from ((one.get("language"), one.get("solution")) for one in given if isinstance(one, dict))
    else:
        raise Unusable("solutions", "expected languages and solutions")


def _tests(row: Row, kind: str) -> tuple[Example, ...]:
    given = row.get(kind)
    if given is None:
        return ()
    if isinstance(given, list):
        given = {key: [one.get(key) for one in given if isinstance(one, dict)] for key in ("input", "output")}
    if not isinstance(given, dict):
        raise Unusable(kind, "expected inputs and outputs")
    return printed_examples(kind, given.get("input"), given.get("output"))


def _time_limit_s(given: Any) -> float:
    if isinstance(given, dict):
        seconds = (given.get("seconds") or 0) + (given.get("nanos") or 0) / 1e9
        if seconds > 0:
            return float(min(seconds, 20.0))
    return 2.0


def _difficulty(row: Row) -> int | None:
    rating = row.get("cf_rating") or row.get("difficulty")
    return rating if isinstance(rating, int) else None
