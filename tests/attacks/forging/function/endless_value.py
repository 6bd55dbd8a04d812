"""A value that does not end: the output limit is all that ends it.

Truth: output_limit
"""


def solve(*args):
    return "x" * (20 << 20)
