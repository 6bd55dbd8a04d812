"""Finds the engine's own encoder through the frames, and has it write what no value of Python's is encoded as.

Truth: wrong_answer or runtime_error
"""

import sys


def solve(*args):
    frame = sys._getframe(1)
    while frame is not None:
        values = frame.f_globals.get("values")
        if values is not None and hasattr(values, "dumps"):
            values.dumps = lambda value: b'{"$opaque": "accepted", "$equal": "everything"}'
            values.encode = lambda value, depth=0: {"$expected": None}
        frame = frame.f_back
    return "anything"
