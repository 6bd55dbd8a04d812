"""A thread ends the process with exit code 0 while the function is still at work.

Truth: runtime_error
"""

import os
import threading
import time


def solve(*args):
    threading.Timer(0.01, os._exit, (0,)).start()
    time.sleep(60)
