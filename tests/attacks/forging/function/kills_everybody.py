"""Kills pid 1, its parent, its group and everybody, so that the sandbox and not the program seems to fail.

Truth: runtime_error
Unboxed: it would kill every process of its user
"""

import os
import signal


def solve(*args):
    for pid in (1, os.getppid(), os.getpid() - 1, 0, -1):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue
    os._exit(0)
