"""The rows that ``verify`` reads: their oracles are the natural codes. Their candidates are not read."""

from __future__ import annotations

import json

import msgspec

from semi_instruct.harness.dataset.corpora.fields import Row, Unusable, numbered
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.errors import BadRow
from semi_instruct.harness.problems.schema import parse_row


def recognises(row: Row) -> bool:
    """Whether a row has the fields of this layout."""
    return {"id", "kind", "oracles"} <= row.keys()


def task(row: Row) -> Task:
    """A row as a task.

    Raises:
        Unusable: ``verify`` would refuse it.
    """
    try:
        problem = parse_row(json.dumps({**row, "candidates": []}), "", 1)
    except BadRow as bad:
        raise Unusable(bad.field, bad.reason) from None
    except ValueError as error:
        raise Unusable("row", str(error)) from None
    return Task(
        id=problem.id,
        kind=problem.kind,
        entry=problem.entry,
        language=problem.language,
        codes=numbered(problem.oracles),
        examples=problem.examples,
        time_limit_s=problem.time_limit_s,
        memory_limit_mib=problem.memory_limit_mib,
        comparison=msgspec.to_builtins(row.get("comparison")),
        difficulty=problem.difficulty,
        title=problem.title,
    )
