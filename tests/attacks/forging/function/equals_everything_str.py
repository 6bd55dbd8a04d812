"""A ``str`` that is equal to everything, before and after stripping and splitting.

Truth: wrong_answer
"""


class Equal(str):
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0

    def strip(self, *args):
        return self

    def split(self, *args):
        return [self]


def solve(*args):
    return Equal("anything")
