"""How text that is not ours is shown: one function for each kind of output, so that it can only ever be text there.

Terminal and log: ``one_line``, ``lines_of_text``. YAML: ``yaml_scalar``. Markdown: ``markdown_text`` and
``markdown_fenced``. HTML: ``html_text``; templates escape by themselves. CSV is not written anywhere. Bytes and values
of programs are cut where long, and always shown alike.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

from semi_instruct.engine.inside.values import encode

MAX_SHOWN_CHARACTERS = 2_000
_MAX_BYTES_PER_CHARACTER = 4
_BACKTICKS = re.compile("`+")
_PUNCTUATION = frozenset("!\"#$%'()*+,-./:;=?@[\\]^_`{|}~")  # all of ASCII but what HTML gives a meaning


def shown_bytes(data: bytes) -> str:
    """Bytes as text, what is not UTF-8 as ``\\xff``; cut to ``MAX_SHOWN_CHARACTERS`` characters and a marker."""
    # One character more than is shown, so that a character broken by this cut is not shown either.
    text = data[: (MAX_SHOWN_CHARACTERS + 1) * _MAX_BYTES_PER_CHARACTER].decode("utf-8", "backslashreplace")
    if len(text) <= MAX_SHOWN_CHARACTERS:
        return text
    return f"{text[:MAX_SHOWN_CHARACTERS]}... [cut: {len(data)} bytes in all]"


def plain_value(value: Any) -> Any:
    """A value as JSON data (``engine.inside.values``), elements of sets in a fixed order."""
    return _ordered(encode(value))


def shown_value(value: Any) -> Any:
    """Like :func:`plain_value`; if its JSON is longer than ``MAX_SHOWN_CHARACTERS``, that text, cut, with a marker."""
    tree = plain_value(value)
    text = json.dumps(tree)
    return (
        tree
        if len(text) <= MAX_SHOWN_CHARACTERS
        else f"{text[:MAX_SHOWN_CHARACTERS]}... [cut: {len(text)} characters in all]"
    )


def one_line(text: str, longest: int = 500) -> str:
    """Text for one line of a terminal or log: control characters and lone surrogates escaped, cut where long."""
    cut = text if len(text) <= longest else f"{text[:longest]}..."
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in cut
    )


def lines_of_text(text: str) -> str:
    """Text that may have lines and tabs; all else that steers a terminal or hides text is escaped, see ``one_line``."""
    return "".join(part if part in "\n\t" else one_line(part, len(part)) for part in re.split(r"([\n\t])", text))


def html_text(text: str) -> str:
    """Text between the tags, or in a quoted attribute, of HTML or SVG."""
    return html.escape(lines_of_text(text))


def yaml_scalar(text: str) -> str:
    """A string of YAML, on one line, double-quoted (YAML 1.2, 7.3.1): never another type, key or document."""
    return '"' + "".join(_yaml_character(character) for character in text) + '"'


def _yaml_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if " " <= character <= "~":
        return character
    if "\ud800" <= character <= "\udfff":  # half a character: no reader of YAML can have it
        return "\\ufffd"
    return f"\\u{ord(character):04x}" if ord(character) < 1 << 16 else f"\\U{ord(character):08x}"


def markdown_text(text: str) -> str:
    """Text in a line of Markdown, or in a cell of a table: no markup, no link, no HTML (CommonMark 2.4 and 2.5)."""
    line = one_line(" ".join(text.split()), len(text))
    return "".join(_markdown_character(line, place) for place in range(len(line)))


def _markdown_character(line: str, place: int) -> str:
    character = line[place]
    before, after = line[place - 1 : place], line[place + 1 : place + 2]
    if character == "-" and before.isalnum() and after.isalnum():
        return character
    if character == "." and before.isalnum() and after.isdigit():
        return character
    return f"\\{character}" if character in _PUNCTUATION else html.escape(character)


def markdown_fenced(text: str, language: str = "") -> str:
    """A block of code in Markdown, in a fence that is longer than any run of backticks in it."""
    longest = max(map(len, _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _ordered(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_ordered(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    inner = {key: _ordered(item) for key, item in tree.items()}
    for tag in ("$set", "$frozenset"):
        if tag in inner:
            # Hash tables of this process shuffle strings differently at every start.
            inner[tag] = sorted(inner[tag], key=json.dumps)
    return inner
