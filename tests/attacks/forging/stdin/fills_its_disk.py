"""Fills every place it may write, and ends well: the next sandbox is to find no room.

Truth: wrong_answer or memory_limit
Unboxed: it fills the disk
"""

import contextlib

for folder in ("/tmp", "/dev/shm", "/box/work"):
    with contextlib.suppress(OSError), open(f"{folder}/full", "wb") as file:  # where a wall stands
        while True:
            file.write(b"x" * (1 << 20))
    with contextlib.suppress(OSError):  # where a wall stands
        for number in range(10_000):
            open(f"{folder}/{number}", "w").close()
