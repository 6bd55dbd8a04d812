"""A class whose metaclass makes it equal to everything and lies about its name and its type.

Truth: wrong_answer
"""


class Meta(type):
    __name__ = "int"
    __module__ = "builtins"
    __class__ = int

    def __eq__(cls, other):
        return True

    def __hash__(cls):
        return 0

    def __instancecheck__(cls, instance):
        return True


class Equal(metaclass=Meta):
    pass


def solve(*args):
    return Equal
