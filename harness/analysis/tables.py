"""Rows of Parquet files and Arrow streams, read by a helper process.

A few bytes of a page can stand for gigabytes, and the reader is C++ that a malformed file may crash. So a file is read
within the limits of ``harness.analysis.helper_process``; what exceeds them is a bad row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from semi_instruct.harness.analysis.helper_process import AnalysisFailed, call_limited
from semi_instruct.harness.strict_json import MAX_MARKS, has_more_marks

# Rows that are taken by one call, and bytes of their JSON after which it takes no more.
_ROWS_A_CALL = 64
_BYTES_A_CALL = 8 << 20
# A row beyond this is bad.
MAX_ROW_BYTES = 64 << 20
_BATCH_ROWS = 64
PARQUET = ".parquet"

type Found = dict[str, Any] | str
"""A row, or what is wrong with it."""


class UnreadableTable(Exception):
    """A file, or the rest of it, cannot be read. Its text says why."""


def count_rows(path: Path) -> int:
    """How many rows a Parquet file says it has.

    Raises:
        UnreadableTable: it is not one.
    """
    try:
        return int(call_limited(_count, str(path)))
    except (AnalysisFailed, TypeError, ValueError) as error:
        raise UnreadableTable(str(error)) from None


def table_rows(path: Path, after: int = 0) -> Iterator[tuple[int, Found]]:
    """The rows behind the first so many, with their numbers from 1.

    Raises:
        UnreadableTable: the file cannot be read, or not from some row on.
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
    """In a helper: the next rows of a file as JSON, or what is wrong with them; none at its end."""
    at, coming = _open().pop(path, (-1, iter(())))
    if at != position:
        coming = _from(path, position)
    taken: list[tuple[bool, str]] = []
    size = 0
    while len(taken) < _ROWS_A_CALL and size < _BYTES_A_CALL:
        try:
            row = next(coming, None)
        except (MemoryError, OSError, ValueError):  # raised again by the next call, if nothing comes before it
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
    """In a helper: behind which row the row group after that of a row begins; all rows if there is none."""
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
    """In a helper: files that are being read, by path: how many rows are taken, and the others."""
    return {}


def _from(path: str, position: int) -> Iterator[tuple[bool, str]]:
    """The rows of a file behind the first so many."""
    batches, behind = _parquet_batches(path, position) if path.endswith(PARQUET) else (_arrow_batches(path), 0)
    for batch in batches:
        for place in range(max(0, position - behind), len(batch)):
            yield _row(batch.slice(place, 1))
        behind += len(batch)


def _row(one: Any) -> tuple[bool, str]:
    """A batch of one row as JSON; or what is wrong with it."""
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
    """What stands for a value that JSON has no word for: bytes, a date."""
    return {"$type": type(value).__name__}


def _parquet(path: str, **options: Any) -> Any:
    from pyarrow import parquet

    return parquet.ParquetFile(path, **options)


def _parquet_batches(path: str, position: int) -> tuple[Iterator[Any], int]:
    """The batches from the row group on that holds a row, and how many rows are behind its first."""
    columns = _parquet(path).schema
    named = [columns.column(number) for number in range(len(columns))]
    # Texts stay as they are in the file: indexes into a dictionary. A row that unfolds to too much is told from others.
    file = _parquet(path, read_dictionary=[one.path for one in named if one.physical_type == "BYTE_ARRAY"])
    behind = first = 0
    while first < file.metadata.num_row_groups:
        rows = file.metadata.row_group(first).num_rows
        if behind + rows > position:
            break
        behind, first = behind + rows, first + 1
    return _group_batches(file, first), behind


def _group_batches(file: Any, first: int) -> Iterator[Any]:
    """One row group after the other, so that one that cannot be read is no fault of those before it."""
    for group in range(first, file.metadata.num_row_groups):
        yield from file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group], use_threads=False)


def _arrow_batches(path: str) -> Iterator[Any]:
    import pyarrow

    with pyarrow.memory_map(path) as file:
        for batch in pyarrow.ipc.open_stream(file):
            yield from (batch.slice(start, _BATCH_ROWS) for start in range(0, len(batch), _BATCH_ROWS))
