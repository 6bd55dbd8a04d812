"""The contract of a corpus layout. A layout is a module of this folder, with one line in ``ROW_LAYOUTS``."""

from __future__ import annotations

from typing import Protocol

from semi_instruct.harness.dataset.corpora.fields import Row
from semi_instruct.harness.dataset.tasks import Task


class Layout(Protocol):
    """Makes tasks from the rows of a corpus. See ``docs/how-to/add-a-corpus.md``."""

    def recognises(self, row: Row, /) -> bool:
        """Return whether a row has the fields of this layout."""

    def task(self, row: Row, /) -> Task:
        """Return a row as a task.

        Raises:
            Unusable: the row cannot be a task; it names the field and the reason.
        """
