"""Prints without end, to block or to fill whoever reads it.

Truth: output_limit
"""


def solve(*args):
    while True:
        print("x" * (1 << 20), flush=True)
