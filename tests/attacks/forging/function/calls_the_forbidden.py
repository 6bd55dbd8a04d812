"""Makes a system call that no honest program makes, in the hope that its being stopped counts as the sandbox's fault.

Truth: forbidden_syscall
"""

import ctypes


def solve(*args):
    ctypes.CDLL(None).ptrace(0, 0, 0, 0)
    return "anything"
