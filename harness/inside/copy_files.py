"""Runs in the sandbox in place of a program with luggage: unpacks, starts the program, and reads what it left.

Nothing here is a wall. The engine enters ``carry`` as it enters any function of a client. There are two processes:

    driver      this one. Before the first of the client's files is there, it takes away its own means of importing.
                It compiles nothing of the client's and shows no traceback, so nothing of the client's ever runs in it,
                whatever its files are called. It alone holds the descriptor of the returned value.
    program     its child, with the means of importing again and without that descriptor. It compiles the program and
                becomes it.

When the program has ended the driver ends every other process of the run, reads the files, sends them, and ends as the
program ended, by the same code or the same signal: the status is what the kernel says of a run, with luggage or
without. A program that kills the driver makes a run that was killed.

Its text is read by ``harness.serve.files`` and never imported.
"""

from __future__ import annotations

import _frozen_importlib_external as external  # importlib.machinery would have to be read
import base64
import contextlib
import json
import os
import resource
import signal
import stat
import sys
import time
from typing import Any, NoReturn

_BOX = "/box"
_FOLDERS = ("work", "tmp")
_VALUE = 3  # where the engine awaits the returned value
_FIRST_OTHER = 3  # descriptors from here on are not the program's
_NOT_COMPILED = b"C"
_NO_FILE, _TOO_LARGE = -1, -2  # beside the numbers of errors (errno(3)); read by ``luggage``
_CHUNK = 3 << 16  # a multiple of three, so that encoded chunks can be joined
_ENVELOPE, _ENTRY = 64, 28  # bytes that the reply has around its entries, and each entry around its file
# What every Python has imported before it looks for the program's imports; built-in modules come first as well.
_IMPORTED_BEFORE = {"__main__", "_collections_abc", "_sitebuiltins", "abc", "codecs", "encodings", "genericpath", "io"}
_IMPORTED_BEFORE |= {"os", "posixpath", "site", "stat", "zipimport"}


def carry(
    name: str, source: bytes, files: dict[str, bytes], fetch: list[str], arguments: list[str], numbers: list[int]
) -> NoReturn:
    """Run a program with its files. Ends the process; what it sends stands for the returned value.

    That is a dict with ``compiled``, whether the source did; ``files``, pairs of a position in ``fetch`` and contents;
    and ``refused``, pairs of a position and why that file is not among them: an error number, or one of two others.

    Args:
        name: where the program's source is written. All paths begin with a folder of the box: ``work/main.py``.
        source: the program.
        files: written before it starts.
        fetch: read when it has ended.
        arguments: ``sys.argv`` after the program's name.
        numbers: bytes that all fetched files may have together, bytes that the reply may have, bytes of the largest
            file that the program may write.
    """
    room, cap, file_size = numbers
    folders = {each: os.open(f"{_BOX}/{each}", os.O_RDONLY | os.O_DIRECTORY) for each in _FOLDERS}
    os.unlink("main.py")  # this text; tracebacks are to quote the program's
    importing = _import_nothing()
    for path, data in {**files, name: source}.items():
        _write(folders, path, data)
    files.clear()
    compiled, stage = os.pipe()
    interrupt = signal.signal(signal.SIGINT, signal.SIG_DFL)  # not an exception here, should the program send it
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, interrupt)
        sys.path[:], sys.meta_path[:], sys.path_hooks[:] = importing
        os.closerange(_FIRST_OTHER, stage)
        os.closerange(stage + 1, 1 << 30)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
        _become(source, f"{_BOX}/{name}", arguments, stage)
    os.close(stage)
    _, status = os.waitpid(child, 0)
    _end_others()
    _send_all(folders, fetch, room, cap, os.read(compiled, 1) != _NOT_COMPILED)
    _end_as(status)


def _import_nothing() -> tuple[list[Any], list[Any], list[Any]]:
    """Take away the means of importing, of the run's folder above all; return them, for the program."""
    trusted = [folder for folder in sys.path if not folder.startswith(_BOX)]
    importing = trusted, sys.meta_path[:], sys.path_hooks[:]
    for folder in set(sys.path) - set(trusted):
        sys.path_importer_cache.pop(folder, None)  # what it knows of that folder is out of date
    sys.path.clear()
    sys.meta_path.clear()
    sys.path_hooks.clear()
    return importing


def _become(source: bytes, path: str, arguments: list[str], stage: int) -> NoReturn:
    """Compile the program and be it. Its folder is looked in for imports only when it has compiled."""
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except BaseException as error:  # as Python does with what a compiler raises
        os.write(stage, _NOT_COMPILED)
        sys.__excepthook__(type(error), error.with_traceback(None), None)
        os._exit(1)
    os.close(stage)
    folder, name = os.path.split(path)
    _forget_modules_of(folder)
    sys.path.insert(0, folder)
    sys.argv[:] = [name, *arguments]
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
        if isinstance(error, KeyboardInterrupt):
            _be_interrupted()
        raise SystemExit(1) from None
    raise SystemExit(0)


