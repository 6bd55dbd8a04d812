"""Takes away every alarm, ignores every signal, makes time stand still for whoever measures it here, and never answers.

Truth: time_limit
"""

import signal
import time

time.time = time.monotonic = time.perf_counter = time.process_time = lambda: 0.0
for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
    signal.setitimer(timer, 0)
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
while time.time() < 1:
    pass
