"""Raises an exception that runs code in whoever describes it: its text reaches for the list of results.

Truth: runtime_error
"""

import sys


class Evil(BaseException):
    def __str__(self):
        frame = sys._getframe(1)
        while frame is not None:
            if hasattr(frame.f_locals.get("result"), "append"):
                frame.f_locals["result"].append("passed")
            frame = frame.f_back
        return "passed"

    __repr__ = __str__

    @property
    def __class__(self):
        return SystemExit


def solve(*args):
    raise Evil
