"""Files that go into a sandbox and come out of it: their paths checked, their sizes bounded, nothing touched here.

No path of a client ever reaches this machine's file system. Files cross as arguments of ``carrier.carry``, which runs
in the sandbox in place of the program, and come back as its value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from typing import Any

from semi_instruct.engine import Limits, Outcome, Program, Status
from semi_instruct.engine.limits import MIB
from semi_instruct.harness.serve.refusals import Unusable
from semi_instruct.harness.serve.work import Done, Luggage, Work

MOST_FILES = 256
MOST_BYTES = 16 * MIB
LONGEST_PATH = 512
_LONGEST_NAME = 255  # bytes, tmpfs has no longer ones
_DEEPEST = 16
_MOST_INODES = 2048  # half of those that a run has
# Where clients' files may lie, by the names that programs have for these folders, and as the carrier has them.
_FOLDERS = {
    ("box", "work"): "work",
    ("mnt", "data"): "work",
    ("box", "tmp"): "tmp",
    ("tmp",): "tmp",
    ("var", "tmp"): "tmp",
}
_RUN_FOLDER = ("box", "work")
_OTHER_NAMES = ("main.py", "program.py", "code.py", "solution.py", "semi_instruct_main.py")
_ENVELOPE = 8192  # bytes of a reply beside the files in it
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_WHY_NOT = {
    -1: "it is not a regular file",
    -2: "it is larger than what is left of the limit of output",
    2: "there is no such file",
    20: "a part of the path is not a folder; links are not followed",
    40: "it is a link; links are not followed",
}
_NOT_TOLD = "the run ended before its files were read"


def locate(path: str) -> str:
    """Where a client's path leads, as the carrier says it: ``tmp/x`` for ``/tmp/./x``. Nothing is looked up.

    Raises:
        Unusable: it leads out of the run's folder, ``/tmp`` and ``/mnt/data``, or no file can have it.
    """
    try:
        return _place(path)
    except ValueError as error:
        raise Unusable(f"path {shown(path)}: {error}") from None


def _place(path: str) -> str:
    """Raises: ValueError: why there is no such place."""
    try:
        longest = max(len(part.encode()) for part in path.split("/"))
    except UnicodeEncodeError:
        raise ValueError("expected Unicode text") from None
    if _CONTROL.search(path):
        raise ValueError("expected no control characters")
    if _ELSEWHERE.match(path):
        raise ValueError("expected a path in the sandbox, not a URL or a drive")
    if path.rpartition("/")[2] in ("", ".", ".."):
        raise ValueError("expected the path of a file, not of a folder")
    parts: list[str] = [] if path.startswith("/") else list(_RUN_FOLDER)
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    if longest > _LONGEST_NAME or len(path) > LONGEST_PATH or len(parts) > _DEEPEST + len(_RUN_FOLDER):
        raise ValueError("is too long or too deep")
    for folder, name in _FOLDERS.items():
        if len(parts) > len(folder) and tuple(parts[: len(folder)]) == folder:
            return "/".join((name, *parts[len(folder) :]))
    raise ValueError("expected a path relative to the run's folder, not led out of it by '..', or in /tmp or /mnt/data")


def shown(path: str) -> str:
    """A client's path in a message: on one line, cut where long."""
    return repr(path[:80])


