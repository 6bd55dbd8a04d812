"""Run one Python program in this process, as ``python main.py`` would, or call one function of it.

Nothing here is a wall: the walls are set up before the program is read, and the program can only harm its own
interpreter. The purpose of this file is fidelity: the same namespaces, messages, exit codes and shutdown as a cold
start.
"""

import _sitebuiltins
import atexit
import builtins
import contextlib
import gc
import math
import os
import signal
import sys

import values
import virtual_clock
import wire

MAIN = "/box/work/main.py"
PACKAGES = "/opt/runtime"
_INTERRUPTED = 256  # not an exit code: Python ends an interrupted program by the signal that interrupted it
_OWN_FILES = (__file__, values.__file__)  # hidden in tracebacks

_exit = os._exit


def prepare_interpreter():
    """Set up what is the same for every program: arguments, path and builtins, without traces of these files."""
    _hide_own_modules()
    _add_site_builtins()
    sys.argv[:] = [os.path.basename(MAIN)]
    sys.path.insert(0, os.path.dirname(MAIN))
    sys.path.append(PACKAGES)


def _hide_own_modules():
    """Remove the modules of this folder, so that a program's imports cannot find them."""
    own = os.path.dirname(__file__)
    sys.path.remove(own)
    for name, module in list(sys.modules.items()):
        if name != "__main__" and (getattr(module, "__file__", None) or "").startswith(own):
            del sys.modules[name]
    sys.path_importer_cache.pop(own, None)


def _add_site_builtins():
    """Add the builtins of ``site``, which is disabled: programs call ``exit()``."""
    end_of_file = "Ctrl-D (i.e. EOF)"
    builtins.quit = _sitebuiltins.Quitter("quit", end_of_file)
    builtins.exit = _sitebuiltins.Quitter("exit", end_of_file)
    builtins.help = _sitebuiltins._Helper()


def write_source(program_fd, lengths):
    """Write the source to the file that tracebacks read. The arguments are those of ``become``.

    This is separate because the run's limit on file sizes does not apply to it.
    """
    *before, left = lengths
    offset = sum(before)
    main = os.open(MAIN, os.O_WRONLY | os.O_CREAT, 0o644)
    while left:
        sent = os.sendfile(main, program_fd, offset, left)
        offset, left = offset + sent, left - sent
    os.close(main)


def become(program_fd, lengths, stage_fd, value_fd, clock):
    """Read the program, compile it, run it, end the process.

    Args:
        program_fd: a file with the entry, the arguments and the source.
        lengths: the lengths of these three, in bytes.
        stage_fd: receives one byte if the source does not compile; closed before any of it runs.
        value_fd: receives a function's return value; None for a whole program.
        clock: seconds since the epoch at which its clock starts, or nan for the real one.
    """
    if not math.isnan(clock):
        virtual_clock.start(clock)
    entry, arguments, source = _read(program_fd, lengths)
    try:
        code = compile(source, MAIN, "exec", dont_inherit=True)
    except BaseException as error:  # Python prints any exception of the compiler, and ends with 1
        os.write(stage_fd, wire.NOT_COMPILED)
        sys.__excepthook__(type(error), error.with_traceback(None), None)
        _exit(1)
    os.close(stage_fd)
    if value_fd is None:
        os.closerange(3, 1 << 30)
        result = _guard(exec, code, _new_module("__main__"))
    else:
        value_fd = _move_to_3(value_fd)
        result = _guard(_call, code, _new_module("solution"), entry, arguments, value_fd)
    _end(result)


def _read(program_fd, lengths):
    total = sum(lengths)
    data = os.read(program_fd, total)
    while len(data) < total:  # one read returns at most 2 GiB
        data += os.read(program_fd, total - len(data))
    os.close(program_fd)
    entry, arguments, _ = lengths
    return data[:entry].decode(), data[entry : entry + arguments], data[entry + arguments :]


def _move_to_3(descriptor):
    if descriptor != 3:
        os.dup2(descriptor, 3, inheritable=False)
    os.closerange(4, 1 << 30)
    return 3


def _new_module(name):
    """The namespace of a new main module."""
    module = type(sys)(name)
    module.__file__ = MAIN
    module.__cached__ = None
    module.__annotations__ = {}
    module.__builtins__ = builtins
    sys.modules[name] = module
    return module.__dict__


def _guard(function, *arguments):
    """Call a function and return Python's exit code: 0, that of SystemExit, 1 or ``_INTERRUPTED`` after a traceback."""
    try:
        function(*arguments)
    except SystemExit as error:
        return _exit_code(error.code)
    except BaseException as error:  # any exception of a program is printed as Python prints it
        frames = error.__traceback__.tb_next
        while frames is not None and frames.tb_frame.f_code.co_filename in _OWN_FILES:
            frames = frames.tb_next
        sys.excepthook(type(error), error.with_traceback(frames), frames)
        return _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _exit_code(code):
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if -(2**63) <= code < 2**63 else 0xFF
    print(code, file=sys.stderr)
    return 1


def _call(code, namespace, entry, arguments, value_fd):
    exec(code, namespace)
    first, *rest = entry.split(".")
    if first not in namespace:
        raise NameError(f"the program defines no {entry!r}")
    target = namespace[first]
    for name in rest:
        target = getattr(target, name)
    returned = target(*values.loads(arguments))
    _write_all(value_fd, values.dumps(returned) + b"\n")


def _write_all(descriptor, data):
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _end(code):
    """Shut down as Python does: wait for threads, run exit handlers, flush, drop the program's module so that its files
    are flushed and its finalizers run, and report lost output.
    """
    threading = sys.modules.get("threading")
    if threading is not None:
        _guard(threading._shutdown)
    _guard(atexit._run_exitfuncs)
    lost = not flush_all()
    sys.modules.pop("__main__", None)
    sys.modules.pop("solution", None)
    gc.collect()
    lost = not flush_all(reported=lost) or lost
    if code == _INTERRUPTED:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    _exit(120 if lost else code)


def flush_all(reported=False):
    """Flush the standard streams and the program's replacements of them; False if output of stdout is lost.

    Args:
        reported: whether the loss has already been reported on stderr.
    """
    kept = True
    streams = []
    for stream in (sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__):
        if any(stream is each for each in streams):
            continue
        streams.append(stream)
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except BaseException as error:  # the stream may be an object of the program
            if stream is sys.stdout:
                kept = False
                if not reported:
                    _tell_unraisable(stream, error)
    return kept


def _tell_unraisable(culprit, error):
    with contextlib.suppress(Exception):  # stderr may be an object of the program, too
        print(f"Exception ignored in: {culprit!r}", file=sys.stderr)
    sys.__excepthook__(type(error), error.with_traceback(None), None)
