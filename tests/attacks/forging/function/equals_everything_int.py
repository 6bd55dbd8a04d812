"""An ``int`` that is equal to everything.

Truth: wrong_answer
"""


class Equal(int):
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __hash__(self):
        return 0


def solve(*args):
    return Equal(7)
