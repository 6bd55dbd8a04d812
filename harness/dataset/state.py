"""The state of a build: a SQLite file (write-ahead log) in which every stage of every item stands once.

A build that is killed has lost what it had not committed, at most a second's work, and takes it up again. Nothing of a
dataset is made of anything but this file.
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

from semi_instruct.harness.dataset.proposing import Usage
from semi_instruct.harness.dataset.settings import Settings
from semi_instruct.harness.dataset.tasks import Task
from semi_instruct.harness.errors import BadRequest, BadRow, HarnessError, MachineFailed, OutputUnusable
from semi_instruct.harness.parallel.machine_faults import is_of_a_full_base

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
    """Another build works in the folder."""


class Drop(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that went no further, and why.

    Attributes:
        code: id of the code in its task; empty for the task as a whole.
        reason: a word.
        detail: more in words, for people.
    """

    code: str
    reason: str
    detail: str = ""


class Spent(msgspec.Struct, frozen=True):
    """What a stage took.

    Attributes:
        wall_s: seconds by the clock.
        runs: of programs.
        usage: what the generator had to do.
    """

    wall_s: float
    runs: int
    usage: Usage = Usage()


def see_that_it_is_free(folder: Path, resume: bool) -> None:
    """What :class:`State` says of a folder that cannot be taken, before anything else is made ready.

    Raises:
        InUse: another build is at work there.
        BadRequest: there is a build in it that is not to be resumed.
        OutputUnusable: the folder cannot be written.
    """
    _locked(folder).close()
    _see_that_it_may_go_on(folder, resume)


