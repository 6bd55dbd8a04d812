"""Any data set of rows, given a file that maps its columns.

kind = "stdin"                 # or "function"
licence = "MIT"                # of all rows; or licence_column
[columns]                      # names of columns; dots reach into objects
id = "task_id"                 # may be missing: the ids are then the numbers of the rows
statement = "prompt"           # may be missing
codes = "solutions"            # a text, a list of texts, or the JSON of one
inputs = "tests.input"         # may be missing, as may outputs: lists, or the JSON of one
outputs = "tests.output"
entry = "entry_point"          # of functions
time_limit_s = "limit"         # may be missing
difficulty = "level"           # may be missing
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from semi_instruct.harness.dataset.corpora.fields import (
    Row,
    Unusable,
    name,
    numbered,
    optional_text,
    printed_examples,
    sources,
    text,
    value_tree,
    within_bounds,
)
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.errors import BadRequest
from semi_instruct.harness.problems.schema import Example


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The columns with each field; dots reach into objects."""

    codes: str
    id: str | None = None
    statement: str | None = None
    inputs: str | None = None
    outputs: str | None = None
    entry: str | None = None
    time_limit_s: str | None = None
    difficulty: str | None = None
    licence: str | None = None


class ColumnMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of columns."""

    kind: Literal["stdin", "function"]
    columns: Columns
    licence: str | None = None


def read_mapping(path: Path) -> ColumnMapping:
    """The mapping of a TOML file.

    Raises:
        BadRequest: it cannot be read, or says what is not understood.
    """
    try:
        mapping = msgspec.convert(tomllib.loads(path.read_text("utf-8")), ColumnMapping)
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror or error}") from None
    except (ValueError, msgspec.ValidationError) as error:
        raise BadRequest(f"{path}: {error}") from None
    if mapping.kind == "function" and mapping.columns.entry is None:
        raise BadRequest(f"{path}: columns.entry is required where kind is `function`")
    return mapping


def task(mapping: ColumnMapping, row: Row, line: int) -> Task:
    """A row as a task.

    Raises:
        Unusable: none can be made of it.
    """
    columns = mapping.columns
    flat = {field: _reach(row, path) for field, path in msgspec.to_builtins(columns).items() if path is not None}
    codes = flat.get("codes")
    found = _listed(codes) if isinstance(codes, str) and codes.lstrip().startswith("[") else codes
    limit = flat.get("time_limit_s")
    level = flat.get("difficulty")
    return Task(
        id=name(flat, "id") if columns.id else f"row-{line}",
        kind=mapping.kind,
        entry=text(flat, "entry") if mapping.kind == "function" else None,
        codes=numbered(sources("codes", [found] if isinstance(found, str) else found)),
        statement=optional_text(flat, "statement"),
        examples=_examples(mapping.kind, _listed(flat.get("inputs")), _listed(flat.get("outputs"))),
        time_limit_s=float(limit) if isinstance(limit, int | float) and limit > 0 else 2.0,
        difficulty=level if isinstance(level, str | int | float) else None,
        licence=optional_text(flat, "licence") or mapping.licence,
    )


def _reach(row: Any, path: str) -> Any:
    for part in path.split("."):
        row = row.get(part) if isinstance(row, Mapping) else None
    return row


def _listed(given: Any) -> Any:
    """A list from JSON text; anything else as it is."""
    if not isinstance(given, str):
        return given
    try:
        found = json.loads(given)
    except (ValueError, RecursionError):  # plain text, then
        return given
    return found if isinstance(found, list) else given


def _examples(kind: str, inputs: Any, outputs: Any) -> tuple[Example, ...]:
    if inputs is None:
        return ()
    if not isinstance(inputs, list):
        inputs, outputs = [inputs], None if outputs is None else [outputs]
    if kind == "stdin" and outputs is not None:
        return printed_examples("inputs", inputs, outputs)
    if outputs is not None and (not isinstance(outputs, list) or len(outputs) != len(inputs)):
        raise Unusable("outputs", "expected as many as there are inputs")
    if kind == "stdin":
        return within_bounds(Example(given) for given in inputs if isinstance(given, str))
    calls = [value_tree(given) if isinstance(given, list) else [value_tree(given)] for given in inputs]
    if outputs is None:
        return within_bounds(map(Example, calls))
    return within_bounds(Example(call, value_tree(answer)) for call, answer in zip(calls, outputs, strict=True))
