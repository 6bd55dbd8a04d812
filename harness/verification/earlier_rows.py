"""The rows of an earlier ``verify``, as ``--resume`` reads them: which candidates are decided, and by which row.

A row belongs to a problem and a candidate by their ids. It also has a digest of the problem, the candidate's source and
the options. A row with another digest does not decide the candidate. Memory holds the positions of the rows, not the
rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec

from semi_instruct.harness import strict_json
from semi_instruct.harness.compare.proposal import ProposedComparison
from semi_instruct.harness.errors import BadFile, BadRow
from semi_instruct.harness.problems.verdicts import Verdict
from semi_instruct.harness.text import one_line

DIGEST = "digest"
_DIGITS = 16
_MAX_NAMED = 3


class EarlierVerdict(msgspec.Struct, frozen=True):
    """The fields of a verdict row that are read.

    Attributes:
        digest: of the problem, source and options; empty if the row has none.
        evidence: of a pair.

    The others are as in ``harness.problems.verdicts.VerdictRow``.
    """

    problem: str
    candidate: str
    verdict: Verdict
    digest: str = ""
    detail: str = ""
    evidence: str = ""
    dropped_inputs: dict[str, int] = {}
    expect: tuple[Verdict, ...] | None = None
    proposed_comparison: ProposedComparison | None = None

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is one that the problem row expects; true if it expects none."""
        return self.expect is None or self.verdict in self.expect


class _EarlierSuite(msgspec.Struct, frozen=True):
    """The fields of a suite row that are read."""

    id: str
    suite: dict[str, Any] = {}


