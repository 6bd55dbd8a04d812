"""The shape of known inputs of a whole program, as a regular expression that new ones follow.

A small model that changes the values of an input loses count of them. So what it writes is held to the lines and words
of one of the known inputs: numbers of as many digits, words of as many letters of the same kind. A number that seems to
count something there stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

# Of an input, beyond which it gives no shape: a grammar of it would take longer than the model.
_LONGEST = 200
_MAX_WORDS = 60
# So many different characters in all words are an alphabet of their own, "#" and "." for instance.
_SMALL_ALPHABET = 3

_WHOLE = re.compile(r"(0|-?[1-9][0-9]*)\Z")
_PLAIN = re.compile(r"[ -~\n]*\Z")


def pattern_like(texts: Sequence[str]) -> str | None:
    """What texts have to match as a whole, from ``^`` to ``$``; None if no known one is short and plain enough."""
    usable = [text for text in texts if _is_usable(text)]
    words = [word for text in usable for word in text.split()]
    alphabet = {letter for word in words if not _WHOLE.match(word) for letter in word}
    shapes = dict.fromkeys(_shape(text, alphabet) for text in usable)
    return f"^({'|'.join(shapes)})$" if shapes else None


def _is_usable(text: str) -> bool:
    # What is escaped in JSON counts otherwise in some grammars.
    is_plain = _PLAIN.match(text) is not None and '"' not in text and "\\" not in text
    return is_plain and 0 < len(text.strip()) <= _LONGEST and len(text.split()) <= _MAX_WORDS


def _shape(text: str, alphabet: set[str]) -> str:
    lines = [line.split(" ") for line in text.removesuffix("\n").split("\n")]
    digits = {abs(int(word)) for line in lines for word in line if _WHOLE.match(word)} & {*range(10)}
    counts = [set(_counted(lines, place)) for place in range(len(lines))]
    shown = (
        " ".join(_word(word, line, alphabet, digits, known) for word in line)
        for line, known in zip(lines, counts, strict=True)
    )
    return "".join(rf"{line}\n" for line in shown)


def _counted(lines: Sequence[Sequence[str]], place: int) -> Iterator[int]:
    """What numbers of a line may count: what comes after it, or in the only line after the first word."""
    if len(lines) == 1:
        yield len(lines[0]) - 1
        return
    after = lines[place + 1 :]
    if place and after and len(lines[place]) == len(after[0]):
        return  # one of several alike
    sizes = [len(line) for line in after] + [len(list(alike)) for _, alike in groupby(after, key=len)]
    sizes += [len(word) for line in after for word in line if not _WHOLE.match(word)]
    yield from (*sizes, len(after))
    if place == 0:
        yield from (size + 1 for size in sizes)  # the nodes of a tree, and its edges


def _word(word: str, line: Sequence[str], alphabet: set[str], digits: set[int], counts: set[int]) -> str:
    if _WHOLE.match(word):
        if int(word) > 0 and int(word) in counts:
            return word
        return _number([int(each) for each in line if _WHOLE.match(each)], digits)
    if 1 < len(alphabet) <= _SMALL_ALPHABET:
        return f"{_any_of(alphabet)}{{{len(word)}}}" if word else ""
    return "".join(_alike(kind, len(list(letters))) for kind, letters in groupby(word, key=_kind))


def _alike(kind: str, count: int) -> str:
    # Not every maker of grammars repeats a mark alone.
    return kind * count if count == 1 or not kind.startswith("[") else f"{kind}{{{count}}}"


def _number(like: Sequence[int], digits: set[int]) -> str:
    """A whole number with as many digits at most as the longest of these.

    Args:
        digits: all numbers of one digit in the input, which are the bounds of another such number.
    """
    longest = len(str(max(map(abs, like))))
    sign = "-?" if min(like) < 0 else ""
    if longest == 1:
        low, high = min(digits), max(digits)
        return f"{sign}[{low}-{high if high > low else 9}]"
    number = f"{sign}[1-9][0-9]{{0,{longest - 1}}}"
    return f"(0|{number})" if 0 in like else number


def _any_of(letters: Iterable[str]) -> str:
    # First "-", last "^": there they mean themselves, and not every maker of grammars takes them escaped.
    ordered = sorted(letters, key=lambda letter: (letter != "-", letter == "^", letter))
    return f"[{''.join(rf'\{letter}' if letter in '[]' else letter for letter in ordered)}]"


def _literal(letter: str) -> str:
    return f"\\{letter}" if letter in "^$.[]()|{}*+?" else letter


def _kind(letter: str) -> str:
    """What may stand in place of a letter: one of its kind; of a mark, itself."""
    for kind in ("[0-9]", "[a-z]", "[A-Z]"):
        if re.match(kind, letter):
            return kind
    return _literal(letter)
