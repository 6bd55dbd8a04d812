"""Runs in the sandbox in place of a program with files: writes them, starts the program, and reads the files it leaves.

Nothing here is a security boundary. The engine calls ``copy_and_run`` as it calls any function of a client. There are
two processes:

    driver      this one. Before it writes the first of the client's files, it disables its own imports. It compiles
                nothing of the client's and prints no traceback, so that no code of the client's runs in it, whatever
                the files are called. It alone holds the descriptor of the returned value.
    program     its child, with imports enabled and without that descriptor. It compiles the program and runs it.

When the program has ended, the driver kills every other process of the run, reads the files, sends them, and ends as
the program ended, by the same exit code or signal. So the status of the run is the kernel's, with files or without.
If the program kills the driver, the run counts as killed.

``harness.serve.files`` reads the text of this file. It is never imported.
"""

from __future__ import annotations

import _frozen_importlib_external as external  # importlib.machinery would be read from disk
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
_VALUE = 3  # descriptor from which the engine reads the returned value
_FIRST_OTHER = 3  # first of the descriptors that the program does not get
_NOT_COMPILED = b"C"
_NO_FILE, _TOO_LARGE = -1, -2  # reasons besides those of errno(3); see ``harness.serve.files``
_CHUNK = 3 << 16  # a multiple of three, so that encoded chunks can be joined
_REPLY_OVERHEAD, _ENTRY_OVERHEAD = 64, 28  # bytes of the reply without entries, and of an entry without its file
# Modules that every Python imports at its start, before those of the program. Built-in modules come first as well.
_IMPORTED_BEFORE = {"__main__", "_collections_abc", "_sitebuiltins", "abc", "codecs", "encodings", "genericpath", "io"}
_IMPORTED_BEFORE |= {"os", "posixpath", "site", "stat", "zipimport"}


def copy_and_run(
    name: str, source: bytes, files: dict[str, bytes], fetch: list[str], arguments: list[str], numbers: list[int]
) -> NoReturn:
    """Run a program with its files, and end this process. The reply is sent in place of a returned value.

    The reply is a dict: ``compiled``, whether the source compiled; ``files``, pairs of a position in ``fetch`` and
    contents; ``refused``, pairs of a position and the reason why the file is not returned, a number of errno(3),
    ``_NO_FILE`` or ``_TOO_LARGE``.

    Args:
        name: path at which the program's source is written. Paths start with a folder of the sandbox: ``work/main.py``.
        source: the program.
        files: written before the program starts; contents by path.
        fetch: paths of files to read when it has ended.
        arguments: ``sys.argv`` after the program's name.
        numbers: the most bytes of all returned files together, of the reply, and of a file that the program writes.
    """
    max_files, max_reply, file_size = numbers
    folders = {each: os.open(f"{_BOX}/{each}", os.O_RDONLY | os.O_DIRECTORY) for each in _FOLDERS}
    os.unlink("main.py")  # this text, which tracebacks would quote instead of the program's
    importing = _disable_imports()
    for path, data in {**files, name: source}.items():
        _write(folders, path, data)
    files.clear()
    compiled, stage = os.pipe()
    interrupt = signal.signal(signal.SIGINT, signal.SIG_DFL)  # if the program sends it, no exception is raised here
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, interrupt)
        sys.path[:], sys.meta_path[:], sys.path_hooks[:] = importing
        os.closerange(_FIRST_OTHER, stage)
        os.closerange(stage + 1, 1 << 30)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
        _run_program(source, f"{_BOX}/{name}", arguments, stage)
    os.close(stage)
    _, status = os.waitpid(child, 0)
    _end_others()
    _send_all(folders, fetch, max_files, max_reply, os.read(compiled, 1) != _NOT_COMPILED)
    _end_as(status)


