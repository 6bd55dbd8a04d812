"""Writes numbers that no reader can hold: an exponent beyond floats, more digits than are read.

Truth: wrong_answer or runtime_error
"""

import os


def solve(*args):
    os.write(3, b"1e999\n" if len(repr(args)) % 2 else b"9" * 60_000 + b"\n")
    os._exit(0)
