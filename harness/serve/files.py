"""Files that a run gets and returns: paths and sizes are checked here, the files are copied inside the sandbox.

No path of a client reaches the file system of this machine. Contents are passed as arguments of ``copy_and_run``
(``harness/inside/copy_files.py``), which runs in the sandbox in place of the program, and are returned as its value.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from typing import Annotated, Any

from pydantic import Field

from semi_instruct.engine import Limits, Outcome, Program, Status
from semi_instruct.engine.limits import MIB
from semi_instruct.harness.serve.errors import Unprocessable
from semi_instruct.harness.serve.work import Done, Files, Work

type Base64 = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]

MAX_FILES = 256
MAX_BYTES = 16 * MIB
MAX_PATH = 512
_MAX_NAME = 255  # bytes, the limit of tmpfs
_MAX_DEPTH = 16
_MAX_INODES = 2048  # half of those that a run has
# The folders in which clients' files may lie: paths as programs see them, names as ``copy_and_run`` takes them.
_FOLDERS = {
    ("box", "work"): "work",
    ("mnt", "data"): "work",
    ("box", "tmp"): "tmp",
    ("tmp",): "tmp",
    ("var", "tmp"): "tmp",
}
_RUN_FOLDER = ("box", "work")
_OTHER_NAMES = ("main.py", "program.py", "code.py", "solution.py", "semi_instruct_main.py")
_REPLY_OVERHEAD = 8192  # bytes of a reply without the files in it
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_URL_OR_DRIVE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_REASONS = {
    -1: "it is not a regular file",
    -2: "it is larger than what is left of the output limit",
    2: "there is no such file",
    20: "a part of the path is not a folder; links are not followed",
    40: "it is a link; links are not followed",
}
_NOT_READ = "the run ended before its files were read"


def sandbox_path(path: str) -> str:
    """The sandbox path of a client's path: ``tmp/x`` for ``/tmp/./x``. No file system is consulted.

    Raises:
        Unprocessable: the path leads out of the run's folder, ``/tmp`` and ``/mnt/data``, or cannot be that of a file.
    """
    try:
        return _resolve(path)
    except ValueError as error:
        raise Unprocessable(f"path {quoted(path)}: {error}") from None


def _resolve(path: str) -> str:
    """``sandbox_path``, without the path in the message.

    Raises:
        ValueError: the path is not allowed; the message says why.
    """
    try:
        longest = max(len(part.encode()) for part in path.split("/"))
    except UnicodeEncodeError:
        raise ValueError("expected Unicode text") from None
    if _CONTROL.search(path):
        raise ValueError("expected no control characters")
    if _URL_OR_DRIVE.match(path):
        raise ValueError("expected a path in the sandbox, not a URL or a drive")
    if path.rpartition("/")[2] in ("", ".", ".."):
        raise ValueError("expected the path of a file, not of a folder")
    parts: list[str] = [] if path.startswith("/") else list(_RUN_FOLDER)
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    if longest > _MAX_NAME or len(path) > MAX_PATH or len(parts) > _MAX_DEPTH + len(_RUN_FOLDER):
        raise ValueError("is too long or too deep")
    for folder, name in _FOLDERS.items():
        if len(parts) > len(folder) and tuple(parts[: len(folder)]) == folder:
            return "/".join((name, *parts[len(folder) :]))
    raise ValueError(
        "expected a path relative to the run's folder that does not leave it by '..', or one in /tmp or /mnt/data"
    )


def quoted(path: str) -> str:
    """A client's path for a message: on one line, cut if it is long."""
    return repr(path[:80])


def decoded_files(files: Mapping[str, str | None]) -> dict[str, bytes]:
    """Decode contents by path. Entries with null contents are left out.

    Raises:
        Unprocessable: a content is not base64.
    """
    decoded = {}
    for path, content in files.items():
        if content is None:
            continue
        try:
            decoded[path] = base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError):
            raise Unprocessable(f"files: the content of {quoted(path)} is not base64") from None
    return decoded


