"""An empty collection, all of whose items are right.

Truth: wrong_answer
"""


def solve(*args):
    return type(args[0])()
