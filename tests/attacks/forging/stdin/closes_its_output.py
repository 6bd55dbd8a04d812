"""Closes stdout at once: an answer that cannot be read cannot be wrong.

Truth: wrong_answer
"""

import os

os.close(1)
os.close(2)
os._exit(0)
