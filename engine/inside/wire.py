"""The messages between a worker's supervisor and its jail, for both sides (``zygote.py`` has their order).

Standard library only: the jail imports this file by its bare name.
"""

import struct

# Zygote to supervisor, once each: it has started (the kernel adds its pid), and it is warm.
HELLO, BORN = b"hello", b"born"

# Supervisor to zygote, once: lengths of the outer and the inner filter, followed by the outer, inner and last filter.
SETUP = struct.Struct("<HH")

# Child to supervisor, with the descriptors of init, of the filter's listener and of the stage pipe.
READY = b"ready"

# Supervisor to child: five rlimits; the lengths of entry, arguments and source; whether a function is called, whether
# the run is varied, and its clock. With the descriptors of program, stdin, stdout, stderr and value.
JOB = struct.Struct("<8Q??d")

# On the stage pipe: the child has its job; the source does not compile.
HAS_JOB, NOT_COMPILED = b"J", b"C"

# Zygote to supervisor when a run is over: wait status of the program's first process, then its struct rusage
# (seconds and microseconds of user and of system time, peak resident KiB), then the beginning of init's /proc/pid/stat.
REPORT = struct.Struct("=8si4x5q104x96s")
REPORT_KIND = b"report  "
REPORT_STATUS, REPORT_USAGE, REPORT_STAT = 8, 16, 160  # where the fields begin
STAT_SIZE = 96


def is_report(message: bytes) -> bool:
    """Whether a message reports the end of a run."""
    return len(message) == REPORT.size and message.startswith(REPORT_KIND.rstrip())
