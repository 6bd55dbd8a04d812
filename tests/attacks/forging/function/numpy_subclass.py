"""A real numpy array of a subclass whose comparison is always true.

Truth: wrong_answer or runtime_error
"""

import numpy


class Equal(numpy.ndarray):
    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0

    __rsub__ = __sub__
    __hash__ = None


def solve(*args):
    return numpy.zeros(3).view(Equal)
