"""Prints numbers that overflow to infinity, next to which every difference is small.

Truth: wrong_answer
"""

import sys

print(*["1e999"] * len(sys.stdin.read().split()))
