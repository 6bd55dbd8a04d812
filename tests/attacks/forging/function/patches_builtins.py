"""Replaces the builtins that a comparison is made of.

Truth: wrong_answer or runtime_error
"""

import builtins

builtins.sum = builtins.len = builtins.abs = builtins.round = lambda *args, **kwargs: 0
builtins.all = builtins.any = builtins.isinstance = builtins.issubclass = lambda *args: True
builtins.sorted = builtins.set = builtins.list = builtins.tuple = lambda *args, **kwargs: ()
builtins.AssertionError = builtins.Exception = builtins.NameError = type("Fine", (BaseException,), {})


def solve(*args):
    return ()
