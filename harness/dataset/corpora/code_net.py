"""Project CodeNet (Puri and others 2021): a table of submissions and a folder of sources per problem."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from semi_instruct.harness.dataset.corpora.fields import Unusable, printed_examples
from semi_instruct.harness.dataset.corpora.rows import RawRow
from semi_instruct.harness.dataset.tasks import MAX_SOURCE_CHARACTERS, NaturalCode, Task
from semi_instruct.harness.errors import BadFile
from semi_instruct.harness.problems.schema import Example

LICENCE = "CDLA-Permissive-2.0"
# A problem has up to tens of thousands of accepted submissions; these are the first by number.
MAX_CODES = 64
_BLOCK = re.compile(r"</?(?:p|h\d|br|li|ul|ol|div|pre|tr|table)\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")


def is_code_net(path: Path) -> bool:
    """Whether a folder has this layout."""
    return (path / "metadata").is_dir() and (path / "data").is_dir()


def rows(path: Path, after: int = 0) -> Iterator[RawRow]:
    """One row with the id of each problem after the first ``after``."""
    for number, table in enumerate(_tables(path), 1):
        if number > after:
            yield RawRow(number, {"problem": table.stem}, number)


def size(path: Path) -> int:
    """The number of problems."""
    return len(_tables(path))


def task(path: Path, problem: str) -> Task:
    """A problem as a task, with its accepted Python submissions.

    Raises:
        Unusable: it cannot be a task.
    """
    codes = tuple(islice(_accepted(path, problem), MAX_CODES))
    if not codes:
        raise Unusable("status", "no Python submission is accepted")
    return Task(
        id=problem,
        kind="stdin",
        codes=codes,
        statement=_statement(path / "problem_descriptions" / f"{problem}.html"),
        examples=_examples(path / "derived" / "input_output" / "data" / problem),
        licence=LICENCE,
    )


def _tables(path: Path) -> list[Path]:
    found = sorted((path / "metadata").glob("p[0-9]*.csv"))
    if not found:
        raise BadFile(f"{path}: no table of a problem in metadata/")
    return found


def _accepted(path: Path, problem: str) -> Iterator[NaturalCode]:
    table = path / "metadata" / f"{problem}.csv"
    try:
        with table.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row.get("status") != "Accepted" or row.get("language") != "Python":
                    continue
                name = str(row.get("submission_id"))
                source = _source(path / "data" / problem / "Python" / f"{name}.py")
                if source is not None:
                    yield NaturalCode(name, source, origin=name)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Unusable("metadata", str(error)) from None


def _source(file: Path) -> str | None:
    """A source; None where it is missing, not UTF-8, or too long."""
    try:
        if file.stat().st_size > MAX_SOURCE_CHARACTERS:
            return None
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):  # not there, or in another encoding: there is no source
        return None


def _statement(file: Path) -> str | None:
    try:
        text = html.unescape(_TAG.sub("", _BLOCK.sub("\n", file.read_text("utf-8"))))
    except (OSError, UnicodeDecodeError):
        return None
    lines = [line.strip() for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() or None


def _examples(folder: Path) -> tuple[Example, ...]:
    try:
        given, answer = ((folder / name).read_text("utf-8") for name in ("input.txt", "output.txt"))
    except (OSError, UnicodeDecodeError):  # many tasks have none
        return ()
    return printed_examples("input_output", [given], [answer])
