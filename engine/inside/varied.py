"""A run whose conditions differ from those of all other runs, to detect output that is not a function of the input.

After setting up its walls, the child starts a new interpreter instead of using the warm one: with address
randomisation, and with a hash seed, random seeds, a pid, a time of day, a time zone and an environment that differ in
every run. It remains as the parent of the new interpreter and ends with the same status. The child calls
``start_over``, and the new interpreter calls ``main``.
"""

import contextlib
import ctypes
import math
import os
import signal
import sys

_INTERPRETER = "/opt/python/bin/python3"
_EARLIEST, _LATEST = 1_000_000_000, 2_000_000_000  # September 2001 to May 2033
_MAX_PIDS_SKIPPED = 16
_MAX_PADDING = 4096
_RANDOMISED_ADDRESSES = 0  # a personality(2) without ADDR_NO_RANDOMIZE

_entropy = os.getrandom
_personality = ctypes.PyDLL(None).personality


def start_over(program_fd, lengths, stage_fd, value_fd, clock):
    """Run the program in a new interpreter. Never returns. The arguments are those of ``python_program.become``."""
    for _ in range(_below(_MAX_PIDS_SKIPPED)):
        os.waitpid(_start(os._exit, 0), 0)
    if math.isnan(clock):
        clock = _EARLIEST + _below(_LATEST - _EARLIEST)
    descriptors = (program_fd, stage_fd, -1 if value_fd is None else value_fd)
    process = _start(_execute, descriptors, lengths, clock)
    os.closerange(0, 1 << 30)
    _end_as(os.waitpid(process, 0)[1])


def _below(limit):
    return int.from_bytes(_entropy(8)) % limit


def _start(function, *arguments):
    process = os.fork()
    if process == 0:
        try:
            function(*arguments)
        finally:
            os._exit(1)
    return process


def _execute(descriptors, lengths, clock):
    for descriptor in descriptors:
        if descriptor >= 0:
            os.set_inheritable(descriptor, True)
    hours, minutes = _below(24) - 12, _below(60)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    environment["TZ"] = f"<varied>{hours}:{minutes:02}"
    environment["SEMI_INSTRUCT_PADDING"] = "x" * _below(_MAX_PADDING)
    numbers = map(str, (*descriptors, *lengths, clock))
    _personality(_RANDOMISED_ADDRESSES)
    os.execve(_INTERPRETER, ["python3", "-s", "-S", "-P", "-B", __file__, *numbers], environment)


def _end_as(status):
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with contextlib.suppress(OSError, ValueError):  # SIGKILL, and the signals that libc reserves
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def main():
    """In the new interpreter: receive the data from ``_execute`` and become the program."""
    *numbers, clock = sys.argv[1:]
    program_fd, stage_fd, value_fd, *lengths = map(int, numbers)
    sys.path.insert(0, os.path.dirname(__file__))
    import python_program

    python_program.prepare_interpreter()
    value_fd = None if value_fd < 0 else value_fd
    python_program.become(program_fd, lengths, stage_fd, value_fd, float(clock))


if __name__ == "__main__":
    main()
