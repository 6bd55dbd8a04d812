"""Swallows every exception, the time-out of its grader too, and works on for ever.

Truth: time_limit
"""


def solve(*args):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
