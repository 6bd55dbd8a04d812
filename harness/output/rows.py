"""Writes JSON rows to a file, to standard output, or to both. The file appears complete or not at all.

A file is written as ``X.partial`` and renamed at the end. A run that resumes an interrupted one appends its new rows to
the ``X.partial`` that the earlier run left, so that they survive another interruption, and writes all rows, in order,
to ``X.resumed``, which is renamed at the end. So each written row is always in ``X``, in ``X.partial`` or in both.

The writer holds a lock (``flock``) on ``X.partial`` until the file is renamed. Another run that writes the same file is
refused.
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
from semi_instruct.harness.parallel.machine_faults import error_text, naming

_CHUNK = 1 << 16
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})  # errors of a file system without locks


def partial_path(path: Path) -> Path:
    """The file with the rows of unfinished work, beside the output file (or the target, if that is a link)."""
    return _beside(path, "partial")


def resumed_path(path: Path) -> Path:
    """The file to which a resumed run writes all rows, in order."""
    return _beside(path, "resumed")


def where_rows_are(path: Path | None) -> str:
    """The suffix of an "interrupted" message that says where the rows so far are; empty if there are none."""
    left = partial_path(path) if path is not None else None
    return f": the rows so far are in {left}" if left is not None and left.exists() else ""


def _beside(path: Path, ending: str) -> Path:
    final = _final_path(path)
    return final.with_name(f"{final.name}.{ending}")


def _final_path(path: Path) -> Path:
    # Replace the target of a link instead of the link.
    return Path(os.path.realpath(path))


@dataclass(frozen=True, slots=True)
class _Sink:
    """A file that rows are written to.

    Attributes:
        name: its name in messages.
        new_only: whether it already has the rows of an earlier run, so that only new rows are written.
    """

    file: io.FileIO
    name: str
    new_only: bool = False

    def write(self, data: bytes) -> None:
        """Write all data without buffering.

        Raises:
            MachineFailed: the disk is full, or a similar fault.
        """
        rest = memoryview(data)
        with naming(self.name):
            while rest:
                rest = rest[self.file.write(rest) or 0 :]


class RowOutput:
    """Writes rows without buffering. Created by :func:`row_output`."""

    def __init__(self, sinks: list[_Sink], to_stdout: bool) -> None:
        self._sinks = sinks
        self._to_stdout = to_stdout

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Write a row.

        Raises:
            MachineFailed: the disk is full, or a similar fault.
        """
        self._write(json.dumps(row) + "\n", is_new=True)

    def keep(self, line: str) -> None:
        """Write a row of an earlier run again, unchanged.

        Args:
            line: the row without the newline.

        Raises:
            MachineFailed: the disk is full, or a similar fault.
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
    """Open the output for rows.

    The file is renamed when the block ends without an exception. A path that exists and is not a regular file
    (``/dev/null``, a pipe) is written to directly.

    Args:
        resumes: whether to keep the contents of ``partial_path(path)`` because its rows are still needed.

    Raises:
        OutputUnusable: before any work, if the file cannot be created or another run is writing it.
        MachineFailed: the rows cannot be synced to disk.
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
                resumed_path(path).unlink()  # left by a killed run; its new rows are in the partial file
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
            except BaseException:  # raised again; the contents of this file can be recreated
                whole.unlink(missing_ok=True)
                raise
        new.unlink()


def _put_in_place(file: io.FileIO, written: Path, final: Path) -> None:
    """Sync a file to disk and rename it."""
    with naming(final):
        os.fsync(file.fileno())
        written.replace(final)
        folder = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _locked(path: Path, written: Path) -> io.FileIO:
    """Open a file for appending, locked until it is closed.

    Raises:
        OutputUnusable: it cannot be created, or another run is writing it.
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
        file.close()  # another run was writing it and has just renamed it


def _lock(path: Path, file: io.FileIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputUnusable(f"{path}: another run is writing it") from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise OutputUnusable(f"{path}: {error_text(error)}") from None


def _is_at(file: io.FileIO, path: Path) -> bool:
    """Whether the path still refers to this file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _opened(path: Path, written: Path, mode: str) -> io.FileIO:
    try:
        return io.FileIO(written, mode)
    except OSError as error:
        raise OutputUnusable(f"{path}: {error_text(error)}") from None


def _mend(path: Path) -> None:
    """Remove an incomplete last line, which a killed run has left."""
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
    """The start of an incomplete last line; the end of the file if there is none."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _CHUNK)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
