"""MBPP (Austin and others 2021), whole or sanitized: a sentence, a function, three assertions."""

from __future__ import annotations

from semi_instruct.harness.analysis.source import definition, parse
from semi_instruct.harness.dataset.corpora.asserted import asserted_examples, asserted_names
from semi_instruct.harness.dataset.corpora.fields import Row, Unusable, name, numbered, sources, text
from semi_instruct.harness.dataset.tasks import Task

LICENCE = "CC-BY-4.0"


def recognises(row: Row) -> bool:
    """Whether a row has the fields of this layout."""
    return {"task_id", "code", "test_list"} <= row.keys()


def task(row: Row) -> Task:
    """A row as a task. Its function is the one that the assertions call.

    Raises:
        Unusable: it cannot be a task.
    """
    code = text(row, "code")
    tests = "\n".join(sources("test_list", row.get("test_list")))
    tree = parse(code)
    names = [one for one in asserted_names(tests) if tree is not None and definition(tree, one) is not None]
    if not names:
        raise Unusable("test_list", "no assertion calls a function that the code defines")
    return Task(
        id=f"mbpp-{name(row, 'task_id')}",
        kind="function",
        entry=names[0],
        codes=numbered([code.replace("\r\n", "\n")]),
        statement=text(row, "text" if row.get("text") else "prompt"),
        examples=asserted_examples(tests, names[0]),
        licence=LICENCE,
    )
