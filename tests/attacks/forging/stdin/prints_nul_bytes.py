"""Ends its wrong answer with a zero byte, where readers in C stop comparing.

Truth: wrong_answer
"""

import os

os.write(1, b"\0" + os.read(0, 100) + b"\0\n")
