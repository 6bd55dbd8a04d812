"""Answers with its own argument, and changes that to whatever comes later.

Truth: wrong_answer
"""


def solve(*args):
    if isinstance(args[0], list):
        args[0].clear()
    return args[0]
