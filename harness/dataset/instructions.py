"""The instruction of a natural code: what its corpus says, or else what its examples show."""

from __future__ import annotations

import msgspec

from semi_instruct.harness.dataset.pairs import PEOPLE
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.problems.schema import Example

FROM_EXAMPLES = "examples"
_MAX_SHOWN = 3
_MAX_SHOWN_CHARACTERS = 600


def instruction_of(task: Task) -> tuple[str, str]:
    """An instruction, and who wrote it: ``people`` or ``examples``."""
    if task.statement:
        return task.statement.strip(), PEOPLE
    shown = [text for example in task.examples if (text := _shown(task, example)) is not None][:_MAX_SHOWN]
    what = f": {task.title.rstrip('.')}." if task.title else "."
    if task.kind == "function":
        head = f"Write a Python function `{task.entry}`{what}"
    else:
        head = f"Write a Python program that reads its input from stdin and prints the answer{what}"
    written_by = PEOPLE if task.title else FROM_EXAMPLES
    return "\n\n".join([head, *shown]), written_by


def _shown(task: Task, example: Example) -> str | None:
    """An example with its output as a person reads it; None if it has none or is long."""
    if example.output is msgspec.UNSET:
        return None
    if task.kind == "function":
        arguments = ", ".join(repr(argument) for argument in example.input)
        text = f"Example: `{task.entry}({arguments})` returns `{example.output!r}`"
    else:
        text = f"Example input:\n{example.input.rstrip()}\n\nExample output:\n{example.output.rstrip()}"
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else None
