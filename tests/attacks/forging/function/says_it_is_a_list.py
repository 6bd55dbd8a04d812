"""An object whose ``__class__`` says that it is a list, and whose type has a name in no text at all.

Truth: wrong_answer
"""


class Pretender:
    __class__ = property(lambda self: list)

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


Pretender.__qualname__ = "builtins.list\x00\x1b]0;accepted\x07\ud800"


def solve(*args):
    return Pretender()
