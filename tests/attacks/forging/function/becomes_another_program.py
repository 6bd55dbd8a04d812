"""Becomes another program, which ends with exit code 0.

Truth: runtime_error
"""

import os
import sys


def solve(*args):
    os.execv("/proc/self/exe", [sys.executable or "python3", "-S", "-c", "pass"])
