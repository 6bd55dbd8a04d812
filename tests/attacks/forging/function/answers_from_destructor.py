"""Answers when its module is taken down: a destructor and a weak reference write after the answer was read.

Truth: runtime_error or wrong_answer
"""

import os
import weakref


class Late:
    def __del__(self):
        os.write(3, b"true\n")


KEPT = Late()
REFERENCE = weakref.finalize(KEPT, os.write, 3, b"null\n")


def solve(*args):
    return KEPT
