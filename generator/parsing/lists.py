"""A list of items as JSON, in whatever a model puts around it."""

from __future__ import annotations

import json
import math
from typing import Any

from semi_instruct.generator.model import Finish, Text
from semi_instruct.generator.parsing.fences import fenced
from semi_instruct.generator.parsing.parsed import Fault, Parsed
from semi_instruct.generator.parsing.text import LONGEST, general_fault

_OPENING = "[{"
# Places in a text from which JSON is tried; a text of brackets alone would else take for ever.
_MAX_TRIES = 50
_DEEPEST = 50


def items_in(text: Text, name: str) -> Parsed[list[Any]]:
    """The items of a text: ``{name: [...]}``, or the list alone; in a fenced block or among prose, too.

    Of a text that was cut off the whole items are taken, and the fault said beside them.
    """
    fault = general_fault(text)
    if fault not in (None, Fault.DEGENERATE, Fault.TOO_LONG):
        return Parsed(fault=fault)
    content = _data_of(text.content[:LONGEST])
    found = _first_json(content)
    if found is None:
        # Of a list that ends in endless repetition, what came before is as good as any other.
        return Parsed(_whole_items(content), fault or _why_not(content, text.finish))
    items = found.get(name) if isinstance(found, dict) else found
    return Parsed(items) if isinstance(items, list) else Parsed(fault=Fault.WRONG_SHAPE)


def _data_of(content: str) -> str:
    blocks = [block for block in fenced(content).blocks if not block.is_python]
    return blocks[0].content if blocks else content


def _why_not(content: str, finish: Finish) -> Fault:
    if finish is Finish.LENGTH:
        return Fault.CUT_OFF
    return Fault.BROKEN_JSON if content.lstrip()[:1] in ("{", "[") else Fault.PROSE


def _first_json(content: str) -> Any:
    """The first object or list in a text that holds something; None if there is none."""
    start, tries = 0, 0
    while tries < _MAX_TRIES and (start := _next_opening(content, start)) >= 0:
        read = _read(content, start)
        if read is not None and read[0]:
            return read[0]
        # Within a broken list there are whole ones, which are not what was meant.
        if content[:start].strip() == "" and read is None:
            return None
        start, tries = start + 1, tries + 1
    return None


def _next_opening(content: str, start: int) -> int:
    places = [place for mark in _OPENING if (place := content.find(mark, start)) >= 0]
    return min(places, default=-1)


def _read(content: str, start: int) -> tuple[Any, int] | None:
    try:
        value, end = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).raw_decode(content, start)
    except (ValueError, RecursionError):
        return None
    return (value, end) if _is_shallow(value) else None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large for a number")
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _is_shallow(value: Any, depth: int = 0) -> bool:
    if depth > _DEEPEST:
        return False
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(_is_shallow(item, depth + 1) for item in inner)


def _whole_items(content: str) -> list[Any]:
    """The items of a list that has no end, as far as they have one."""
    start = content.find("[")
    if start < 0:
        return []
    items: list[Any] = []
    place = start + 1
    while place < len(content):
        place = _past(content, place, ", \t\r\n")
        read = _read(content, place) if place < len(content) else None
        if read is None:
            break
        items.append(read[0])
        place = read[1]
    return items


def _past(content: str, place: int, these: str) -> int:
    while place < len(content) and content[place] in these:
        place += 1
    return place
