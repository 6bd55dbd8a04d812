"""Files that go into a sandbox and come out of it: their paths checked, their sizes bounded, nothing touched here.

No path of a client ever reaches this machine's file system. Files cross as arguments of ``carrier.carry``, which runs
in the sandbox in place of the program, and come back as its value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources

from engine import Limits, Outcome, Program, Status
from engine.limits import MIB
from harness.serve.refusals import Unusable
from harness.serve.work import Done, Luggage, Work

MOST_FILES = 256
MOST_BYTES = 16 * MIB
LONGEST_PATH = 512
_LONGEST_NAME = 255  # bytes, tmpfs has no longer ones
_DEEPEST = 16
# As a pattern for the OpenAPI document; ``check_path`` is what counts.
PATH_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.+@=-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.+@=-]{0,99}){0,15}$"
_OTHER_NAMES = ("main.py", "program.py", "code.py", "solution.py", "semi_instruct_main.py")
_ENVELOPE = 4096  # bytes of a value beside the files in it
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_path(path: str) -> str:
    """The path, if it is one that can only lead into the run's own folder.

    Raises:
        Unusable: it is absolute, leads upwards, or no file of ours may have it.
    """
    parts = path.split("/")
    if not path or path.startswith("/"):
        raise Unusable(f"path {shown(path)}: expected a path relative to the run's folder")
    if any(part in ("", ".", "..") for part in parts):
        raise Unusable(f"path {shown(path)}: expected plain names between slashes, no '.', no '..'")
    if _CONTROL.search(path):
        raise Unusable(f"path {shown(path)}: expected no control characters")
    too_long = any(len(part.encode()) > _LONGEST_NAME for part in parts) or len(path) > LONGEST_PATH
    if too_long or len(parts) > _DEEPEST:
        raise Unusable(f"path {shown(path)}: is too long or too deep")
    return path


def shown(path: str) -> str:
    """A client's path in a message: on one line, cut where long."""
    return repr(path[:80])


def pack(
    files: Mapping[str, bytes], fetch: Sequence[str], arguments: Sequence[str] = (), name: str | None = None
) -> Luggage | None:
    """Luggage, checked; None where there is none.

    Raises:
        Unusable: a path that is refused, one that is a file and a folder, too many files, or too many bytes.
    """
    if not files and not fetch and not arguments and name in (None, "main.py"):
        return None
    if len(files) > MOST_FILES or len(fetch) > MOST_FILES:
        raise Unusable(f"expected at most {MOST_FILES} files, found {max(len(files), len(fetch))}")
    if (total := sum(map(len, files.values()))) > MOST_BYTES:
        raise Unusable(f"expected at most {MOST_BYTES} bytes of files, found {total}")
    if any("\0" in each for each in arguments):
        raise Unusable("args: expected no NUL characters")
    for path in (*files, *fetch):
        check_path(path)
    if name is None:
        name = next((each for each in _OTHER_NAMES if each not in files and not _is_folder(each, files)), "")
    if not name:
        raise Unusable(f"files: one of {', '.join(_OTHER_NAMES)} must be left for the program itself")
    everything = (*files, check_path(name))
    for path in everything:
        if _is_folder(path, everything):
            raise Unusable(f"path {shown(path)}: is a file and a folder at once")
    return Luggage(dict(files), tuple(dict.fromkeys(fetch)), tuple(arguments), name)


def _is_folder(path: str, paths: Mapping[str, bytes] | Sequence[str]) -> bool:
    return any(each.startswith(f"{path}/") for each in paths)


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
    limits = replace(work.limits, processes=work.limits.processes + 1)
    source = work.program.source_bytes
    args = (luggage.name, source, dict(luggage.files), list(luggage.fetch), list(luggage.arguments), room_in(limits))
    carrier = Program(resources.files("harness.serve").joinpath("carrier.py").read_bytes(), entry="carry")
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
    files, refused = brought.get("files"), brought.get("refused")
    return Done(
        outcome,
        files={
            path: files[path]
            for path in luggage.fetch
            if isinstance(files, dict) and isinstance(files.get(path), bytes)
        },
        refused={
            path: refused[path]
            for path in luggage.fetch
            if isinstance(refused, dict) and isinstance(refused.get(path), str)
        },
    )
