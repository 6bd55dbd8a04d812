"""Leaves with exit code 0 before anything can be compared.

Truth: runtime_error
"""

import sys


def solve(*args):
    sys.exit(0)
