"""Scans the heap around its arguments with raw pointers for an int or a float that was made beside them.

Truth: wrong_answer or runtime_error
"""

import ctypes


def solve(*args):
    start = id(args[0]) & ~0xFFFF
    heap = ctypes.string_at(start, 0x10000)
    for offset in range(0, len(heap) - 24, 16):
        if int.from_bytes(heap[offset + 8 : offset + 16], "little") == id(float):
            return ctypes.cast(start + offset, ctypes.py_object).value
    return "stole nothing"