def pack(
    files: Mapping[str, bytes], fetch: Sequence[str], arguments: Sequence[str] = (), name: str | None = None
) -> Luggage | None:
    """Luggage, checked; None where there is none. Paths of ``fetch`` that lead elsewhere are put among the refused.

    Raises:
        Unusable: a file that would lie elsewhere, two of one place, one that is a file and a folder, too many files, or
            too many bytes.
    """
    if not files and not fetch and not arguments and name in (None, "main.py"):
        return None
    if len(files) > MOST_FILES or len(fetch) > MOST_FILES:
        raise Unusable(f"expected at most {MOST_FILES} files, found {max(len(files), len(fetch))}")
    if (total := sum(map(len, files.values()))) > MOST_BYTES:
        raise Unusable(f"expected at most {MOST_BYTES} bytes of files, found {total}")
    if any("\0" in each for each in arguments):
        raise Unusable("args: expected no NUL characters")
    located: dict[str, bytes] = {}
    for path, data in files.items():
        if (place := locate(path)) in located:
            raise Unusable(f"path {shown(path)}: another of the files lies there")
        located[place] = data
    if name is None:
        free = (f"work/{each}" for each in _OTHER_NAMES)
        own = next((each for each in free if each not in located and not _is_folder(each, located)), "")
        if not own:
            raise Unusable(f"files: one of {', '.join(_OTHER_NAMES)} must be left for the program itself")
    elif (own := locate(name)) in located:
        raise Unusable(f"path {shown(name)}: another of the files lies there")
    everything = (*located, own)
    for place in everything:
        if _is_folder(place, everything):
            raise Unusable(f"path {shown(place.partition('/')[2])}: is a file and a folder at once")
    if len(everything) + len(_folders_of(everything)) > _MOST_INODES:
        raise Unusable(f"files: expected at most {_MOST_INODES} files and folders")
    wanted, refused = _wanted(fetch)
    return Luggage(located, wanted, tuple(arguments), own, refused)


def _wanted(fetch: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Paths that can be fetched, with their places; and those that cannot, with the reason."""
    wanted, refused = {}, {}
    for path in fetch:
        try:
            wanted[path] = _place(path)
        except ValueError as error:
            refused[path] = str(error)
    return wanted, refused


def _is_folder(place: str, places: Mapping[str, bytes] | Sequence[str]) -> bool:
    return any(each.startswith(f"{place}/") for each in places)


def _folders_of(places: Sequence[str]) -> set[str]:
    return {place[:end] for place in places for end, letter in enumerate(place) if letter == "/"}


def carried(work: Work) -> Work:
    """The run that does this one with its luggage: of the carrier, which is handed program and files.

    Raises:
        Unusable: a file is larger than the run may write.
    """
    luggage = work.luggage
    if luggage is None:
        return work
    largest = max(map(len, luggage.files.values()), default=0)
    if largest > work.limits.file_size:
        raise Unusable(f"files: one has {largest} bytes and the limit file_size is {work.limits.file_size}")
    source = work.program.source_bytes
    limits = replace(
        work.limits,
        processes=work.limits.processes + 1,
        file_size=max(work.limits.file_size, len(source)),  # the carrier lowers it for the program
    )
    numbers = [room_in(limits), limits.output, max(work.limits.file_size, 1)]
    args = (luggage.name, source, dict(luggage.files), list(luggage.fetch.values()), list(luggage.arguments), numbers)
    carrier = Program(
        resources.files("semi_instruct.harness.inside").joinpath("copy_files.py").read_bytes(), entry="carry"
    )
    return replace(work, program=carrier, args=args, limits=limits, luggage=None)


def room_in(limits: Limits) -> int:
    """Bytes that fetched files may have: they come as base64 through a stream with the limit of output."""
    return max((limits.output - _ENVELOPE) * 3 // 4, 0)


def unpacked(outcome: Outcome, luggage: Luggage | None) -> Done:
    """An outcome, and the files that came with it if it is a carrier's. What they hold is the program's word."""
    if luggage is None:
        return Done(outcome)
    brought = outcome.value if outcome.returned and isinstance(outcome.value, dict) else {}
    outcome = replace(outcome, returned=False, value=None)
    if outcome.status is Status.NONZERO_EXIT and brought.get("compiled") is False:
        outcome = replace(outcome, status=Status.COMPILE_ERROR, detail="the source does not compile")
    contents, reasons = _by_position(brought.get("files"), bytes), _by_position(brought.get("refused"), int)
    files, refused = {}, dict(luggage.refused)
    for position, path in enumerate(luggage.fetch):
        if position in contents:
            files[path] = contents[position]
        else:
            number = reasons.get(position, 0)
            refused[path] = _WHY_NOT.get(number, os.strerror(number)) if number else _NOT_TOLD
    return Done(outcome, files=files, refused=refused)


def _by_position[T](pairs: Any, kind: type[T]) -> dict[int, T]:
    """Pairs of a position and something of this kind, by position; whatever else there is, is nothing."""
    if not isinstance(pairs, list):
        return {}
    return {
        pair[0]: pair[1]
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and type(pair[0]) is int and type(pair[1]) is kind
    }