def digest_of(*parts: Any) -> str:
    """A digest of plain JSON data."""
    data = json.dumps(parts, sort_keys=True, ensure_ascii=True).encode("ascii")
    return hashlib.sha256(data).hexdigest()[:_DIGITS]


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a row is.

    Attributes:
        file: the index of its file.
        start, size: bytes, without the end of the line.
        digest: the row's.
    """

    file: int
    line: int
    start: int
    size: int
    digest: str


@dataclass(slots=True)
class _Lines:
    """The lines of some files, which stay open."""

    paths: list[Path]
    _files: list[IO[bytes]] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __iter__(self) -> Iterator[tuple[_Position, Any]]:
        """Each row with its position, without its digest.

        A last line without an end that is not a row was cut off in the middle of a write, and is skipped.

        Raises:
            BadFile: a file cannot be read.
            BadRow: a line is not JSON.
        """
        for number, path in enumerate(self.paths):
            try:
                file = self._stack.enter_context(path.open("rb"))
                self._files.append(file)
                yield from self._of(number, path, file)
            except OSError as error:
                raise BadFile(f"{path}: {error.strerror or error}") from None

    def _of(self, number: int, path: Path, file: IO[bytes]) -> Iterator[tuple[_Position, Any]]:
        start = 0
        for line, raw in enumerate(file, 1):
            text = raw.rstrip(b"\r\n")
            if text.strip():
                try:
                    data = strict_json.loads(text.decode("utf-8-sig" if line == 1 else "utf-8"))
                except (ValueError, RecursionError) as error:
                    if raw.endswith(b"\n"):
                        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
                        raise BadRow(str(path), line, "row", f"not JSON: {reason}") from None
                    return
                yield _Position(number, line, start, len(text), ""), data
            start += len(raw)

    def text(self, position: _Position) -> str:
        """The row at a position.

        Raises:
            BadFile: the file cannot be read any more.
        """
        path, file = self.paths[position.file], self._files[position.file]
        try:
            file.seek(position.start)
            raw = file.read(position.size)
        except OSError as error:
            raise BadFile(f"{path}: {error.strerror or error}") from None
        if len(raw) < position.size:
            raise BadFile(f"{path}:{position.line}: the file has become shorter")
        return raw.decode("utf-8-sig" if position.line == 1 else "utf-8")

    def close(self) -> None:
        """Close the files."""
        self._stack.close()


@dataclass(slots=True)
class EarlierRows:
    """The rows of earlier runs. A context manager.

    Args:
        verdicts: files of verdicts. If two rows decide a candidate, the later one counts.
        suites: files of suites.

    Attributes:
        changed: the candidates whose row has another digest, in the order of the queries.

    Raises:
        BadFile: a file cannot be read.
        BadRow: a line is not a row.
    """

    verdicts: list[Path]
    suites: list[Path] = field(default_factory=list)
    changed: list[tuple[str, str]] = field(default_factory=list)
    _verdict_lines: _Lines = field(init=False)
    _suite_lines: _Lines = field(init=False)
    _decided: dict[tuple[str, str], _Position] = field(default_factory=dict)
    _undecided: dict[tuple[str, str], _Position] = field(default_factory=dict)
    _suites: dict[str, _Position] = field(default_factory=dict)
    _aside: list[_Position] = field(default_factory=list)
    _suites_aside: list[_Position] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._verdict_lines, self._suite_lines = _Lines(self.verdicts), _Lines(self.suites)
        try:
            for position, data in self._verdict_lines:
                row = _converted(data, EarlierVerdict, self.verdicts[position.file], position.line)
                where = self._undecided if row.verdict is Verdict.SANDBOX_ERROR else self._decided
                where[row.problem, row.candidate] = _Position(
                    position.file, position.line, position.start, position.size, row.digest
                )
            for position, data in self._suite_lines:
                suite = _converted(data, _EarlierSuite, self.suites[position.file], position.line)
                # A suite chosen from no test cases may be that of a problem that could not be judged.
                if suite.suite.get("chosen_from"):
                    self._suites[suite.id] = position
                else:
                    self._suites.pop(suite.id, None)
        except BaseException:  # raised again
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._verdict_lines.close()
        self._suite_lines.close()

    def set_aside(self, known: Container[str]) -> None:
        """Keep the rows of unknown problems as they are, because some rows of the problem file cannot be read.

        Args:
            known: the ids of the problems that can be read.
        """
        positions = {key: position for key, position in self._all() if key[0] not in known}
        self._aside = sorted(positions.values(), key=lambda position: (position.file, position.line))
        for key in positions:
            self._undecided.pop(key, None)
            self._decided.pop(key, None)
        self._suites_aside = [position for problem, position in self._suites.items() if problem not in known]

    def ensure_all_belong(self, known: Mapping[str, Container[str]], to: Path, unread: int = 0) -> None:
        """Raise if a row that is not set aside belongs to no known candidate.

        Args:
            known: the ids of the candidates of each problem.
            to: the file of the problems.
            unread: the number of its rows that cannot be read.

        Raises:
            BadRow: the first such row.
        """
        strangers = [(position, *key) for key, position in self._all() if key[1] not in known.get(key[0], ())]
        if strangers:
            position, problem, candidate = min(strangers, key=lambda each: (each[0].file, each[0].line))
            field_name = "candidate" if problem in known else "problem"
            what = f"{problem!r}" if field_name == "problem" else f"{candidate!r} of problem {problem!r}"
            others = len(strangers) - 1
            more = f" (nor is that of {_counted(others, 'other row')})" if others else ""
            advice = "are these the verdicts on that file?"
            if unread:
                advice = f"mend first what cannot be read there ({_counted(unread, 'row')}), as it may be on that"
            file = str(self.verdicts[position.file])
            raise BadRow(file, position.line, field_name, f"{what} is not in {to}{more}: {advice}")

    def _all(self) -> Iterable[tuple[tuple[str, str], _Position]]:
        """Every row by problem and candidate. If a candidate has two rows, the one that decides is last."""
        return chain(self._undecided.items(), self._decided.items())

    def rows_aside(self) -> Iterator[str]:
        """The rows that are set aside, as they were written.

        Raises:
            BadFile: one cannot be read any more.
        """
        return map(self._verdict_lines.text, self._aside)

    def suites_aside(self) -> Iterator[str]:
        """The suite rows of the same problems, as they were written.

        Raises:
            BadFile: one cannot be read any more.
        """
        return map(self._suite_lines.text, self._suites_aside)

    def is_decided(self, problem: str, candidate: str, digest: str) -> bool:
        """Whether a candidate has a row that decides, with the same digest. A row with another digest is recorded."""
        position = self._decided.get((problem, candidate))
        if position is None:
            return False
        # A row without a digest is matched by its ids only.
        if position.digest and position.digest != digest:
            self.changed.append((problem, candidate))
            return False
        return True

    def row(self, problem: str, candidate: str) -> tuple[str, EarlierVerdict]:
        """The row of a decided candidate, as it was written and as it is read.

        Raises:
            BadFile: the file cannot be read any more.
        """
        text = self._verdict_lines.text(self._decided[problem, candidate])
        return text, msgspec.convert(strict_json.loads(text), EarlierVerdict)

    def about_kept(self, kept: int, judged: int, problems: Path) -> str:
        """A line about the rows that were kept and those that were judged again."""
        said = f"{kept} verdicts kept, {judged} judged"
        if self.changed:
            said += (
                f"; {len(self.changed)} of these again, as {problems} or an option has changed: {_named(self.changed)}"
            )
        if self._aside:
            said += f"; {_counted(len(self._aside), 'row')} on problems that cannot be read kept too"
        return one_line(said, longest=1_000)

    def has_suite(self, problem: str) -> bool:
        """Whether a problem has a suite row."""
        return problem in self._suites

    def suite(self, problem: str) -> str:
        """The suite row of a problem, as it was written.

        Raises:
            BadFile: the file cannot be read any more.
        """
        return self._suite_lines.text(self._suites[problem])


def _converted[Row](data: Any, kind: type[Row], path: Path, line: int) -> Row:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise BadRow(str(path), line, "row", f"no row that verify wrote: {error}") from None


def _named(candidates: list[tuple[str, str]]) -> str:
    """The first of some candidates, as text."""
    names = ", ".join(
        f"{one_line(problem, 100)} {one_line(candidate, 100)}" for problem, candidate in candidates[:_MAX_NAMED]
    )
    return f"{names}, ..." if len(candidates) > _MAX_NAMED else names


def _counted(count: int, what: str) -> str:
    """A count with its noun: ``1 row``, ``2 rows``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
