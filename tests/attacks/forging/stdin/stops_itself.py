"""Stops itself and everybody it can, so that nobody is left to end the run.

Truth: time_limit
Unboxed: it would stop every process of its user
"""

import contextlib
import os
import signal

for pid in (-1, os.getpid()):
    with contextlib.suppress(ProcessLookupError):  # where a wall stands
        os.kill(pid, signal.SIGSTOP)
