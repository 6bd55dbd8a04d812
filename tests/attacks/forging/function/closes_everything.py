"""Closes all descriptors, so that the sandbox and not the program seems to fail.

Truth: runtime_error
"""

import os


def solve(*args):
    os.closerange(0, 1 << 20)
    return "anything"
