"""Prints UTF-16 with a byte order mark, for readers that guess.

Truth: wrong_answer
"""

import os

os.write(1, os.read(0, 1000).decode().encode("utf-16"))
