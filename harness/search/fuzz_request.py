"""The problems that ``fuzz`` searches: rows of a problem file, or one problem made of program files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from semi_instruct.harness.errors import BadRequest, BadRow
from semi_instruct.harness.inputs.stdin import BadFormat, CannotDraw, Format, format_from_text
from semi_instruct.harness.inputs.stdin.choosers import Profile, SeededChooser
from semi_instruct.harness.inputs.stdin.drawing import draw
from semi_instruct.harness.problems.reader import ProblemFile
from semi_instruct.harness.problems.schema import Candidate, Problem, parse_row

_EXAMPLE_CAP = 4  # the largest size in an example that is drawn because only a format is given


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of ``fuzz`` that select problems.

    Attributes:
        problems: the problem file, or None for a problem made of files.
        problem: id of one row; None for all.
        candidates: ids of candidates, all if empty; without a problem file, their files.
        oracles, examples: files; only without a problem file.
        entry: the function, if the files hold one; None for whole programs.
        format: a file with the format of the inputs, or None.
    """

    problems: Path | None
    problem: str | None
    candidates: Sequence[str]
    oracles: Sequence[Path]
    examples: Sequence[Path]
    entry: str | None
    format: Path | None

    def __post_init__(self) -> None:
        if self.problems is not None and (self.oracles or self.examples or self.entry is not None):
            raise BadRequest("--oracle, --example and --entry are for programs in files: leave out PROBLEMS.jsonl")
        if self.problems is None and self.problem is not None:
            raise BadRequest("--problem is the id of a row: name the file PROBLEMS.jsonl it is in")
        if self.problems is None and not self.oracles:
            raise BadRequest("nothing to search: name PROBLEMS.jsonl, or --oracle FILE and --candidate FILE")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A problem, and those of its candidates that are to be searched."""

    problem: Problem
    candidates: tuple[Candidate, ...]


def wanted(asked: Asked, formats: Sequence[Format] | None) -> Iterator[Wanted]:
    """The problems to search, in order.

    Raises:
        BadRequest: a file cannot be used, or has no such problem or candidate.
        BadFile, BadRow: the problem file, or a row of it, cannot be read.
    """
    if asked.problems is None:
        problem = _of_files(asked, formats)
        yield Wanted(problem, problem.candidates)
        return
    found = False
    with ProblemFile(asked.problems) as file:
        for row in file.rows():
            if isinstance(row, BadRow):
                raise row
            if asked.problem not in (None, row.id):
                continue
            chosen = tuple(each for each in row.candidates if not asked.candidates or each.id in asked.candidates)
            if chosen or not asked.candidates:
                found = True
                yield Wanted(row, chosen)
    if not found:
        name = f"problem {asked.problem!r}" if asked.problem is not None else "problem"
        of_candidate = f" with a candidate {' or '.join(map(repr, asked.candidates))}" if asked.candidates else ""
        raise BadRequest(f"{asked.problems}: no {name}{of_candidate}")


def given_format(asked: Asked) -> Format | None:
    """The format in the file that the options name.

    Raises:
        BadRequest: the file cannot be read, or is not a format.
    """
    if asked.format is None:
        return None
    try:
        return format_from_text(_text(asked.format))
    except BadFormat as error:
        raise BadRequest(f"{asked.format}: {error}") from None


def _of_files(asked: Asked, formats: Sequence[Format] | None) -> Problem:
    is_function = asked.entry is not None
    examples: list[dict[str, Any]] = [
        {"input": _arguments(path) if is_function else _text(path)} for path in asked.examples
    ]
    if not is_function and not examples:
        if not formats:
            raise BadRequest("nothing says what the inputs look like: give --example FILE, or --format FILE")
        examples = [{"input": _drawn_example(formats[0], asked.format)}]
    row: dict[str, Any] = {
        "id": asked.oracles[0].stem,
        "kind": "function" if is_function else "stdin",
        "oracles": [_text(path) for path in asked.oracles],
        "candidates": [{"id": path, "source": _text(Path(path))} for path in dict.fromkeys(asked.candidates)],
        "examples": examples,
    }
    if is_function:
        row["entry"] = asked.entry
    try:
        return parse_row(json.dumps(row), str(asked.oracles[0]), 1)
    except BadRow as bad:
        raise BadRequest(f"{bad.field}: {bad.reason}") from None


def _drawn_example(format_: Format, path: Path | None) -> str:
    try:
        return draw(format_, SeededChooser(Random("example"), Profile(_EXAMPLE_CAP)))  # noqa: S311  nothing secret
    except CannotDraw as error:
        raise BadRequest(f"{path or 'the format'}: there is no such input: {error}") from None


def _arguments(path: Path) -> Any:
    try:
        arguments = msgspec.json.decode(_text(path))
    except msgspec.DecodeError as error:
        raise BadRequest(f"{path}: expected the arguments as a JSON list: {error}") from None
    if not isinstance(arguments, list):
        raise BadRequest(f"{path}: expected the arguments as a JSON list, not {type(arguments).__name__}")
    return arguments


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise BadRequest(f"{str(path)!r}: not UTF-8 text: {error}") from None
