"""First stage: read the corpus into the state, one task per row, and record the rows that cannot be used."""

from __future__ import annotations

import msgspec

from semi_instruct.harness.dataset.corpora import Corpus
from semi_instruct.harness.dataset.stages import READ
from semi_instruct.harness.dataset.stages.stage import Build, Kept
from semi_instruct.harness.dataset.state import Drop
from semi_instruct.harness.errors import BadRow

_CURSOR = "rows read"
_IS_READ = "all read"
LAYOUT = "layout"


def read(build: Build, corpus: Corpus, strict: bool = False) -> None:
    """Read the rows that have not been read yet.

    Args:
        strict: whether a bad row ends the build.

    Raises:
        BadRow: a row is bad, and ``strict`` is set.
        BadFile, BadRequest: from ``Corpus.read``.
    """
    state = build.state
    if state.fact(_IS_READ):
        return
    after = state.fact(_CURSOR, 0)
    with build.stage(READ, 0, after) as more:
        for each in corpus.read(after):
            task = each.task
            if not isinstance(task, BadRow):
                if build.settings.licence:
                    task = msgspec.structs.replace(task, licence=build.settings.licence)
                state.begin()
                added = state.add_task(task)
                if isinstance(added, int):
                    drops = [Drop(code, "too_long") for code in each.too_long]
                    state.put(READ, added, Kept(tuple(code.id for code in task.codes)), drops)
                else:
                    task = BadRow(task.file, each.line, "id", added)
            if isinstance(task, BadRow):
                if strict:
                    raise task
                state.begin()
                state.add_bad_row(task)
            state.note(_CURSOR, each.line)
            state.settle()
            more(1, 0)
        state.note(LAYOUT, corpus.layout)
        state.note(_IS_READ, True)
        state.commit()
