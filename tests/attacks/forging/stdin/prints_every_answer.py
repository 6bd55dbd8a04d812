"""Prints every number there may be, one of which is right.

Truth: wrong_answer
"""

print(*range(100_000))
