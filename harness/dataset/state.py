"""The state of a build: a SQLite file (write-ahead log) with the result of every stage for every task.

A build that is killed loses what was not committed, at most a second's work, and repeats that when it is resumed. The
dataset is made from this file alone. The index of a task, counted from 1, is the column ``place``.
"""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec

from semi_instruct.harness.dataset.settings import Settings
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.errors import BadRequest, BadRow, HarnessError, MachineFailed, OutputUnusable
from semi_instruct.harness.parallel.machine_faults import is_of_a_full_base
from semi_instruct.harness.synthesis.proposals import Usage

STATE = "state.sqlite"
LOCK = "lock"
COMMIT_EVERY_S = 0.5
_PAGE = 64
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS bad_rows (line INTEGER PRIMARY KEY, field TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS results (
    stage TEXT NOT NULL, place INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (stage, place)
);
CREATE TABLE IF NOT EXISTS drops (
    place INTEGER NOT NULL, code TEXT NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (place, code, stage)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hashes (kind TEXT, hash BLOB, place INTEGER, code TEXT, PRIMARY KEY (kind, hash))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bands (kind TEXT, key INTEGER, place INTEGER, code TEXT,
    PRIMARY KEY (kind, key, place, code)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vectors (kind TEXT, place INTEGER, code TEXT, data BLOB, PRIMARY KEY (kind, place, code));
CREATE TABLE IF NOT EXISTS spent (stage TEXT PRIMARY KEY, wall REAL NOT NULL, runs INTEGER NOT NULL,
    texts INTEGER NOT NULL, tokens INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL) WITHOUT ROWID;
"""


class InUse(HarnessError):
    """Another build uses the folder."""


class Drop(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that a stage dropped.

    Attributes:
        code: id of the code in its task; empty for the task as a whole.
        reason: one word.
        detail: an explanation for people.
    """

    code: str
    reason: str
    detail: str = ""


class Spent(msgspec.Struct, frozen=True):
    """The cost of a stage.

    Attributes:
        wall_s: wall-clock seconds.
        runs: programs run.
        usage: the work of the generator.
    """

    wall_s: float
    runs: int
    usage: Usage = Usage()


def ensure_unlocked(folder: Path, resume: bool) -> None:
    """Raise if the build folder is locked, already built, or not writable.

    Raises:
        InUse: another build uses it.
        BadRequest: it holds a build, and ``resume`` is not set.
        OutputUnusable: it cannot be written.
    """
    _locked(folder).close()
    _ensure_resumable(folder, resume)


def _ensure_resumable(folder: Path, resume: bool) -> None:
    if (folder / STATE).exists() and not resume:
        raise BadRequest(f"{folder}: holds a build already: --resume goes on with it, or choose another folder")


def _locked(folder: Path) -> IO[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a")
    except OSError as error:
        raise OutputUnusable(f"{folder}: {error.strerror or error}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise InUse(f"{folder}: another build is at work here; wait for it, or choose another folder") from None
    return lock


class State:
    """The open state of a build. A context manager; used by one thread.

    Args:
        folder: the folder of the build; created if missing.
        settings: must equal those of the build that is resumed.
        resume: whether to continue the build in the folder.

    Raises:
        InUse: another build uses it.
        BadRequest: it holds a build and ``resume`` is not set, or the build was made with other settings.
        OutputUnusable: the folder cannot be written.
    """

    def __init__(self, folder: Path, settings: Settings, resume: bool = False) -> None:
        self.settings = settings
        self._lock = _locked(folder)
        try:
            self._open(folder, settings, resume)
        except BaseException:  # raised again; an interrupt must not leave the folder locked
            self._lock.close()
            raise

    def _open(self, folder: Path, settings: Settings, resume: bool) -> None:
        _ensure_resumable(folder, resume)
        file = folder / STATE
        try:
            self._base = sqlite3.connect(file, isolation_level=None)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._base.executescript(_SCHEMA)
            before = self.fact("settings")
        except sqlite3.DatabaseError as error:
            if is_of_a_full_base(error):
                raise MachineFailed(f"{file}: {error}") from None
            raise BadRequest(f"{file}: not the state of a build: {error}") from None
        if before is not None:
            differing = settings.differing(msgspec.convert(before, Settings))
            if differing:
                names = " and ".join(differing)
                raise BadRequest(f"{folder}: was built with another {names}: say the same, or choose another folder")
        else:
            self.note("settings", msgspec.to_builtins(settings))
        self._begun = False
        self._committed_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.commit()
            elif self._begun:
                # The last item may be incomplete.
                with suppress(sqlite3.Error):  # closing the database rolls back, too
                    self._base.execute("ROLLBACK")
        finally:
            self._base.close()
            self._lock.close()

    def fact(self, name: str, default: Any = None) -> Any:
        """A fact of the build as a whole."""
        row = self._base.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return default if row is None else msgspec.json.decode(row[0])

    def note(self, name: str, value: Any) -> None:
        """Set a fact."""
        self._base.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, msgspec.json.encode(value)))

    def begin(self) -> None:
        """Begin a transaction, if none is open. It is committed by :meth:`settle` or :meth:`commit`."""
        if not self._begun:
            self._base.execute("BEGIN IMMEDIATE")
            self._begun = True

    def settle(self) -> None:
        """Mark an item as complete: commit, if the last commit was long enough ago."""
        if time.monotonic() - self._committed_at >= COMMIT_EVERY_S:
            self.commit()

    def commit(self) -> None:
        """Make everything written so far durable."""
        if self._begun:
            self._base.execute("COMMIT")
            self._begun = False
        self._committed_at = time.monotonic()

    def add_task(self, task: Task) -> int | str:
        """Add a task. Returns its index, or a message that names the line with the same id."""
        seen = self._base.execute("SELECT data FROM tasks WHERE id = ?", (task.id,)).fetchone()
        if seen is not None:
            return f"{task.id!r} is the id of line {msgspec.json.decode(seen[0], type=Task).line} too"
        added = self._base.execute("INSERT INTO tasks (id, data) VALUES (?, ?)", (task.id, msgspec.json.encode(task)))
        return int(added.lastrowid or 0)

    def add_bad_row(self, bad: BadRow) -> None:
        """Record a row that cannot be used."""
        self._base.execute("INSERT OR REPLACE INTO bad_rows VALUES (?, ?, ?)", (bad.line, bad.field, bad.reason))

    def bad_rows(self, most: int = -1) -> list[tuple[int, str, str]]:
        """Line, field and reason of the rows that cannot be used."""
        return self._base.execute("SELECT * FROM bad_rows ORDER BY line LIMIT ?", (most,)).fetchall()

    def count_bad_rows(self) -> int:
        """The number of rows that cannot be used."""
        return int(self._base.execute("SELECT count(*) FROM bad_rows").fetchone()[0])

    def task(self, index: int) -> Task:
        """The task at an index, counted from 1."""
        [data] = self._base.execute("SELECT data FROM tasks WHERE place = ?", (index,)).fetchone()
        return msgspec.json.decode(data, type=Task)

    def indices(self) -> Iterator[int]:
        """The indexes of all tasks, in order."""
        yield from self._paged("SELECT place FROM tasks WHERE place > ? ORDER BY place LIMIT ?", ())

    def put(self, stage: str, index: int, result: Any, drops: Iterable[Drop] = ()) -> None:
        """Record the result of a stage for a task, and what the stage dropped. Call :meth:`settle` afterwards."""
        self.begin()
        data = msgspec.json.encode(result)
        self._base.execute("INSERT INTO results VALUES (?, ?, ?)", (stage, index, data))
        self._base.executemany(
            "INSERT INTO drops VALUES (?, ?, ?, ?, ?)",
            [(index, drop.code, stage, drop.reason, drop.detail) for drop in drops],
        )

    def get[Result](self, stage: str, index: int, kind: type[Result]) -> Result | None:
        """The result of a stage for a task; None if the stage has not finished it."""
        row = self._base.execute("SELECT data FROM results WHERE stage = ? AND place = ?", (stage, index)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=kind)

    def done(self, stage: str) -> Iterator[int]:
        """Indices of the tasks that a stage has finished, in order."""
        yield from self._paged(
            "SELECT place FROM results WHERE place > ? AND stage = ? ORDER BY place LIMIT ?", (stage,)
        )

    def count_done(self, stage: str) -> int:
        """The number of tasks that a stage has finished."""
        return int(self._base.execute("SELECT count(*) FROM results WHERE stage = ?", (stage,)).fetchone()[0])

    def drop_counts(self) -> list[tuple[str, str, int]]:
        """Stage, reason and number of drops, sorted by name."""
        return self._base.execute(
            "SELECT stage, reason, count(*) FROM drops GROUP BY stage, reason ORDER BY stage, reason"
        ).fetchall()

    def drops(self, stage: str, most: int = -1) -> list[tuple[int, Drop]]:
        """The drops of a stage with the indices of their tasks, in order."""
        rows = self._base.execute(
            "SELECT place, code, reason, detail FROM drops WHERE stage = ? ORDER BY place, code LIMIT ?", (stage, most)
        )
        return [(index, Drop(code, reason, detail)) for index, code, reason, detail in rows]

    def first_with(self, kind: str, digest: bytes, index: int, code: str) -> tuple[int, str] | None:
        """The first text with a hash; None if this is the first, and then it is recorded."""
        query = "SELECT place, code FROM hashes WHERE kind = ? AND hash = ?"
        for first, its_code in self._base.execute(query, (kind, digest)):
            return int(first), str(its_code)
        self.begin()
        self._base.execute("INSERT INTO hashes VALUES (?, ?, ?, ?)", (kind, digest, index, code))
        return None

    def in_bands(self, kind: str, keys: Iterable[int], most: int) -> list[tuple[int, str]]:
        """The first ``most`` texts with each of these keys."""
        found: set[tuple[int, str]] = set()
        for key in keys:
            found.update(
                self._base.execute(
                    "SELECT place, code FROM bands WHERE kind = ? AND key = ? ORDER BY place, code LIMIT ?",
                    (kind, key, most),
                )
            )
        return sorted(found)

    def add_bands(self, kind: str, keys: Iterable[int], index: int, code: str) -> None:
        """Record the keys of a text."""
        self.begin()
        self._base.executemany(
            "INSERT OR IGNORE INTO bands VALUES (?, ?, ?, ?)", [(kind, key, index, code) for key in keys]
        )

    def add_vector(self, kind: str, index: int, code: str, data: bytes) -> None:
        """Record the vector of a text."""
        self.begin()
        self._base.execute("INSERT INTO vectors VALUES (?, ?, ?, ?)", (kind, index, code, data))

    def vectors(self, kind: str) -> Iterator[tuple[int, str, bytes]]:
        """The vectors of a kind, in order."""
        yield from self._base.execute(
            "SELECT place, code, data FROM vectors WHERE kind = ? ORDER BY place, code", (kind,)
        )

    def spend(self, stage: str, spent: Spent) -> None:
        """Add to the cost of a stage."""
        usage = spent.usage
        self._base.execute(
            "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (stage) DO UPDATE "
            "SET wall = wall + excluded.wall, runs = runs + excluded.runs, texts = texts + excluded.texts, "
            "tokens = tokens + excluded.tokens, prompt_tokens = prompt_tokens + excluded.prompt_tokens",
            (stage, spent.wall_s, spent.runs, usage.texts, usage.tokens, usage.prompt_tokens),
        )

    def spent(self) -> dict[str, Spent]:
        """The cost of each stage."""
        rows = self._base.execute("SELECT * FROM spent")
        return {stage: Spent(wall, runs, Usage(*used)) for stage, wall, runs, *used in rows}

    def _paged(self, query: str, more: tuple[Any, ...]) -> Iterator[int]:
        """Read indices in pages, so that the tables can be written in between."""
        last = 0
        while page := self._base.execute(query, (last, *more, _PAGE)).fetchall():
            for (last,) in page:
                yield last
