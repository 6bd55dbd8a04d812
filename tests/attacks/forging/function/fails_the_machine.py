"""Reads from a null pointer: a crash that looks like a defect of the machine it ran on.

Truth: runtime_error
"""

import ctypes


def solve(*args):
    ctypes.string_at(0)
