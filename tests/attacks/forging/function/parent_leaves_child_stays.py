"""The parent leaves with exit code 0; its child carries on and answers nonsense in its place.

Truth: runtime_error or wrong_answer
"""

import os
import posix


def solve(*args):
    if posix.fork():
        os._exit(0)
    return ["the child's"]
