"""A set of a ten thousand whole numbers, among them the right one.

Truth: wrong_answer
"""


def solve(*args):
    return set(range(10_000))
