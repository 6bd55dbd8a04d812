"""Reopens its standard streams through /proc: reads back what was printed, writes before what was read.

Truth: wrong_answer or runtime_error
"""

import os

for path in ("/proc/self/fd/1", "/dev/stdout", "/proc/self/fd/0", "/dev/stdin"):
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
        try:
            descriptor = os.open(path, flags | os.O_NONBLOCK)
            os.write(descriptor, b"anything\n")
            os.write(1, os.read(descriptor, 1000))
        except OSError as error:
            print(error.errno)
