"""Writes its record in UTF-16, which JSON parsers guess, to slip past whoever counts bytes.

Truth: wrong_answer or runtime_error
"""

import os


def solve(*args):
    os.write(3, "[[[[true]]]]".encode("utf-16-be") + b"\0\n")
    os._exit(0)
