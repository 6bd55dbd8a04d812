"""Loads a program once in the sandbox, and runs it on one input after the other.

``harness.judge.batch`` prepends the text of this file to the program, after that of ``engine.inside.values``. So it
may use only the standard library and what that file defines.
"""

from __future__ import annotations

import atexit
import builtins
import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

MAIN = "main.py"


def run_repeatedly(
    source: bytes, entry: str | None, loads: Callable[[bytes], Any], dumps: Callable[[Any], bytes]
) -> None:
    """Read a list of inputs from stdin, and write one line per input to stdout: ``[ended well, answer]``.

    Args:
        source: the program.
        entry: name of the function to call with each input; None to run the whole program with the input on stdin.
        loads: decodes the list of inputs.
        dumps: encodes one line.
    """
    inputs = loads(sys.stdin.buffer.read())
    results = os.dup(1)
    code = compile(source, MAIN, "exec", dont_inherit=True)
    answers = whole_runs(code, inputs) if entry is None else calls(code, entry, inputs)
    for answer in answers:
        os.write(results, dumps(answer) + b"\n")
    os._exit(0)


def calls(code: Any, entry: str, inputs: list[list[Any]]) -> Iterator[list[Any]]:
    """The answers of a function. What it prints is discarded."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.dup2(null, 2)
    module = fresh_module("solution")
    exec(code, module.__dict__)  # noqa: S102  running programs is the point, and this is the sandbox
    first, *rest = entry.split(".")
    function = module.__dict__[first]
    for name in rest:
        function = getattr(function, name)
    for arguments in inputs:
        try:
            yield [True, function(*arguments)]
        except BaseException:  # whatever the function raises, it has failed
            yield [False, None]


def whole_runs(code: Any, inputs: list[bytes]) -> Iterator[list[Any]]:
    """What the whole program prints for each input. Every run has new globals."""
    null = os.open(os.devnull, os.O_RDWR)
    for data in inputs:
        for number in (0, 1, 2):  # the previous run may have closed them, and no other file may get these numbers
            os.dup2(null, number)
        given, printed = os.memfd_create("in"), os.memfd_create("out")
        os.write(given, data)
        os.lseek(given, 0, os.SEEK_SET)
        os.dup2(given, 0)
        os.dup2(printed, 1)
        for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
            stream = open(number, mode, closefd=False)  # noqa: SIM115  the program may close it
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        ended_well = runs_well(code)
        size = os.lseek(printed, 0, os.SEEK_END)
        yield [ended_well, os.pread(printed, size, 0)]
        os.close(given)
        os.close(printed)


def runs_well(code: Any) -> bool:
    """Run the program to its end, including threads, exit handlers and buffers. Returns whether it succeeded."""
    try:
        try:
            exec(code, fresh_module("__main__").__dict__)  # noqa: S102  as above
        finally:
            for thread in other_threads():
                thread.join()
            atexit._run_exitfuncs()
            if not sys.stdout.closed:
                sys.stdout.flush()
    except SystemExit as end:
        return not end.code
    except BaseException:  # exit status 1, as Python has it for every exception
        return False
    return True


def other_threads() -> list[Any]:
    """The threads that Python waits for at its end."""
    threading = sys.modules.get("threading")
    if threading is None:
        return []
    current = threading.current_thread()
    return [thread for thread in threading.enumerate() if thread is not current and not thread.daemon]


def fresh_module(name: str) -> ModuleType:
    """A new module with the attributes that Python gives to a program."""
    module = ModuleType(name)
    module.__dict__.update({"__file__": MAIN, "__cached__": None, "__annotations__": {}, "__builtins__": builtins})
    sys.modules[name] = module
    return module
