"""The messages between a worker's supervisor and its jail, for both sides (``zygote.py`` has their order).

Standard library only: the jail imports this file by its bare name.
"""

import struct

# The zygote to the supervisor, once: it is there (the kernel adds its pid), and it is warm.
HELLO, BORN = b"hello", b"born"

# The supervisor to the zygote, once, followed by the outer, the inner and the last filter: bytes of the first two.
SETUP = struct.Struct("<HH")

# The child to the supervisor, with the descriptors of init, of the filter's listener and of the stage pipe.
READY = b"ready"

# The supervisor to the child: five rlimits; the lengths of entry, arguments and source; whether a function is called,
# whether the run is varied, and its clock. With the descriptors of program, stdin, stdout, stderr and value.
JOB = struct.Struct("<8Q??d")

# On the stage pipe: the child has its job; the source does not compile.
HAS_JOB, NOT_COMPILED = b"J", b"C"

# The zygote to the supervisor when a run is over: wait status of the program's first process, then its struct rusage
# (seconds and microseconds of user and of system time, peak resident KiB), then the beginning of init's /proc/pid/stat.
REPORT = struct.Struct("=8si4x5q104x96s")
REPORT_KIND = b"report  "
REPORT_STATUS, REPORT_USAGE, REPORT_STAT = 8, 16, 160  # where the fields begin
STAT_SIZE = 96


def is_report(message: bytes) -> bool:
    """Whether a message says that a run is over."""
    return len(message) == REPORT.size and message.startswith(REPORT_KIND.rstrip())
