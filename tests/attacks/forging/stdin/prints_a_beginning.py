"""Prints the first word of an answer only, for graders that compare as far as the shorter goes.

Truth: wrong_answer
"""

print(input()[:1])
