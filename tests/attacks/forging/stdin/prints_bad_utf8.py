"""Prints bytes that are no text, so that the reader and not the program fails.

Truth: wrong_answer
"""

import os

os.write(1, b"\xff\xfe\xc0\x80\xed\xa0\x80\xf5\n" * 1000)
