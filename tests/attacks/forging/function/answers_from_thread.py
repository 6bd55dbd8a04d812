"""A thread writes answers while the function is at work, and after it.

Truth: wrong_answer or runtime_error
"""

import os
import threading


def write():
    for number in range(1000):
        os.write(3, b"%d\n" % number)


def solve(*args):
    threading.Thread(target=write).start()
    return "anything"
