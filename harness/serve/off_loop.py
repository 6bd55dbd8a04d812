"""Work on large requests and answers, on a thread beside the one that serves everybody.

A thread helps only against Python's own loops: a loop in C keeps the others waiting, so what those are given is bounded
(``harness.serve.bodies.MOST_VALUES``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import Request

# Bytes of a body. What is done with a smaller one takes less than a switch of threads is worth.
LARGE_BODY = 64 << 10
_IS_LARGE = "is_large"
_PLAIN = (type(None), bool, int, float, str)


def note_size(request: Request, size: int) -> None:
    """Keep in mind whether the body of a request is large."""
    request.scope.setdefault("state", {})[_IS_LARGE] = size > LARGE_BODY


async def with_request[**P, Result](
    request: Request, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs
) -> Result:
    """What a function makes of a request's data; on a thread if its body is large."""
    if request.scope.get("state", {}).get(_IS_LARGE, False):
        return await asyncio.to_thread(function, *args, **kwargs)
    return function(*args, **kwargs)


async def with_value[**P, Result](
    value: object, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs
) -> Result:
    """What a function makes of an outcome; on a thread if the value in it may be large."""
    if isinstance(value, _PLAIN):
        return function(*args, **kwargs)
    return await asyncio.to_thread(function, *args, **kwargs)
