"""A plain ``dict`` and a plain ``list`` of which every item is equal to everything.

Truth: wrong_answer
"""


class Equal(str):
    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash("a")


def solve(*args):
    return {Equal("a"): [Equal("b")]}