def _forget_modules_of(folder: str) -> None:
    """Forget what was imported beforehand and has a namesake in this folder: the program is to import the namesake."""
    for name in {each.partition(".")[0] for each in os.listdir(folder)} & sys.modules.keys():
        if name in _IMPORTED_BEFORE or name in sys.builtin_module_names:
            continue
        spec = external.PathFinder.find_spec(name, [folder])
        if spec is not None and spec.loader is not None:  # a folder without __init__.py gives way
            for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
                del sys.modules[each]
    sys.path_importer_cache.pop(folder, None)  # the program may write modules before the clock of files ticks


def _be_interrupted() -> NoReturn:
    """Let the engine end this process as it ends every interrupted program; the traceback has been shown."""
    hook = sys.excepthook

    def show_nothing(*_: object) -> None:
        sys.excepthook = hook

    sys.excepthook = show_nothing
    raise KeyboardInterrupt from None


def _end_others() -> None:
    """End all other processes of the run, as the end of a run does; return when they are gone."""
    beginning = os.getppid()
    with contextlib.suppress(ProcessLookupError):  # there is no other
        while beginning == 0:
            os.kill(-1, signal.SIGKILL)
            time.sleep(0.001)
    # The first process of a varied run is our parent, and waits for us.
    living = beginning != 0
    while living:
        newest = os.fork()
        if newest == 0:
            os._exit(0)
        os.waitpid(newest, 0)
        living = False
        for process in set(range(2, newest)) - {beginning, os.getpid()}:
            with contextlib.suppress(ProcessLookupError):  # this one has ended
                os.kill(process, signal.SIGKILL)
                living = True
        time.sleep(0.001 if living else 0)


def _end_as(status: int) -> NoReturn:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with contextlib.suppress(OSError, ValueError):  # SIGKILL, and the signals that libc keeps to itself
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def _open_parent(folders: dict[str, int], path: str, make: bool = False) -> tuple[int, str]:
    """The folder of a file, opened without following a link, and the file's name in it."""
    first, *parents, name = path.split("/")
    within = os.dup(folders[first])
    try:
        for each in parents:
            if make:
                with contextlib.suppress(FileExistsError):  # of an earlier file; what is no folder fails below
                    os.mkdir(each, dir_fd=within)
            inner = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
            os.close(within)
            within = inner
    except BaseException:  # raised again
        os.close(within)
        raise
    return within, name


def _write(folders: dict[str, int], path: str, data: bytes) -> None:
    within, name = _open_parent(folders, path, make=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(name, flags, 0o644, dir_fd=within), "wb") as file:
        file.write(data)
    os.close(within)


def _send_all(folders: dict[str, int], fetch: list[str], room: int, cap: int, compiled: bool) -> None:
    """Send the reply, a file at a time; nothing where the entries alone would be more than is kept of a reply."""
    if _ENVELOPE + _ENTRY * len(fetch) > cap:
        return
    refused: list[tuple[int, int]] = []
    separator = b'{"files":['
    for position, path in enumerate(fetch):
        try:
            descriptor, size = _open(folders, path)
        except OSError as error:
            refused.append((position, error.errno or _NO_FILE))
            continue
        if size < 0 or size > room:
            refused.append((position, _NO_FILE if size < 0 else _TOO_LARGE))
        else:
            room -= size
            _send(b'%s[%d,{"$bytes":"' % (separator, position))
            while size > 0 and (chunk := _read(descriptor, min(size, _CHUNK))):
                size -= len(chunk)
                _send(base64.b64encode(chunk))
            _send(b'"}]')
            separator = b","
        os.close(descriptor)
    rest = {"compiled": compiled, "refused": refused}
    _send((b"" if separator == b"," else separator) + b"]," + json.dumps(rest).encode()[1:] + b"\n")


def _open(folders: dict[str, int], path: str) -> tuple[int, int]:
    """A file that is to be read, following nothing, and its size; -1 for what is no regular file."""
    within, name = _open_parent(folders, path)
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=within)
    finally:
        os.close(within)
    found = os.fstat(descriptor)
    return descriptor, found.st_size if stat.S_ISREG(found.st_mode) else -1


def _read(descriptor: int, size: int) -> bytes:
    data = os.read(descriptor, size)
    while len(data) < size and (more := os.read(descriptor, size - len(data))):
        data += more
    return data


def _send(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(_VALUE, view) :]
