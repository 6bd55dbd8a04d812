"""Fails, and lets the handler of uncaught exceptions leave with exit code 0.

Truth: runtime_error
"""

import os
import sys

sys.excepthook = lambda *_: os._exit(0)


def solve(*args):
    raise ValueError(args)
