"""Leaves a key in the kernel's keyring, which outlives processes, so that later runs find it.

Truth: forbidden_syscall
"""

import ctypes

ADD_KEY, USER_SESSION_KEYRING = 248, -5
print(ctypes.CDLL(None).syscall(ADD_KEY, b"user", b"answers", b"known", 5, USER_SESSION_KEYRING))
