"""Returns what runs code in whoever pickles or copies it, and what runs code in whoever unpickles it.

Truth: wrong_answer
"""

import os


class Evil:
    def __reduce_ex__(self, protocol):
        return os._exit, (0,)

    def __copy__(self):
        os._exit(0)

    def __deepcopy__(self, memo):
        os._exit(0)

    def __repr__(self):
        os._exit(0)

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


def solve(*args):
    return Evil()
