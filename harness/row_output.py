"""Where rows of JSON go: a file that appears whole or not at all, standard output, or both."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

from harness.errors import OutputUnusable

Write = Callable[[Mapping[str, Any]], None]


def partial_path(path: Path) -> Path:
    """Where the rows are while the work lasts, and stay if it is cut off. Beside the file, or what it is a link to."""
    final = _final_path(path)
    return final.with_name(f"{final.name}.partial")


def where_rows_are(path: Path | None) -> str:
    """What to say, after "interrupted", of the rows written so far; nothing where there are none."""
    left = partial_path(path) if path is not None else None
    return f": the rows so far are in {left}" if left is not None and left.exists() else ""


def _final_path(path: Path) -> Path:
    # The target of a link is what gets replaced, not the link.
    return Path(os.path.realpath(path))


@contextmanager
def row_output(path: Path | None, to_stdout: bool) -> Iterator[Write]:
    """A function that writes one row, at once.

    The file is written as ``partial_path(path)`` and renamed when the block is left without an exception. A path that
    exists and is no regular file (``/dev/null``, a pipe) is written to as it is.

    Raises:
        OutputUnusable: before any work, if the file cannot be made.
    """
    with ExitStack() as stack:
        sinks: list[TextIO] = []
        if path is not None:
            sinks.append(stack.enter_context(_whole_file(path)))
        if to_stdout:
            sinks.append(sys.stdout)

        def write(row: Mapping[str, Any]) -> None:
            line = json.dumps(row) + "\n"
            for sink in sinks:
                sink.write(line)
                sink.flush()

        yield write


@contextmanager
def _whole_file(path: Path) -> Iterator[TextIO]:
    final = _final_path(path)
    in_place = final.exists() and not final.is_file()
    written = final if in_place else partial_path(path)
    try:
        file = written.open("w", encoding="ascii")
    except OSError as error:
        raise OutputUnusable(f"{path}: {error.strerror or error}") from None
    with file:
        yield file
        file.flush()
        if not in_place:
            os.fsync(file.fileno())
    if not in_place:
        written.replace(final)
