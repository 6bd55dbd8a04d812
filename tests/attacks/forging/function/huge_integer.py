"""An integer of a million digits, quadratic to print and to read.

Truth: wrong_answer
"""


def solve(*args):
    return 1 << 3_321_928
