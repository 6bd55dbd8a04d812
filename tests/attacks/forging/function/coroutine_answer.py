"""A coroutine that nobody awaits: an answer that is never given cannot be wrong.

Truth: wrong_answer
"""


async def solve(*args):
    return args
