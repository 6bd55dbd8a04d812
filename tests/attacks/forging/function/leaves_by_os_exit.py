"""Leaves with exit code 0 past every ``except`` and ``finally``.

Truth: runtime_error
"""

import os


def solve(*args):
    os._exit(0)
