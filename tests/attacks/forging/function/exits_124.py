"""Exits with 124, what timeout(1) says of a program that was too slow.

Truth: runtime_error
"""

import os


def solve(*args):
    os._exit(124)
