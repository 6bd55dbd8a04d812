"""Prints patterns that match everything, for graders that compare by pattern.

Truth: wrong_answer
"""

print(".*|^.*$", "*", "%s", "{}", "$expected", "${answer}", "\\0", "...", "<BLANKLINE>", "# doctest: +ELLIPSIS")
