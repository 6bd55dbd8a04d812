"""Becomes another program, in the hope that the new one is not watched.

Truth: wrong_answer
"""

import os

os.execv("/proc/self/exe", ["python3", "-S", "-c", "print('anything')"])
