"""Leaves a child behind that goes on writing answers for as long as it lives.

Truth: wrong_answer or runtime_error
"""

import os
import posix


def solve(*args):
    if posix.fork() == 0:
        os.setsid()
        if posix.fork() == 0:
            while True:
                os.write(3, b"true\n")
        os._exit(0)
    os._exit(0)
