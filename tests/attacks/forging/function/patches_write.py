"""Wraps the call that carries its answer out, to send a second record after the first.

Truth: runtime_error or wrong_answer
"""

import os

write = os.write


def twice(descriptor, data):
    write(descriptor, data)
    return write(descriptor, b"true\n") and len(data)


def solve(*args):
    os.write = twice
    return "anything"
