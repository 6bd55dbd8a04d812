"""Text as the word pieces of BERT, in small letters and without accents."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

_UNKNOWN, _BEGIN, _END = "[UNK]", "[CLS]", "[SEP]"
_MAX_WORD_LENGTH = 100
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs"})
# Blocks of ideographs, each of which is a word of its own.
_IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2CEAF), (0x2F800, 0x2FA1F))


def pieces(text: str, vocabulary: Mapping[str, int], most: int) -> list[int]:
    """The numbers of the pieces, with the marks of beginning and end; the first so many of a longer text."""
    found: list[int] = [vocabulary[_BEGIN]]
    for word in _words(text):
        found += _pieces_of(word, vocabulary)
        if len(found) >= most - 1:
            break
    return [*found[: most - 1], vocabulary[_END]]


def _words(text: str) -> Iterator[str]:
    """Words, signs and ideographs in order."""
    word: list[str] = []
    for letter in unicodedata.normalize("NFD", _clean(text).lower()):
        category = unicodedata.category(letter)
        if category == "Mn":
            continue
        alone = _is_sign(letter, category) or _is_ideograph(letter)
        if (alone or letter.isspace()) and word:
            yield "".join(word)
            word = []
        if alone:
            yield letter
        elif not letter.isspace():
            word.append(letter)
    if word:
        yield "".join(word)


def _clean(text: str) -> str:
    """The text without what no reader sees."""
    return "".join(
        letter
        for letter in text
        if letter in "\t\n\r" or (letter != "\ufffd" and unicodedata.category(letter) not in _UNSEEN)
    )


def _is_sign(letter: str, category: str) -> bool:
    return category.startswith("P") or letter in "$+<=>^`|~"


def _is_ideograph(letter: str) -> bool:
    return any(first <= ord(letter) <= last for first, last in _IDEOGRAPHS)


def _pieces_of(word: str, vocabulary: Mapping[str, int]) -> list[int]:
    """The longest known beginning, then the longest known beginning of what is left, and so on."""
    found: list[int] = []
    start = 0
    while start < len(word):
        mark = "##" if start else ""
        end = next((end for end in range(len(word), start, -1) if mark + word[start:end] in vocabulary), None)
        if end is None or len(word) > _MAX_WORD_LENGTH:
            return [vocabulary[_UNKNOWN]]
        found.append(vocabulary[mark + word[start:end]])
        start = end
    return found
