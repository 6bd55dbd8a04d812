"""Prints without end on stdout and stderr in turn.

Truth: output_limit
"""

import os

while True:
    os.write(1, b"1 " * 30_000)
    os.write(2, b"1 " * 30_000)
