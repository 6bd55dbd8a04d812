"""Prints what it reads.

Truth: wrong_answer
"""

import sys

sys.stdout.write(sys.stdin.read())
