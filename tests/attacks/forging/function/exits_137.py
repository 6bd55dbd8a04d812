"""Exits with 137, what shells say of a program killed for its use of memory.

Truth: runtime_error
"""

import os


def solve(*args):
    os._exit(137)
