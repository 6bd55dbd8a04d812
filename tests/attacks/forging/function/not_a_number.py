"""NaN, of which every comparison is false, "further off than the tolerance" included.

Truth: wrong_answer
"""


def solve(*args):
    return float("nan")
