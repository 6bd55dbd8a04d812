"""The contents of a corpus in any layout: tasks, with the natural codes that solve them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from semi_instruct.harness.problems.schema import Candidate, Example, Problem, parse_row

# Characters of a source. ``harness.analysis.source`` does not parse longer ones.
MAX_SOURCE_CHARACTERS = 1 << 18


class NaturalCode(msgspec.Struct, frozen=True, omit_defaults=True):
    """A program that a person wrote and that is believed to be right.

    Attributes:
        id: unique within its task.
        origin: its source as the corpus names it (a submission's number, a URL), if it does.
        licence: if it differs from the task's.
    """

    id: str
    source: str
    origin: str | None = None
    licence: str | None = None


class Task(msgspec.Struct, frozen=True, omit_defaults=True):
    """One task of a corpus.

    Attributes:
        kind, entry, language, time_limit_s, memory_limit_mib, comparison, difficulty, title: as in
            ``harness.problems.schema.Problem``.
        statement: the task in words, as people wrote it; None if the corpus has none.
        corpus: the layout of its row.
        licence: of the task and its codes, an SPDX name where there is one.
        file, line: the position of its row, counted from 1.
    """

    id: str
    kind: Literal["stdin", "function"]
    codes: tuple[NaturalCode, ...]
    entry: str | None = None
    language: str = "python"
    statement: str | None = None
    examples: tuple[Example, ...] = ()
    time_limit_s: float = 2.0
    memory_limit_mib: int = 1024
    comparison: str | dict[str, Any] | None = None
    difficulty: str | int | float | None = None
    title: str | None = None
    corpus: str = ""
    licence: str | None = None
    file: str = ""
    line: int = 0

    def code(self, name: str) -> NaturalCode:
        """The natural code of that id."""
        return next(code for code in self.codes if code.id == name)

    def with_codes(self, names: Sequence[str]) -> Task:
        """This task with only these natural codes, in its own order."""
        kept = frozenset(names)
        return msgspec.structs.replace(self, codes=tuple(code for code in self.codes if code.id in kept))

    def problem(
        self,
        oracles: Sequence[str],
        candidates: Sequence[Candidate],
        further: Sequence[Example] = (),
    ) -> Problem:
        """The task as a problem for ``verify``.

        Args:
            oracles: sources.
            further: inputs in addition to the task's examples.

        Raises:
            BadRow: its fields contradict each other.
        """
        row: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind,
            "language": self.language,
            "time_limit_s": self.time_limit_s,
            "memory_limit_mib": self.memory_limit_mib,
            "oracles": list(oracles),
            "examples": [msgspec.to_builtins(example) for example in (*self.examples, *further)],
            "candidates": [
                {key: value for key, value in msgspec.to_builtins(candidate).items() if value is not None}
                for candidate in candidates
            ],
            "entry": self.entry,
            "comparison": self.comparison,
            "difficulty": self.difficulty,
            "title": self.title,
        }
        stated = {name: value for name, value in row.items() if value is not None}
        return parse_row(json.dumps(stated), self.file, self.line)
