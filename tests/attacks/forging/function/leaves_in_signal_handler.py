"""Spins, until its own alarm clock ends it with exit code 0.

Truth: runtime_error
"""

import os
import signal


def solve(*args):
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    while True:
        pass
