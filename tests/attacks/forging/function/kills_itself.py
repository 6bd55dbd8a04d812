"""Dies by SIGKILL, as a program does that was killed for its use of time or memory.

Truth: runtime_error
"""

import os
import signal


def solve(*args):
    signal.pidfd_send_signal(os.pidfd_open(os.getpid()), signal.SIGKILL)
