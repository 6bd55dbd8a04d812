"""Ends at once and leaves a child behind that prints for as long as it lives.

Truth: wrong_answer or output_limit
"""

import os

if os.fork() == 0:
    os.setsid()
    while True:
        os.write(1, b"0\n")
