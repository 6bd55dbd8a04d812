"""Corpora: the sources of natural code. A layout is a module that turns rows into tasks, and one line in the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from semi_instruct.harness.analysis.helper_process import AnalysisFailed, call_limited
from semi_instruct.harness.dataset.corpora import (
    apps,
    code_contests,
    code_net,
    condefects,
    human_eval,
    mapped,
    mbpp,
    pair_rows,
    problem_rows,
    taco,
)
from semi_instruct.harness.dataset.corpora.fields import Row, Unusable
from semi_instruct.harness.dataset.corpora.layout import Layout
from semi_instruct.harness.dataset.corpora.mapped import ColumnMapping
from semi_instruct.harness.dataset.corpora.rows import RawRow, RowFile
from semi_instruct.harness.dataset.tasks import MAX_SOURCE_CHARACTERS, Task
from semi_instruct.harness.errors import BadFile, BadRequest, BadRow

AUTO = "auto"
CODE_NET = "codenet"
COLUMNS = "columns"
ROW_LAYOUTS: dict[str, Layout] = {
    "problems": problem_rows,
    "condefects": condefects,
    "apps": apps,
    "taco": taco,
    "codecontests": code_contests,
    "humaneval": human_eval,
    "mbpp": mbpp,
    "pairs": pair_rows,
}
LAYOUTS = (AUTO, *ROW_LAYOUTS, CODE_NET)


@dataclass(frozen=True, slots=True)
class Read:
    """A row that was read.

    Attributes:
        line: counted from 1.
        task: the task, or the fault of the row.
        too_long: ids of natural codes that were left out because they exceed ``MAX_SOURCE_CHARACTERS``.
        position: progress towards ``Corpus.size``.
    """

    line: int
    task: Task | BadRow
    position: int
    too_long: tuple[str, ...] = ()


@dataclass(slots=True)
class Corpus:
    """A corpus in a file or folder.

    Args:
        path: a file of rows, a folder that ``datasets`` saved, or CodeNet's folder.
        layout: one of ``LAYOUTS``; ``auto`` to detect it from the fields of the first good row.
        mapping: of columns, instead of a layout.

    Raises:
        BadFile: the path does not exist.
        BadRequest: the layout does not exist.
    """

    path: Path
    layout: str = AUTO
    mapping: ColumnMapping | None = None
    _is_known: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        if not self.path.exists():
            raise BadFile(f"{self.path}: No such file or directory")
        if self.layout not in LAYOUTS:
            raise BadRequest(f"--layout {self.layout}: expected {', '.join(LAYOUTS)}")
        if self.path.is_dir() and (self.layout == CODE_NET or code_net.is_code_net(self.path)):
            self.layout = CODE_NET
        elif self.mapping is not None:
            self.layout = COLUMNS
        self._is_known = self.layout != AUTO

    @property
    def size(self) -> int:
        """The final value of ``Read.position``; 0 if it is not known."""
        return code_net.size(self.path) if self.layout == CODE_NET else sum(file.size for file in self._files())

    def read(self, after: int = 0) -> Iterator[Read]:
        """Read the rows after the first ``after`` lines.

        Raises:
            BadFile: the file cannot be read.
            BadRequest: no layout fits the first row.
        """
        # The layout is detected from the first row, wherever reading begins.
        self._recognise()
        for raw in self._raw(after):
            yield self._read(raw)

    def _read(self, raw: RawRow) -> Read:
        if isinstance(raw.data, BadRow):
            return Read(raw.line, raw.data, raw.position)
        name = self.path.name
        try:
            made = call_limited(_made, self.layout, self.mapping, self.path, raw.line, raw.data)
            match made:
                case [str(task), [*too_long]]:
                    return Read(raw.line, msgspec.json.decode(task, type=Task), raw.position, tuple(too_long))
                case [str(field), str(reason)]:
                    return Read(raw.line, BadRow(name, raw.line, field, reason), raw.position)
            failure = "nothing can be made of it"
        except (AnalysisFailed, msgspec.DecodeError) as error:
            failure = f"it cannot be read: {error}"
        return Read(raw.line, BadRow(name, raw.line, "row", failure), raw.position)

    def _recognise(self) -> None:
        """Detect the layout from the first good row."""
        if self._is_known:
            return
        for raw in self._raw(0):
            if isinstance(raw.data, BadRow):
                continue
            fitting = [name for name, layout in ROW_LAYOUTS.items() if layout.recognises(raw.data)]
            if not fitting:
                fields = ", ".join(sorted(map(str, raw.data)))
                raise BadRequest(
                    f"{self.path}: no layout has the fields {fields}: name one of {', '.join(ROW_LAYOUTS)} with "
                    "--layout, or map the columns with --columns FILE.toml"
                )
            self.layout, self._is_known = fitting[0], True
            return

    def _raw(self, after: int) -> Iterator[RawRow]:
        if self.layout == CODE_NET:
            yield from code_net.rows(self.path, after)
            return
        files = self._files()
        if len(files) == 1:
            yield from files[0].rows(after)
            return
        line = position = 0
        for file in files:
            before_line, before_position = line, position
            for raw in file.rows():
                line, position = before_line + raw.line, before_position + raw.position
                if line > after:
                    yield RawRow(line, raw.data, position)

    def _files(self) -> list[RowFile]:
        if not self.path.is_dir():
            return [RowFile(self.path)]
        found = sorted(file for kind in ("*.arrow", "*.parquet", "*.jsonl") for file in self.path.glob(kind))
        if not found:
            raise BadFile(f"{self.path}: a folder without *.arrow, *.parquet or *.jsonl, and not CodeNet's")
        return [RowFile(file) for file in found]


def _made(layout: str, mapping: ColumnMapping | None, path: Path, line: int, row: Row) -> tuple[str, Any]:
    """Run in a helper: a row as a task in JSON, with the ids of codes that are too long; or field and reason."""
    try:
        task, too_long = _bounded(_task(layout, mapping, path, line, row))
        task = msgspec.structs.replace(task, corpus=layout, file=path.name, line=line)
        task.problem([code.source for code in task.codes], ())
        return msgspec.json.encode(task).decode(), list(too_long)
    except (Unusable, BadRow) as error:
        return error.field, error.reason
    except UnicodeEncodeError:
        return "row", "half a character: no text"


def _task(layout: str, mapping: ColumnMapping | None, path: Path, line: int, row: Row) -> Task:
    if layout == CODE_NET:
        return code_net.task(path, row["problem"])
    if mapping is not None:
        return mapped.task(mapping, row, line)
    if layout not in ROW_LAYOUTS:
        raise Unusable("row", "no layout is known")
    return ROW_LAYOUTS[layout].task(row)


def _bounded(task: Task) -> tuple[Task, tuple[str, ...]]:
    """A task without the codes that are too long, and their ids.

    Raises:
        Unusable: all are.
    """
    too_long = tuple(code.id for code in task.codes if len(code.source) > MAX_SOURCE_CHARACTERS)
    if len(too_long) == len(task.codes):
        longest = max(len(code.source) for code in task.codes)
        raise Unusable("source", f"longer than {MAX_SOURCE_CHARACTERS} characters ({longest})")
    kept = [code.id for code in task.codes if code.id not in too_long]
    return task.with_codes(kept) if too_long else task, too_long
