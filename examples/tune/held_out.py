"""HumanEval's tasks: ``build`` keeps its datasets free of them, so they are what tuned models are asked."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from examples.humanevalpack import examples
from semi_instruct.harness.errors import BadFile
from semi_instruct.harness.problems.schema import Example


@dataclass(frozen=True, slots=True)
class Task:
    """A function to complete.

    Attributes:
        entry: its name.
        prompt: source up to the end of its docstring.
        solution: the rest of it, which people wrote.
        examples: the calls in its test. They are read from the text of it; nothing of a test is ever run.
    """

    id: str
    entry: str
    prompt: str
    solution: str
    examples: tuple[Example, ...]


def read_tasks(path: Path, count: int = 0) -> list[Task]:
    """The tasks in a file of HumanEval's layout whose tests have calls that can be read.

    Args:
        path: JSONL, gzipped if its name ends so.
        count: so many, spread evenly over the file; 0 for all.

    Raises:
        BadFile: it cannot be read, or is no such file.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            tasks = [_task(json.loads(line)) for line in lines if line.strip()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadFile(f"{path}: not a file of HumanEval's tasks: {error!r}") from None
    return spread([task for task in tasks if task.examples], count)


def spread(tasks: Sequence[Task], count: int) -> list[Task]:
    """So many of the tasks, evenly spread; all of them for 0 or more than there are."""
    if not 0 < count < len(tasks):
        return list(tasks)
    return [tasks[place * len(tasks) // count] for place in range(count)]


def _task(row: dict[str, Any]) -> Task:
    entry = row["entry_point"]
    calls = examples(row["test"], entry, Counter())
    return Task(
        row["task_id"],
        entry,
        row["prompt"],
        row["canonical_solution"],
        tuple(msgspec.convert(call, Example) for call in calls),
    )
