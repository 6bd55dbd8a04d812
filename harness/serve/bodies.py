"""Request bodies: strict JSON parsing, and a thread for the work on large ones.

The event loop serves all clients, so nothing on it may take long. A thread helps only against loops written in Python:
a loop in C holds the interpreter lock, so the input of those is bounded (``MAX_VALUES``).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from semi_instruct.harness import strict_json
from semi_instruct.harness.serve.errors import BodyTooLarge, MalformedBody

MAX_ENTRIES = 20_000
"""Entries of the request's own lists and objects, together: they are checked on the event loop."""

MAX_VALUES = 250_000
"""Commas, brackets and braces outside of strings. The parser makes this many values in about 40 ms, without a switch
to another thread."""

MAX_ESCAPES = 4_000_000
"""Backslashes. The parser decodes this many escapes in about 40 ms, without a switch to another thread."""

LARGE_BODY = 64 << 10
"""Bytes from which a body is processed on a thread. The work on a smaller one costs less than switching threads."""

_SCHEMA_DEPTH = 4  # how deep schemas name fields: runs, one run, its files, one file
_MAY_BE_A_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SCALARS = (type(None), bool, int, float, str)
_IS_LARGE = "is_large"


def parse(body: bytes) -> Any:
    """The data in a body.

    Raises:
        MalformedBody: the body is not JSON in UTF-8, is nested too deeply, has a duplicate key, a number out of range,
            a lone surrogate (which cannot be sent on), or more than ``MAX_ENTRIES`` entries.
        BodyTooLarge: the body has more than ``MAX_VALUES`` values or ``MAX_ESCAPES`` backslashes.
    """
    if strict_json.has_more_marks(body, MAX_VALUES):
        raise BodyTooLarge(f"the body has more than {MAX_VALUES} values")
    if body.count(b"\\") > MAX_ESCAPES:
        raise BodyTooLarge(f"the body has more than {MAX_ESCAPES} backslashes: send large data as files in base64")
    try:
        text = body.decode("utf-8")
        data = strict_json.loads(text)
        if _MAY_BE_A_SURROGATE.search(body):
            json.dumps(data, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise MalformedBody("the body is nested too deeply") from None
    except UnicodeEncodeError:
        raise MalformedBody("the body contains a lone surrogate, which is not valid text") from None
    except UnicodeDecodeError:
        raise MalformedBody("the body is not UTF-8") from None
    except ValueError as error:
        raise MalformedBody(f"the body is not JSON: {error}") from None
    if (found := _entries(data, _SCHEMA_DEPTH)) > MAX_ENTRIES:
        raise MalformedBody(
            f"the body has {found} entries: expected at most {MAX_ENTRIES}, not counting those inside args"
        )
    return data


def _entries(data: Any, levels: int) -> int:
    """The number of entries in the first levels. The arguments of a function may be of any size."""
    if not levels or not isinstance(data, dict | list):
        return 0
    inner = data if isinstance(data, list) else [value for key, value in data.items() if key != "args"]
    args = data.get("args") if isinstance(data, dict) else None
    return len(data) + (len(args) if isinstance(args, list) else 0) + sum(_entries(each, levels - 1) for each in inner)


class StrictRoute(APIRoute):
    """A route whose bodies are parsed by ``parse``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, called with a request that parses strictly."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return handle_strictly


class _StrictRequest(Request):
    async def json(self) -> Any:
        body = await self.body()
        self.scope.setdefault("state", {})[_IS_LARGE] = len(body) > LARGE_BODY
        try:
            return await with_request(self, parse, body)
        except (MalformedBody, BodyTooLarge) as error:
            # FastAPI replaces all other exceptions by one of its own.
            raise HTTPException(error.status, str(error)) from None


async def with_request[**P, Result](
    request: Request, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs
) -> Result:
    """Call a function that works on a request's data; on a thread if its body is large."""
    if request.scope.get("state", {}).get(_IS_LARGE, False):
        return await asyncio.to_thread(function, *args, **kwargs)
    return function(*args, **kwargs)


async def with_value[**P, Result](
    value: object, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs
) -> Result:
    """Call a function that works on a returned value; on a thread unless the value is a scalar."""
    if isinstance(value, _SCALARS):
        return function(*args, **kwargs)
    return await asyncio.to_thread(function, *args, **kwargs)
