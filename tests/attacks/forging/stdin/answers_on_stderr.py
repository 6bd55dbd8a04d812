"""Writes on stderr, for runners that mix both streams, and ends well.

Truth: wrong_answer
"""

import sys

print(input(), file=sys.stderr)
