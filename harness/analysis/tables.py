"""Reads rows of Parquet files and Arrow streams in a helper process.

A few bytes of a page can decompress to gigabytes, and the reader is C++ code that a malformed file may crash. So files
are read within the limits of ``harness.analysis.helper_process``. A row that exceeds them is bad.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from semi_instruct.harness.analysis.helper_process import AnalysisFailed, call_limited
from semi_instruct.harness.strict_json import MAX_MARKS, has_more_marks

# Maximum number of rows per call, and bytes of their JSON after which a call ends.
_ROWS_A_CALL = 64
_BYTES_A_CALL = 8 << 20
# A longer row is bad.
MAX_ROW_BYTES = 64 << 20
_BATCH_ROWS = 64
PARQUET = ".parquet"

type Found = dict[str, Any] | str
"""A row, or the reason why it is bad."""


class UnreadableTable(Exception):
    """A file, or the rest of it, cannot be read. The message gives the reason."""


def count_rows(path: Path) -> int:
    """The number of rows according to the metadata of a Parquet file.

    Raises:
        UnreadableTable: it is not a Parquet file.
    """
    try:
        return int(call_limited(_count, str(path)))
    except (AnalysisFailed, TypeError, ValueError) as error:
        raise UnreadableTable(str(error)) from None


def table_rows(path: Path, after: int = 0) -> Iterator[tuple[int, Found]]:
    """Yield the rows following the first ``after`` rows, with their numbers from 1.

    Raises:
        UnreadableTable: the file or the rest of it cannot be read.
    """
    position = after
    while True:
        try:
            found = call_limited(_rows, str(path), position)
        except AnalysisFailed as failed:
            try:
                following = call_limited(_next_group, str(path), position)
            except AnalysisFailed:
                following = None
            if not isinstance(following, int) or following <= position:
                raise UnreadableTable(f"after row {position}: {failed}") from None
            for number in range(position + 1, following + 1):
                yield number, f"its row group cannot be read: {failed}"
            position = following
            continue
        if not found:
            return
        for is_good, text in found:
            position += 1
            yield position, json.loads(text) if is_good else str(text)


def _count(path: str) -> int:
    return int(_parquet(path).metadata.num_rows)


def _rows(path: str, position: int) -> list[tuple[bool, str]]:
    """In a helper: the next rows of a file as JSON, or the reason why a row is bad; empty at the end of the file."""
    at, coming = _open().pop(path, (-1, iter(())))
    if at != position:
        coming = _from(path, position)
    taken: list[tuple[bool, str]] = []
    size = 0
    while len(taken) < _ROWS_A_CALL and size < _BYTES_A_CALL:
        try:
            row = next(coming, None)
        except (MemoryError, OSError, ValueError):  # the next call raises it again, if it has no rows before it
            if not taken:
                raise
            return taken
        if row is None:
            break
        taken.append(row)
        size += len(row[1])
    _open()[path] = (position + len(taken), coming)
    return taken


def _next_group(path: str, position: int) -> int:
    """In a helper: the number of rows before the next row group; the total if there is no next group."""
    if not path.endswith(PARQUET):
        return position
    end = 0
    metadata = _parquet(path).metadata
    for number in range(metadata.num_row_groups):
        end += int(metadata.row_group(number).num_rows)
        if end > position:
            return end
    return position


@cache
def _open() -> dict[str, tuple[int, Iterator[tuple[bool, str]]]]:
    """In a helper: open files by path, each with the number of rows read and an iterator over the rest."""
    return {}


def _from(path: str, position: int) -> Iterator[tuple[bool, str]]:
    """The rows of a file following the first ``position`` rows."""
    batches, behind = _parquet_batches(path, position) if path.endswith(PARQUET) else (_arrow_batches(path), 0)
    for batch in batches:
        for index in range(max(0, position - behind), len(batch)):
            yield _row(batch.slice(index, 1))
        behind += len(batch)


def _row(one: Any) -> tuple[bool, str]:
    """A batch of one row as JSON, or the reason why the row is bad."""
    try:
        [row] = one.to_pylist()
        text = json.dumps(row, default=_unknown)
    except MemoryError:
        return False, "it takes too much memory"
    except (ValueError, RecursionError, TypeError) as error:
        return False, f"it cannot be read: {type(error).__name__}"
    if len(text) > MAX_ROW_BYTES or has_more_marks(text.encode("ascii"), MAX_MARKS):
        return False, f"longer than {MAX_ROW_BYTES} bytes, or too many values"
    return True, text


def _unknown(value: Any) -> dict[str, str]:
    """A placeholder for a value that JSON cannot represent, such as bytes or a date."""
    return {"$type": type(value).__name__}


def _parquet(path: str, **options: Any) -> Any:
    from pyarrow import parquet

    return parquet.ParquetFile(path, **options)


def _parquet_batches(path: str, position: int) -> tuple[Iterator[Any], int]:
    """The batches from the row group that contains a row, and the number of rows before that group."""
    columns = _parquet(path).schema
    named = [columns.column(number) for number in range(len(columns))]
    # Texts stay dictionary-encoded, as in the file, so that a row that expands too much is recognised separately.
    file = _parquet(path, read_dictionary=[one.path for one in named if one.physical_type == "BYTE_ARRAY"])
    behind = first = 0
    while first < file.metadata.num_row_groups:
        rows = file.metadata.row_group(first).num_rows
        if behind + rows > position:
            break
        behind, first = behind + rows, first + 1
    return _group_batches(file, first), behind


def _group_batches(file: Any, first: int) -> Iterator[Any]:
    """The batches of one row group at a time, so that an unreadable group does not affect earlier ones."""
    for group in range(first, file.metadata.num_row_groups):
        yield from file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group], use_threads=False)


def _arrow_batches(path: str) -> Iterator[Any]:
    import pyarrow

    with pyarrow.memory_map(path) as file:
        for batch in pyarrow.ipc.open_stream(file):
            yield from (batch.slice(start, _BATCH_ROWS) for start in range(0, len(batch), _BATCH_ROWS))
