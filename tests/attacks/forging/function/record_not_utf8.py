"""Writes a record that is not text, so that the reader and not the program fails.

Truth: runtime_error
"""

import os


def solve(*args):
    os.write(3, b'"\xff\xfe\xc0\x80\xed\xa0\x80"\n')
    os._exit(0)
