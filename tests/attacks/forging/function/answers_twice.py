"""Both the parent and its child return: two answers, in the hope that one is taken and one compared.

Truth: runtime_error or wrong_answer
"""

import posix


def solve(*args):
    return 1 if posix.fork() else 2