def _disable_imports() -> tuple[list[Any], list[Any], list[Any]]:
    """Disable imports in this process. Returns ``sys.path``, ``sys.meta_path`` and path hooks for the program."""
    trusted = [folder for folder in sys.path if not folder.startswith(_BOX)]
    importing = trusted, sys.meta_path[:], sys.path_hooks[:]
    for folder in set(sys.path) - set(trusted):
        sys.path_importer_cache.pop(folder, None)  # its listing of that folder is out of date
    sys.path.clear()
    sys.meta_path.clear()
    sys.path_hooks.clear()
    return importing


def _run_program(source: bytes, path: str, arguments: list[str], stage: int) -> NoReturn:
    """Compile the program and run it. Imports from its folder are enabled only after it has compiled."""
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except BaseException as error:  # as Python does if a program does not compile
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
    except BaseException as error:  # as Python does if a program raises
        traceback = error.__traceback__
        frames = traceback.tb_next if traceback is not None else None
        sys.excepthook(type(error), error.with_traceback(frames), frames)
        if isinstance(error, KeyboardInterrupt):
            _end_interrupted()
        raise SystemExit(1) from None
    raise SystemExit(0)


def _forget_modules_of(folder: str) -> None:
    """Forget imported modules that have a namesake in this folder, so that the program imports the namesake."""
    for name in {each.partition(".")[0] for each in os.listdir(folder)} & sys.modules.keys():
        if name in _IMPORTED_BEFORE or name in sys.builtin_module_names:
            continue
        spec = external.PathFinder.find_spec(name, [folder])
        if spec is not None and spec.loader is not None:  # not for a namespace package, which comes last
            for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
                del sys.modules[each]
    sys.path_importer_cache.pop(folder, None)  # the program may write modules within one tick of the clock


def _end_interrupted() -> NoReturn:
    """Let the engine end this process as it ends every interrupted program. The traceback has been printed."""
    hook = sys.excepthook

    def print_nothing(*_: object) -> None:
        sys.excepthook = hook

    sys.excepthook = print_nothing
    raise KeyboardInterrupt from None


def _end_others() -> None:
    """Kill all other processes of the run, and return when they have ended."""
    init = os.getppid()
    with contextlib.suppress(ProcessLookupError):  # there are no others
        while init == 0:
            os.kill(-1, signal.SIGKILL)
            time.sleep(0.001)
    # In a run with varied determinism the first process is the parent, which waits for this one.
    living = init != 0
    while living:
        newest = os.fork()
        if newest == 0:
            os._exit(0)
        os.waitpid(newest, 0)
        living = False
        for process in set(range(2, newest)) - {init, os.getpid()}:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                os.kill(process, signal.SIGKILL)
                living = True
        time.sleep(0.001 if living else 0)


def _end_as(status: int) -> NoReturn:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with contextlib.suppress(OSError, ValueError):  # SIGKILL, and the signals that libc reserves
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def _open_parent(folders: dict[str, int], path: str, make: bool = False) -> tuple[int, str]:
    """The folder of a file, opened without following links, and the file's name in it."""
    first, *parents, name = path.split("/")
    within = os.dup(folders[first])
    try:
        for each in parents:
            if make:
                with contextlib.suppress(
                    FileExistsError
                ):  # made for an earlier file; opening fails below if it is not a folder
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


def _send_all(folders: dict[str, int], fetch: list[str], max_files: int, max_reply: int, compiled: bool) -> None:
    """Send the reply, one file at a time. Sends nothing if the entries alone exceed the size of a reply."""
    if _REPLY_OVERHEAD + _ENTRY_OVERHEAD * len(fetch) > max_reply:
        return
    refused: list[tuple[int, int]] = []
    separator = b'{"files":['
    for position, path in enumerate(fetch):
        try:
            descriptor, size = _open(folders, path)
        except OSError as error:
            refused.append((position, error.errno or _NO_FILE))
            continue
        if size < 0 or size > max_files:
            refused.append((position, _NO_FILE if size < 0 else _TOO_LARGE))
        else:
            max_files -= size
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
    """Open a file without following links. Returns its descriptor and size, the size -1 if it is not a regular file."""
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