def plan_files(
    files: Mapping[str, bytes], fetch: Sequence[str], arguments: Sequence[str] = (), name: str | None = None
) -> Files | None:
    """Check the files of a run. Returns None if it has none.

    Args:
        files: contents by the client's path.
        fetch: the client's paths of files to return. Paths that are not allowed become ``Files.refused``.
        arguments: ``sys.argv`` after the program's name.
        name: the client's path of the program itself; None for ``main.py``, or a similar name that is free.

    Raises:
        Unprocessable: a path is not allowed, two files have one path, a path is a file and a folder, or there are too
            many files or bytes.
    """
    if not files and not fetch and not arguments and name in (None, "main.py"):
        return None
    if len(files) > MAX_FILES or len(fetch) > MAX_FILES:
        raise Unprocessable(f"expected at most {MAX_FILES} files, found {max(len(files), len(fetch))}")
    if (total := sum(map(len, files.values()))) > MAX_BYTES:
        raise Unprocessable(f"expected at most {MAX_BYTES} bytes of files, found {total}")
    if any("\0" in each for each in arguments):
        raise Unprocessable("args: expected no NUL characters")
    copy_in: dict[str, bytes] = {}
    for path, data in files.items():
        if (resolved := sandbox_path(path)) in copy_in:
            raise Unprocessable(f"path {quoted(path)}: another file has the same path")
        copy_in[resolved] = data
    if name is None:
        free = (f"work/{each}" for each in _OTHER_NAMES)
        program = next((each for each in free if each not in copy_in and not _is_folder(each, copy_in)), "")
        if not program:
            raise Unprocessable(f"files: one of {', '.join(_OTHER_NAMES)} must be free for the program itself")
    elif (program := sandbox_path(name)) in copy_in:
        raise Unprocessable(f"path {quoted(name)}: another file has the same path")
    everything = (*copy_in, program)
    for path in everything:
        if _is_folder(path, everything):
            raise Unprocessable(f"path {quoted(path.partition('/')[2])}: is both a file and a folder")
    if len(everything) + len(_folders_of(everything)) > _MAX_INODES:
        raise Unprocessable(f"files: expected at most {_MAX_INODES} files and folders")
    copy_out, refused = _copy_out(fetch)
    return Files(copy_in, copy_out, tuple(arguments), program, refused)


def _copy_out(fetch: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Sandbox paths of files to return, and reasons for paths that are not allowed, both by the client's path."""
    copy_out, refused = {}, {}
    for path in fetch:
        try:
            copy_out[path] = _resolve(path)
        except ValueError as error:
            refused[path] = str(error)
    return copy_out, refused


def _is_folder(path: str, paths: Mapping[str, bytes] | Sequence[str]) -> bool:
    return any(each.startswith(f"{path}/") for each in paths)


def _folders_of(paths: Sequence[str]) -> set[str]:
    return {path[:end] for path in paths for end, letter in enumerate(path) if letter == "/"}


def with_copy_program(work: Work) -> Work:
    """The run that does this one with its files: it runs ``copy_and_run``, with program and files as arguments.

    Raises:
        Unprocessable: a file is larger than the run may write.
    """
    files = work.files
    if files is None:
        return work
    largest = max(map(len, files.copy_in.values()), default=0)
    if largest > work.limits.file_size:
        raise Unprocessable(f"files: one has {largest} bytes and the limit file_size is {work.limits.file_size}")
    source = work.program.source_bytes
    limits = replace(
        work.limits,
        processes=work.limits.processes + 1,
        file_size=max(work.limits.file_size, len(source)),  # lowered for the program by ``copy_and_run``
    )
    numbers = [max_copy_out_bytes(limits), limits.output, max(work.limits.file_size, 1)]
    args = (files.name, source, dict(files.copy_in), list(files.copy_out.values()), list(files.arguments), numbers)
    text = resources.files("semi_instruct.harness.inside").joinpath("copy_files.py").read_bytes()
    return replace(work, program=Program(text, entry="copy_and_run"), args=args, limits=limits, files=None)


def max_copy_out_bytes(limits: Limits) -> int:
    """The largest total of returned files: they are sent as base64, within the limit on output."""
    return max((limits.output - _REPLY_OVERHEAD) * 3 // 4, 0)


def with_copied_files(outcome: Outcome, files: Files | None) -> Done:
    """The outcome of a run together with the files in the value of ``copy_and_run``.

    The value is untrusted. Of it only contents for the positions that were asked for are used.

    Args:
        files: of the run; None if it ran without ``copy_and_run``.
    """
    if files is None:
        return Done(outcome)
    reply = outcome.value if outcome.returned and isinstance(outcome.value, dict) else {}
    outcome = replace(outcome, returned=False, value=None)
    if outcome.status is Status.NONZERO_EXIT and reply.get("compiled") is False:
        outcome = replace(outcome, status=Status.COMPILE_ERROR, detail="the source does not compile")
    contents, reasons = _by_position(reply.get("files"), bytes), _by_position(reply.get("refused"), int)
    found, refused = {}, dict(files.refused)
    for position, path in enumerate(files.copy_out):
        if position in contents:
            found[path] = contents[position]
        else:
            number = reasons.get(position, 0)
            refused[path] = _REASONS.get(number, os.strerror(number)) if number else _NOT_READ
    return Done(outcome, files=found, refused=refused)


def _by_position[T](pairs: Any, kind: type[T]) -> dict[int, T]:
    """Pairs of a position and a value of exactly this type, by position. Everything else is ignored."""
    if not isinstance(pairs, list):
        return {}
    return {
        pair[0]: pair[1]
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and type(pair[0]) is int and type(pair[1]) is kind
    }
