"""Forks until nothing can be forked, in the hope that the sandbox's own next fork fails.

Truth: runtime_error or time_limit
Unboxed: a fork bomb
"""

import os


def solve(*args):
    while True:
        os.fork()
