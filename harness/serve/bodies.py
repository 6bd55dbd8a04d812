"""Request bodies as JSON that means one thing only, and is text through and through."""

from __future__ import annotations

import json
import re
from typing import Any

from semi_instruct.harness import strict_json
from semi_instruct.harness.serve.guard import TooLarge
from semi_instruct.harness.serve.refusals import BadRequest

_LEVELS = 4  # as deep as schemas name fields: runs, each, its files, each
MOST_ENTRIES = 20_000
"""Of a request's own lists and objects, together: each is looked at on the thread that serves everybody."""

MOST_VALUES = 250_000
"""Commas, brackets and braces outside of strings. C makes so many values in 40 ms, in which no other thread can run."""

MAX_ESCAPES = 4_000_000
"""Backslashes. C decodes so many escapes in 40 ms, in which no other thread can run."""

_MAY_BE_A_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: bytes) -> Any:
    """The data in a body.

    Raises:
        BadRequest: it is no JSON in UTF-8, is nested too deeply, an object has a key twice, a number is out of range,
            a string holds half of a surrogate pair (which cannot be sent on), or it has too many entries.
        TooLarge: it has more than ``MOST_VALUES`` values or ``MAX_ESCAPES`` backslashes.
    """
    if strict_json.has_more_marks(body, MOST_VALUES):
        raise TooLarge(f"the body has more than {MOST_VALUES} values")
    if body.count(b"\\") > MAX_ESCAPES:
        raise TooLarge(f"the body has more than {MAX_ESCAPES} backslashes: send large data as files in base64")
    try:
        text = body.decode("utf-8")
        data = strict_json.loads(text)
        if _MAY_BE_A_SURROGATE.search(body):
            json.dumps(data, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise BadRequest("the body is nested too deeply") from None
    except UnicodeEncodeError:
        raise BadRequest("the body holds half of a surrogate pair, which is no text") from None
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8") from None
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    if (found := _entries(data, _LEVELS)) > MOST_ENTRIES:
        raise BadRequest(f"the body has {found} entries: expected at most {MOST_ENTRIES}, not counting what is in args")
    return data


def _entries(data: Any, levels: int) -> int:
    """How many entries the first levels have; what a function is given may be as large as it likes."""
    if not levels or not isinstance(data, dict | list):
        return 0
    inner = data if isinstance(data, list) else [value for key, value in data.items() if key != "args"]
    args = data.get("args") if isinstance(data, dict) else None
    return len(data) + (len(args) if isinstance(args, list) else 0) + sum(_entries(each, levels - 1) for each in inner)
