"""Reads problem rows from a JSONL file, line by line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from semi_instruct.harness.errors import BadFile, BadRow
from semi_instruct.harness.problems.schema import Problem, parse_row

# Longer rows are refused without reading them, so that no file can fill the memory.
MAX_ROW_BYTES = 256 << 20


def load_problems(path: str | os.PathLike[str]) -> Iterator[Problem]:
    """Yield the problems of a JSONL file.

    Raises:
        BadFile: the file cannot be opened or read.
        BadRow: a row is invalid. The exception names the line, the field and what was expected.
    """
    with ProblemFile(Path(path)) as file:
        for row in file.rows():
            if isinstance(row, BadRow):
                raise row
            yield row


class ProblemFile:
    """An open file of problem rows. A context manager.

    Attributes:
        path: the path as given by the user.
        size: size in bytes; 0 if it is unknown, as for a pipe.

    Raises:
        BadFile: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise BadFile(f"{path}: {error.strerror or error}") from None
        except ValueError as error:
            raise BadFile(f"{path}: {error}") from None
        self.size = os.fstat(self._file.fileno()).st_size
        self.position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def rows(self) -> Iterator[Problem | BadRow]:
        """Yield each row as a problem or, if it is invalid, as a ``BadRow``. Empty lines are skipped.

        ``position`` is the number of bytes read so far.

        Raises:
            BadFile: reading failed.
        """
        seen: dict[str, int] = {}
        for line, raw in self._lines():
            if isinstance(raw, BadRow):
                yield raw
                continue
            try:
                text = raw.decode("utf-8-sig" if line == 1 else "utf-8")
            except UnicodeDecodeError as error:
                yield BadRow(str(self.path), line, "row", f"not UTF-8 text: {error.reason}")
                continue
            if not text.strip():
                continue
            try:
                problem = parse_row(text, str(self.path), line)
            except BadRow as bad:
                yield bad
                continue
            if problem.id in seen:
                yield BadRow(str(self.path), line, "id", f"{problem.id!r} is the id of line {seen[problem.id]} too")
                continue
            seen[problem.id] = line
            yield problem

    def _lines(self) -> Iterator[tuple[int, bytes | BadRow]]:
        line = 0
        while raw := self._read():
            line += 1
            if len(raw) < MAX_ROW_BYTES or raw.endswith(b"\n"):
                yield line, raw
                continue
            while raw and not raw.endswith(b"\n"):
                raw = self._read()
            yield line, BadRow(str(self.path), line, "row", f"longer than {MAX_ROW_BYTES} bytes")

    def _read(self) -> bytes:
        try:
            raw = self._file.readline(MAX_ROW_BYTES)
        except OSError as error:
            raise BadFile(f"{self.path}: {error.strerror or error}") from None
        self.position += len(raw)
        return raw
