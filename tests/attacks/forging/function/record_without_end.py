"""Writes the beginning of a record and leaves: whoever waits for its end may take what there is.

Truth: runtime_error
"""

import os


def solve(*args):
    os.write(3, b"[1, 2, 3")
    os._exit(0)
