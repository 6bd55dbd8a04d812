"""Runs in the sandbox in place of a program with luggage: unpacks, starts the program, and reads what it left.

Nothing here is a wall. The engine enters ``carry`` as it enters any function of anybody's. The program is a child, and
this process ends as the child ended, so that the status is what the kernel says of a run, with luggage or without. What
is returned goes through a pipe that the child does not have. A child that kills its parent makes a run that was killed.

Its text is read by ``harness.serve.luggage`` and never imported.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import stat
import sys
from typing import Any, NoReturn

_WORK = "/box/work"
_FIRST_OTHER = 3  # descriptors from here on are not the program's
_INTERRUPTED = 130


def carry(
    name: str, source: bytes, files: dict[str, bytes], fetch: list[str], arguments: list[str], room: int
) -> dict[str, Any]:
    """Run a program with its files.

    Args:
        name: where the program's source is written, relative to the run's folder, as all paths are.
        source: the program.
        files: written before it starts.
        fetch: read when it has ended.
        arguments: ``sys.argv`` after the program's name.
        room: bytes that all fetched files may have together.

    Returns:
        ``compiled``: whether the source did; ``files`` and ``refused``: contents, or why there are none, by path.
    """
    folder = os.open(_WORK, os.O_RDONLY | os.O_DIRECTORY)
    os.unlink("main.py")  # this text; tracebacks are to quote the program's
    for path, data in {**files, name: source}.items():
        _write(folder, path, data)
    files.clear()
    path = f"{_WORK}/{name}"
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except BaseException as error:  # as Python does with what a compiler raises
        sys.__excepthook__(type(error), error.with_traceback(None), None)
        atexit.register(os._exit, 1)
        return {"compiled": False, "files": {}, "refused": {}}
    child = os.fork()
    if child == 0:
        os.closerange(_FIRST_OTHER, 1 << 30)
        _become(code, path, [name, *arguments])
    _, status = os.waitpid(child, 0)
    found, refused = _collect(folder, fetch, room)
    atexit.register(_end_as, status)
    return {"compiled": True, "files": found, "refused": refused}


def _become(code: Any, path: str, argv: list[str]) -> NoReturn:
    sys.argv[:] = argv
    sys.path[0] = os.path.dirname(path)
    main = type(sys)("__main__")
    main.__dict__.update(__file__=path, __cached__=None, __annotations__={}, __builtins__=__builtins__)
    sys.modules["__main__"] = main
    sys.modules.pop("solution", None)
    try:
        exec(code, main.__dict__)  # noqa: S102  running programs is the point
    except SystemExit:
        raise
    except BaseException as error:  # as Python does with what a program raises
        own = error.__traceback__
        frames = own.tb_next if own is not None else None
        sys.excepthook(type(error), error.with_traceback(frames), frames)
        raise SystemExit(_INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1) from None
    raise SystemExit(0)


def _end_as(status: int) -> None:
    """End as the child did, by the same code or the same signal."""
    if not os.WIFSIGNALED(status):
        os._exit(os.WEXITSTATUS(status))
    number = os.WTERMSIG(status)
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _write(folder: int, path: str, data: bytes) -> None:
    *parents, name = path.split("/")
    within = os.dup(folder)
    for each in parents:
        with contextlib.suppress(FileExistsError):  # of an earlier file; what is no folder fails below
            os.mkdir(each, dir_fd=within)
        inner = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
        os.close(within)
        within = inner
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(name, flags, 0o644, dir_fd=within), "wb") as file:
        file.write(data)
    os.close(within)


def _collect(folder: int, paths: list[str], room: int) -> tuple[dict[str, bytes], dict[str, str]]:
    """What is there, following nothing. Processes the program left behind may still change it meanwhile."""
    found: dict[str, bytes] = {}
    refused: dict[str, str] = {}
    for path in paths:
        try:
            data = _read(folder, path, room)
        except (FileNotFoundError, NotADirectoryError):  # the program did not write it
            continue
        except (OSError, ValueError) as error:
            refused[path] = str(error)
        else:
            room -= len(data)
            found[path] = data
    return found, refused


def _read(folder: int, path: str, room: int) -> bytes:
    *parents, name = path.split("/")
    within = os.dup(folder)
    try:
        for each in parents:
            inner = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
            os.close(within)
            within = inner
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=within)
    finally:
        os.close(within)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no regular file")
        data = b""
        while len(data) <= room and (more := file.read(min(1 << 20, room + 1 - len(data)))):
            data += more
    if len(data) > room:
        raise ValueError(f"it is larger than the {room} bytes that are left for files")
    return data
