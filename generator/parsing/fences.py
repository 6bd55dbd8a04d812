"""The fenced blocks of a text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import dedent

# At the start of a line; what stands after it names the language.
_FENCE = re.compile(r"^[ \t]{0,3}(`{3,})[ \t]*([^`\n]*)$", re.MULTILINE)
_PYTHON = frozenset({"python", "python3", "py", "python 3", "py3"})
# What is shown beside code: never code itself.


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        language: what stands beside the fence, in small letters.
        content: with a line break at its end.
        is_closed: whether the text went on to the fence that ends it.
    """

    language: str
    content: str
    is_closed: bool

    @property
    def is_python(self) -> bool:
        """Whether it is said to be Python."""
        return self.language in _PYTHON


@dataclass(frozen=True, slots=True)
class Fenced:
    """A text taken apart.

    Attributes:
        before: what stands before the first block.
        blocks: in order.
        after: all that stands outside of blocks after the first.
    """

    before: str
    blocks: tuple[Block, ...]
    after: str

    @property
    def prose(self) -> str:
        """All that stands outside of blocks."""
        return f"{self.before}\n{self.after}" if self.after else self.before


def fenced(text: str) -> Fenced:
    """Take a text apart. A fence closes what is open; one that is never closed reaches to the end."""
    blocks: list[Block] = []
    outside: list[str] = []
    opened: re.Match[str] | None = None
    end = 0
    for fence in _FENCE.finditer(text):
        if opened is None:
            outside.append(text[end : fence.start()])
            opened = fence
        elif len(fence[1]) >= len(opened[1]) and not fence[2].strip():
            blocks.append(_block(opened, text[opened.end() + 1 : fence.start()], is_closed=True))
            opened, end = None, fence.end()
        elif fence[2].strip():
            # A model that names a language opens a block, whether or not it has closed the last one.
            blocks.append(_block(opened, text[opened.end() + 1 : fence.start()], is_closed=False))
            opened = fence
    if opened is not None:
        blocks.append(_block(opened, text[opened.end() + 1 :], is_closed=False))
    else:
        outside.append(text[end:])
    return Fenced(outside[0], tuple(blocks), "\n".join(outside[1:]))


def _block(fence: re.Match[str], content: str, is_closed: bool) -> Block:
    return Block(fence[2].strip().lower(), dedent(content).rstrip() + "\n", is_closed)
