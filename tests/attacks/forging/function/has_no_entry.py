"""Defines no function of the name that is called.

Truth: runtime_error
"""


def solved(*args):
    return "anything"
