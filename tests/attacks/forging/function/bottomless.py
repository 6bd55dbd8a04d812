"""A list that contains itself: recursion for ever in whoever compares it.

Truth: runtime_error
"""


def solve(*args):
    answer = []
    answer.append(answer)
    return answer
