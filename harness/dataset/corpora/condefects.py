"""ConDefects tasks with the samples of their contests: many correct programs per task, no statement."""

from __future__ import annotations

from typing import Any

from semi_instruct.harness.dataset.corpora.fields import Row, Unusable, name, text, within_bounds
from semi_instruct.harness.dataset.tasks import NaturalCode, Task
from semi_instruct.harness.problems.schema import Example

LICENCE = "MIT"


def recognises(row: Row) -> bool:
    """Whether a row has the fields of this layout."""
    return {"task", "samples", "correct"} <= row.keys()


def task(row: Row) -> Task:
    """A row as a task, with its correct programs.

    Raises:
        Unusable: it cannot be a task.
    """
    return Task(
        id=name(row, "task"),
        kind="stdin",
        codes=tuple(NaturalCode(name(one, "id"), text(one, "source")) for one in _records(row, "correct")),
        examples=within_bounds(_sample(one) for one in _records(row, "samples")),
        time_limit_s=_number(row.get("time_limit_s")),
        difficulty=row.get("difficulty") if isinstance(row.get("difficulty"), str | int | float) else None,
        licence=LICENCE,
    )


def _sample(record: dict[str, Any]) -> Example:
    given, answer = record.get("input"), record.get("output")
    if not isinstance(given, str) or not isinstance(answer, str):
        raise Unusable("samples", "expected texts `input` and `output`")
    return Example(given, answer)


def _records(row: Row, field: str) -> list[dict[str, Any]]:
    given = row.get(field)
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise Unusable(field, "expected a list of objects")
    return given


def _number(given: Any) -> float:
    return float(given) if isinstance(given, int | float) and given > 0 else 2.0
