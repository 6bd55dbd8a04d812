"""Writes its numbers in the digits of another script, with underscores, in hexadecimal.

Truth: wrong_answer
"""

import sys

words = sys.stdin.read().split()
print(*(word.translate({48 + digit: 0x660 + digit for digit in range(10)}) + "_0" for word in words), 0xFF, "0x10")
