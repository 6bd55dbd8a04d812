"""Writes on every descriptor but its own stdout.

Truth: wrong_answer
"""

import contextlib
import os

for descriptor in (0, *range(2, 256)):
    with contextlib.suppress(OSError):  # where a wall stands
        os.write(descriptor, b"report  accepted\n")
