"""Signals pid 1 of its namespace in every way, so that the run ends by no doing of its own.

Truth: wrong_answer
Unboxed: it signals whatever is pid 1
"""

import os
import signal

for number in signal.valid_signals():
    try:
        os.kill(1, number)
        signal.pidfd_send_signal(os.pidfd_open(1), number)
    except OSError as error:
        print(number, error.errno)
