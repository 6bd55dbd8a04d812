"""Source text as a row of words, so that comments, blanks and layout make no difference."""

from __future__ import annotations

import re
from hashlib import blake2b

SHINGLE = 5
_WORD = re.compile(
    # A string that is never closed is one word to the end of the line: to try each quote in it as the beginning of
    # another would take quadratic time. Of quotes by threes no more than one of a kind is never closed.
    r"(?P<string>[rbfuRBFU]{0,2}(?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''"
    r"|\"(?:\\.|[^\"\\\n])*+\"?|'(?:\\.|[^'\\\n])*+'?))"
    r"|(?P<comment>#[^\n]*)|(?P<word>\w+)|(?P<sign>[^\s\w])"
)
_PROSE_WORD = re.compile(r"[^\W_]+")


def words_of_code(source: str) -> list[str]:
    """Names, numbers, texts and signs of a program in order; no comments, no white space."""
    return [match[0] for match in _WORD.finditer(source) if match.lastgroup != "comment"]


def words_of_prose(text: str) -> list[str]:
    """Words and numbers of a text in order, in lower case."""
    return _PROSE_WORD.findall(text.lower())


def digest(words: list[str]) -> bytes:
    """A hash of a row of words."""
    return blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def shingles(words: list[str], length: int = SHINGLE) -> frozenset[str]:
    """All runs of so many words; of fewer, the one there is."""
    if len(words) <= length:
        return frozenset({" ".join(words)})
    return frozenset(" ".join(words[start : start + length]) for start in range(len(words) - length + 1))


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """What two sets share, of all that is in either."""
    either = len(first | second)
    return len(first & second) / either if either else 1.0
