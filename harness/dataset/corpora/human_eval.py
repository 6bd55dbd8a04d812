"""HumanEval (Chen and others 2021): prompts of functions, their solutions and tests."""

from __future__ import annotations

from semi_instruct.harness.dataset.corpora.asserted import asserted_examples
from semi_instruct.harness.dataset.corpora.fields import Row, name, numbered, text
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.text import markdown_fenced

LICENCE = "MIT"


def recognises(row: Row) -> bool:
    """Whether a row has the fields of this layout."""
    return {"task_id", "prompt", "entry_point", "canonical_solution", "test"} <= row.keys()


def task(row: Row) -> Task:
    """A row as a task. The prompt is its statement, and the beginning of its natural code.

    Raises:
        Unusable: it cannot be a task.
    """
    prompt = text(row, "prompt")
    return Task(
        id=name(row, "task_id"),
        kind="function",
        entry=text(row, "entry_point"),
        codes=numbered([prompt + text(row, "canonical_solution")]),
        statement=f"Complete this function.\n\n{markdown_fenced(prompt.strip(), 'python')}",
        examples=asserted_examples(text(row, "test"), "candidate"),
        licence=LICENCE,
    )
