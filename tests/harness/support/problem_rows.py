"""Rows of problems for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from semi_instruct.harness.problems.schema import Problem, parse_row


def stdin_row(**changes: Any) -> dict[str, Any]:
    """A good stdin row, with changes; a change to ``...`` takes the field away."""
    row: dict[str, Any] = {
        "id": "p1",
        "kind": "stdin",
        "language": "python",
        "time_limit_s": 2.0,
        "oracles": ["right"],
        "examples": [{"input": "1\n", "output": "1\n"}, {"input": "2\n"}],
        "candidates": [{"id": "c1", "source": "right"}],
    }
    return {name: value for name, value in (row | changes).items() if value is not ...}


def function_row(**changes: Any) -> dict[str, Any]:
    """A good function row, with changes; a change to ``...`` takes the field away."""
    row = {"kind": "function", "entry": "f", "examples": [{"input": [1], "output": 1}]}
    return stdin_row(**(row | changes))


def problem(row: dict[str, Any]) -> Problem:
    """A row as a problem."""
    return parse_row(json.dumps(row), "test.jsonl", 1)


def write_rows(path: Path, *rows: dict[str, Any] | str) -> Path:
    """A file of rows; text is written as it is."""
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path
