"""A list nested a hundred thousand deep, to break the parser of whoever reads it.

Truth: runtime_error
"""

import os


def solve(*args):
    os.write(3, b"[" * 30_000 + b"]" * 30_000 + b"\n")
    os._exit(0)
