"""Uses up all descriptors, so that nobody can open what an answer needs.

Truth: wrong_answer or runtime_error
"""

import os


def solve(*args):
    while True:
        try:
            os.dup(1)
        except OSError:
            return "anything"
