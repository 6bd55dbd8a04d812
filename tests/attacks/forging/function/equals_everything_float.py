"""A ``float`` whose distance from everything is zero.

Truth: wrong_answer
"""


class Near(float):
    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__

    def __abs__(self):
        return 0.0

    def __hash__(self):
        return 0


def solve(*args):
    return Near(0.125)
