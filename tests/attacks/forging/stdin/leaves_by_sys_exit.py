"""Leaves with exit code 0 and no word.

Truth: wrong_answer
"""

import sys

sys.exit(0)
