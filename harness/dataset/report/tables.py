"""Parquet files, written a few rows at a time. The same rows give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROWS_PER_GROUP = 1000

PAIR_COLUMNS: Mapping[str, str] = {
    "id": "text",
    "messages": "messages",
    "instruction": "text",
    "output": "text",
    "mode": "text",
    "task": "text",
    "kind": "text",
    "entry": "text",
    "language": "text",
    "evidence": "text",
    "oracles": "texts",
    "verdict": "text",
    "passed": "whole",
    "test_cases": "whole",
    "branch_coverage": "number",
    "mutants_killed": "number",
    "score": "number",
    "pass_rate": "number",
    "round_trip": "number",
    "difficulty": "text",
    "written_by": "text",
    "instruction_by": "text",
    "adapter": "adapter",
    "licence": "text",
    "corpus": "text",
    "file": "text",
    "line": "whole",
    "origin": "text",
}
TEST_CASE_COLUMNS: Mapping[str, str] = {
    "problem": "text",
    "number": "whole",
    "role": "text",
    "input": "text",
    "expected": "text",
    "comparison": "text",
    "provenance": "text",
    "beyond": "truth",
    "candidates": "texts",
    "verdict": "text",
    "actual": "text",
    "detail": "text",
}


@contextmanager
def table(path: Path, columns: Mapping[str, str]) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Open a Parquet file. Yields a function that writes a row.

    Args:
        columns: names of the columns and of their types.
    """
    import pyarrow
    from pyarrow import parquet

    text = pyarrow.string()
    types = {
        "text": text,
        "texts": pyarrow.list_(text),
        "whole": pyarrow.int64(),
        "number": pyarrow.float64(),
        "truth": pyarrow.bool_(),
        "messages": pyarrow.list_(pyarrow.struct({"role": text, "content": text})),
        "adapter": pyarrow.struct({"parse": text, "show": text}),
    }
    schema = pyarrow.schema({name: types[kind] for name, kind in columns.items()})
    rows: list[Mapping[str, Any]] = []
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:

        def flush() -> None:
            writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))
            rows.clear()

        def write(row: Mapping[str, Any]) -> None:
            rows.append(row)
            if len(rows) >= ROWS_PER_GROUP:
                flush()

        yield write
        if rows:
            flush()
