"""Prints NaN for every number, of which every comparison is false, "further off than the tolerance" included.

Truth: wrong_answer
"""

import sys

print(*["nan"] * len(sys.stdin.read().split()))
