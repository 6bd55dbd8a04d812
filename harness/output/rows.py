"""Where rows of JSON go: a file that appears whole or not at all, standard output, or both.

A file is written beside its place, as ``X.partial``, and renamed at the end. Work that goes on where an earlier run was
cut off appends its new rows to what that run left in ``X.partial``, so that these rows survive again, and writes all
rows, in order, as ``X.resumed``, which is renamed at the end. So at every moment each row that was written is in
``X``, in ``X.partial`` or in both.

Whoever writes holds a lock (``flock``) on ``X.partial`` until its file is in place, so another run that would write the
same file is refused.
"""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semi_instruct.harness.errors import OutputUnusable
from semi_instruct.harness.parallel.machine_faults import naming, said_of

_CHUNK = 1 << 16
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})  # what a file system says that has none


def partial_path(path: Path) -> Path:
    """Where the rows are while the work lasts, and stay if it is cut off. Beside the file, or what it is a link to."""
    return _beside(path, "partial")


def resumed_path(path: Path) -> Path:
    """Where all rows are written, in order, by work that goes on where an earlier run was cut off."""
    return _beside(path, "resumed")


def where_rows_are(path: Path | None) -> str:
    """What to say, after "interrupted", of the rows written so far; nothing where there are none."""
    left = partial_path(path) if path is not None else None
    return f": the rows so far are in {left}" if left is not None and left.exists() else ""


def _beside(path: Path, ending: str) -> Path:
    final = _final_path(path)
    return final.with_name(f"{final.name}.{ending}")


def _final_path(path: Path) -> Path:
    # The target of a link is what gets replaced, not the link.
    return Path(os.path.realpath(path))


@dataclass(frozen=True, slots=True)
class _Sink:
    """A file that rows are written to.

    Attributes:
        name: for people.
        new_only: whether it is not written rows that an earlier run wrote to it.
    """

    file: io.FileIO
    name: str
    new_only: bool = False

    def write(self, data: bytes) -> None:
        """Write all of it, at once.

        Raises:
            MachineFailed: the disk is full, or the like.
        """
        rest = memoryview(data)
        with naming(self.name):
            while rest:
                rest = rest[self.file.write(rest) or 0 :]


class RowOutput:
    """Writes rows, each at once. Made by :func:`row_output`."""

    def __init__(self, sinks: list[_Sink], to_stdout: bool) -> None:
        self._sinks = sinks
        self._to_stdout = to_stdout

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Write a row.

        Raises:
            MachineFailed: the disk is full, or the like.
        """
        self._write(json.dumps(row) + "\n", is_new=True)

    def keep(self, line: str) -> None:
        """Write a row of an earlier run again, as it was.

        Args:
            line: without the end of the line.

        Raises:
            MachineFailed: the disk is full, or the like.
        """
        self._write(line + "\n", is_new=False)

    def _write(self, line: str, is_new: bool) -> None:
        data = line.encode()
        for sink in self._sinks:
            if is_new or not sink.new_only:
                sink.write(data)
        if self._to_stdout:
            with naming("standard output"):
                sys.stdout.write(line)
                sys.stdout.flush()


@contextmanager
def row_output(path: Path | None, to_stdout: bool, resumes: bool = False) -> Iterator[RowOutput]:
    """What writes one row, at once.

    The file is renamed when the block is left without an exception. A path that exists and is no regular file
    (``/dev/null``, a pipe) is written to as it is.

    Args:
        resumes: whether what is in ``partial_path(path)`` is kept, as rows of it are still wanted.

    Raises:
        OutputUnusable: before any work, if the file cannot be made, or another run is writing it.
        MachineFailed: the rows cannot be brought to the disk.
    """
    with ExitStack() as stack:
        sinks: list[_Sink] = []
        if path is not None:
            sinks += stack.enter_context(_file_sinks(path, resumes))
        yield RowOutput(sinks, to_stdout)


@contextmanager
def _file_sinks(path: Path, resumes: bool) -> Iterator[list[_Sink]]:
    final = _final_path(path)
    if final.exists() and not final.is_file():
        with _opened(path, final, "wb") as file:
            yield [_Sink(file, str(path))]
    elif resumes:
        with _resumed_sinks(path, final) as sinks:
            yield sinks
    else:
        written = partial_path(path)
        with _locked(path, written) as file:
            with suppress(FileNotFoundError):
                resumed_path(path).unlink()  # of a run that was killed; its new rows are in the other one
            file.truncate(0)
            yield [_Sink(file, str(path))]
            _put_in_place(file, written, final)


@contextmanager
def _resumed_sinks(path: Path, final: Path) -> Iterator[list[_Sink]]:
    new, whole = partial_path(path), resumed_path(path)
    with _locked(path, new) as new_file:
        _mend(new)
        with _opened(path, whole, "wb") as file:
            try:
                yield [_Sink(new_file, str(path), new_only=True), _Sink(file, str(path))]
                with naming(path):
                    os.fsync(new_file.fileno())
                _put_in_place(file, whole, final)
            except BaseException:  # raised again; what is in this file can be made again, so it need not stay
                whole.unlink(missing_ok=True)
                raise
        new.unlink()


def _put_in_place(file: io.FileIO, written: Path, final: Path) -> None:
    """Bring a file to the disk and give it its name."""
    with naming(final):
        os.fsync(file.fileno())
        written.replace(final)
        folder = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _locked(path: Path, written: Path) -> io.FileIO:
    """A file that is appended to, and that no other run writes until it is closed.

    Raises:
        OutputUnusable: it cannot be made, or another run is writing it.
    """
    while True:
        file = _opened(path, written, "ab")
        try:
            _lock(path, file)
            if _is_at(file, written):
                return file
        except BaseException:  # raised again
            file.close()
            raise
        file.close()  # another run was writing it, and has just put it in place


def _lock(path: Path, file: io.FileIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputUnusable(f"{path}: another run is writing it") from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise OutputUnusable(f"{path}: {said_of(error)}") from None


def _is_at(file: io.FileIO, path: Path) -> bool:
    """Whether a file still has this name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _opened(path: Path, written: Path, mode: str) -> io.FileIO:
    try:
        return io.FileIO(written, mode)
    except OSError as error:
        raise OutputUnusable(f"{path}: {said_of(error)}") from None


def _mend(path: Path) -> None:
    """See to it that the last line is whole: one that a killed run left incomplete is removed."""
    with path.open("r+b") as file:
        start = _start_of_last_line(file)
        file.seek(start)
        tail = file.read()
        if not tail:
            return
        try:
            json.loads(tail)
        except ValueError:
            file.truncate(start)
        else:
            file.write(b"\n")


def _start_of_last_line(file: io.BufferedRandom) -> int:
    """Where the line begins that no newline ends; the end of the file if there is none."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _CHUNK)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
