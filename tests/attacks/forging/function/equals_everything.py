"""An object that is equal to everything, on either side, in either direction, as often as asked.

Truth: wrong_answer
"""


class Equal:
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __eq__

    def __hash__(self):
        return 0

    def __sub__(self, other):
        return 0

    __rsub__ = __abs__ = __sub__

    def __getattr__(self, name):
        return self

    def __call__(self, *args, **kwargs):
        return self


def solve(*args):
    return Equal()
