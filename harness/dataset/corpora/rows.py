"""Raw rows of a corpus in any file format. Memory holds one row or one batch, never the whole file."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from semi_instruct.harness.analysis.tables import PARQUET, UnreadableTable, count_rows, table_rows
from semi_instruct.harness.errors import BadFile, BadRow
from semi_instruct.harness.extras import require
from semi_instruct.harness.strict_json import MAX_MARKS, has_more_marks

# Longer rows are refused unread.
MAX_ROW_BYTES = 64 << 20
# Longer compressed lines are not read to their end.
MAX_LINE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it is in the file.

    Attributes:
        line: line or row, counted from 1.
        data: its fields, or its fault.
        position: bytes or rows of the file up to its end.
    """

    line: int
    data: dict[str, Any] | BadRow
    position: int


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file of rows: JSONL (also compressed with gzip), Parquet, or an Arrow stream as ``datasets`` saves them.

    Attributes:
        path: as the user named it.
    """

    path: Path

    @property
    def size(self) -> int:
        """The final value of ``RawRow.position``; 0 if it is not known."""
        if self.path.suffix == PARQUET:
            require("reading Parquet", "build", "pyarrow")
            try:
                return count_rows(self.path)
            except UnreadableTable as error:
                raise BadFile(f"{self.path}: {error}") from None
        return self.path.stat().st_size if self.path.suffix in (".jsonl", ".json") else 0

    def rows(self, after: int = 0) -> Iterator[RawRow]:
        """The rows after the first ``after`` lines.

        Raises:
            BadFile: the file cannot be read.
            MissingExtra: the extra that reads Parquet and Arrow is not installed.
        """
        match self.path.suffix:
            case ".parquet" | ".arrow":
                yield from self._table_rows(after)
            case _:
                yield from self._json_rows(after)

    def _json_rows(self, after: int) -> Iterator[RawRow]:
        try:
            with _opened(self.path) as file:
                position = 0
                for line, raw in enumerate(_lines(file), 1):
                    position += len(raw) if isinstance(raw, bytes) else raw
                    if line > after and not (isinstance(raw, bytes) and not raw.strip()):
                        yield RawRow(line, self._parsed(line, raw), position)
        except (OSError, EOFError, gzip.BadGzipFile) as error:
            raise BadFile(f"{self.path}: {getattr(error, 'strerror', None) or error}") from None

    def _parsed(self, line: int, raw: bytes | int) -> dict[str, Any] | BadRow:
        name = self.path.name
        if isinstance(raw, int):
            return BadRow(name, line, "row", f"longer than {MAX_ROW_BYTES} bytes ({raw})")
        try:
            text = raw.decode("utf-8-sig" if line == 1 else "utf-8")
            if has_more_marks(raw, MAX_MARKS):
                return BadRow(name, line, "row", f"it holds more than {MAX_MARKS} values")
            data = json.loads(text, parse_constant=_no_constant)
        except UnicodeDecodeError as error:
            return BadRow(name, line, "row", f"not UTF-8 text: {error.reason}")
        except RecursionError:
            return BadRow(name, line, "row", "not JSON that can be read: nested too deeply")
        except ValueError as error:
            return BadRow(name, line, "row", f"not JSON: {error}")
        return data if isinstance(data, dict) else BadRow(name, line, "row", "expected an object")

    def _table_rows(self, after: int) -> Iterator[RawRow]:
        require("reading Parquet", "build", "pyarrow")
        name = self.path.name
        try:
            for line, data in table_rows(self.path, after):
                yield RawRow(line, BadRow(name, line, "row", data) if isinstance(data, str) else data, line)
        except (UnreadableTable, OSError) as error:
            raise BadFile(f"{self.path}: {error}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _lines(file: IO[bytes]) -> Iterator[bytes | int]:
    """Each line, or its length if it is too long."""
    while raw := file.readline(MAX_ROW_BYTES):
        if len(raw) < MAX_ROW_BYTES or raw.endswith(b"\n"):
            yield raw
            continue
        length = len(raw)
        while raw and not raw.endswith(b"\n"):
            raw = file.readline(MAX_ROW_BYTES)
            length += len(raw)
            if length > MAX_LINE_BYTES:
                yield length
                raise OSError(f"a line is longer than {MAX_LINE_BYTES} bytes: what comes after it is not read")
        yield length