def _see_that_it_may_go_on(folder: Path, resume: bool) -> None:
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
        folder: the build's; made if missing.
        settings: what decides what the build makes.
        resume: whether to go on with what is there.

    Raises:
        InUse: another build has it open.
        BadRequest: there is a build in it and it is not to be resumed, or it was made with other settings.
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
        _see_that_it_may_go_on(folder, resume)
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
                # Some item may be half written.
                with suppress(sqlite3.Error):  # a base that is closed undecided is rolled back, too
                    self._base.execute("ROLLBACK")
        finally:
            self._base.close()
            self._lock.close()

    def fact(self, name: str, default: Any = None) -> Any:
        """A fact of the build as a whole."""
        row = self._base.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return default if row is None else msgspec.json.decode(row[0])

    def note(self, name: str, value: Any) -> None:
        """Note a fact, or another value of it."""
        self._base.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, msgspec.json.encode(value)))

    def begin(self) -> None:
        """What is written from here on is there as a whole, or not at all, up to the next :meth:`settle`."""
        if not self._begun:
            self._base.execute("BEGIN IMMEDIATE")
            self._begun = True

    def settle(self) -> None:
        """Something is complete; commit if the last time was long ago."""
        if time.monotonic() - self._committed_at >= COMMIT_EVERY_S:
            self.commit()

    def commit(self) -> None:
        """Make what was written last."""
        if self._begun:
            self._base.execute("COMMIT")
            self._begun = False
        self._committed_at = time.monotonic()

    def add_task(self, task: Task) -> int | str:
        """Add a task: its place, counted from 1; or which line has the same id."""
        seen = self._base.execute("SELECT data FROM tasks WHERE id = ?", (task.id,)).fetchone()
        if seen is not None:
            return f"{task.id!r} is the id of line {msgspec.json.decode(seen[0], type=Task).line} too"
        added = self._base.execute("INSERT INTO tasks (id, data) VALUES (?, ?)", (task.id, msgspec.json.encode(task)))
        return int(added.lastrowid or 0)

    def add_bad_row(self, bad: BadRow) -> None:
        """Note a row that cannot be used."""
        self._base.execute("INSERT OR REPLACE INTO bad_rows VALUES (?, ?, ?)", (bad.line, bad.field, bad.reason))

    def bad_rows(self, most: int = -1) -> list[tuple[int, str, str]]:
        """Line, field and reason of those rows."""
        return self._base.execute("SELECT * FROM bad_rows ORDER BY line LIMIT ?", (most,)).fetchall()

    def count_bad_rows(self) -> int:
        """How many they are."""
        return int(self._base.execute("SELECT count(*) FROM bad_rows").fetchone()[0])

    def task(self, place: int) -> Task:
        """The task at a place, counted from 1."""
        [data] = self._base.execute("SELECT data FROM tasks WHERE place = ?", (place,)).fetchone()
        return msgspec.json.decode(data, type=Task)

    def places(self) -> Iterator[int]:
        """The places of all tasks, in order."""
        yield from self._paged("SELECT place FROM tasks WHERE place > ? ORDER BY place LIMIT ?", ())

    def put(self, stage: str, place: int, result: Any, drops: Iterable[Drop] = ()) -> None:
        """Note what a stage has made of an item, and what it dropped. To be settled."""
        self.begin()
        data = msgspec.json.encode(result)
        self._base.execute("INSERT INTO results VALUES (?, ?, ?)", (stage, place, data))
        self._base.executemany(
            "INSERT INTO drops VALUES (?, ?, ?, ?, ?)",
            [(place, drop.code, stage, drop.reason, drop.detail) for drop in drops],
        )

    def get[Result](self, stage: str, place: int, kind: type[Result]) -> Result | None:
        """What a stage has made of an item; None if it has not had it."""
        row = self._base.execute("SELECT data FROM results WHERE stage = ? AND place = ?", (stage, place)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=kind)

    def done(self, stage: str) -> Iterator[int]:
        """Places of the items that a stage has had, in order."""
        yield from self._paged(
            "SELECT place FROM results WHERE place > ? AND stage = ? ORDER BY place LIMIT ?", (stage,)
        )

    def count_done(self, stage: str) -> int:
        """How many items a stage has had."""
        return int(self._base.execute("SELECT count(*) FROM results WHERE stage = ?", (stage,)).fetchone()[0])

    def drop_counts(self) -> list[tuple[str, str, int]]:
        """Stage, reason and number of what was dropped, by name."""
        return self._base.execute(
            "SELECT stage, reason, count(*) FROM drops GROUP BY stage, reason ORDER BY stage, reason"
        ).fetchall()

    def drops(self, stage: str, most: int = -1) -> list[tuple[int, Drop]]:
        """What a stage dropped, with its place, in order."""
        rows = self._base.execute(
            "SELECT place, code, reason, detail FROM drops WHERE stage = ? ORDER BY place, code LIMIT ?", (stage, most)
        )
        return [(place, Drop(code, reason, detail)) for place, code, reason, detail in rows]

    def first_with(self, kind: str, digest: bytes, place: int, code: str) -> tuple[int, str] | None:
        """Who came first with a hash; None if this is it, which is noted."""
        query = "SELECT place, code FROM hashes WHERE kind = ? AND hash = ?"
        for first, its_code in self._base.execute(query, (kind, digest)):
            return int(first), str(its_code)
        self.begin()
        self._base.execute("INSERT INTO hashes VALUES (?, ?, ?, ?)", (kind, digest, place, code))
        return None

    def in_bands(self, kind: str, keys: Iterable[int], most: int) -> list[tuple[int, str]]:
        """The first that share a band with these keys, a few of each."""
        found: set[tuple[int, str]] = set()
        for key in keys:
            found.update(
                self._base.execute(
                    "SELECT place, code FROM bands WHERE kind = ? AND key = ? ORDER BY place, code LIMIT ?",
                    (kind, key, most),
                )
            )
        return sorted(found)

    def add_bands(self, kind: str, keys: Iterable[int], place: int, code: str) -> None:
        """Note the bands of one that stays."""
        self.begin()
        self._base.executemany(
            "INSERT OR IGNORE INTO bands VALUES (?, ?, ?, ?)", [(kind, key, place, code) for key in keys]
        )

    def add_vector(self, kind: str, place: int, code: str, data: bytes) -> None:
        """Note the vector of one that stays."""
        self.begin()
        self._base.execute("INSERT INTO vectors VALUES (?, ?, ?, ?)", (kind, place, code, data))

    def vectors(self, kind: str) -> Iterator[tuple[int, str, bytes]]:
        """The vectors of a kind, in order."""
        yield from self._base.execute(
            "SELECT place, code, data FROM vectors WHERE kind = ? ORDER BY place, code", (kind,)
        )

    def spend(self, stage: str, spent: Spent) -> None:
        """Count what a stage took, beside what it took before it was cut off."""
        usage = spent.usage
        self._base.execute(
            "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (stage) DO UPDATE "
            "SET wall = wall + excluded.wall, runs = runs + excluded.runs, texts = texts + excluded.texts, "
            "tokens = tokens + excluded.tokens, prompt_tokens = prompt_tokens + excluded.prompt_tokens",
            (stage, spent.wall_s, spent.runs, usage.texts, usage.tokens, usage.prompt_tokens),
        )

    def spent(self) -> dict[str, Spent]:
        """What each stage took."""
        rows = self._base.execute("SELECT * FROM spent")
        return {stage: Spent(wall, runs, Usage(*used)) for stage, wall, runs, *used in rows}

    def _paged(self, query: str, more: tuple[Any, ...]) -> Iterator[int]:
        """Places a page at a time, so that what is read may be written to meanwhile."""
        last = 0
        while page := self._base.execute(query, (last, *more, _PAGE)).fetchall():
            for (last,) in page:
                yield last
