"""Fails, and turns the failure into exit code 0 in an exit handler.

Truth: runtime_error
"""

import atexit
import os

atexit.register(os._exit, 0)


def solve(*args):
    raise ValueError(args)
