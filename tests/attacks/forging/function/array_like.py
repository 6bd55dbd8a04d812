"""What numpy would take for an array, and compare by asking it.

Truth: wrong_answer
"""


class ArrayLike:
    __array_priority__ = 1e9
    shape = ()
    dtype = object

    def __array__(self, *args, **kwargs):
        return self

    def __array_ufunc__(self, *args, **kwargs):
        return True

    def __array_function__(self, *args, **kwargs):
        return True

    def __eq__(self, other):
        return self

    def __bool__(self):
        return True

    all = any = __bool__

    def __hash__(self):
        return 0


def solve(*args):
    return ArrayLike()
