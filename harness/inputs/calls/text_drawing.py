"""Draws strings that resemble the samples of a shape in characters, words and structure."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from random import Random

from semi_instruct.harness.inputs.calls.shapes import Text

# Runs of letters, digits or white space; every other character is a token of its own.
_TOKEN = re.compile(r"[A-Za-z]+|[0-9]+|\s+|.", re.DOTALL)
_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
# This many different characters of a class imply the whole class.
_MIN_OF_A_CLASS = 3
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"))


def tokens(text: str) -> list[str]:
    """Split a string into runs of letters, digits or white space, and single other characters."""
    return _TOKEN.findall(text)


def alphabet(characters: str) -> str:
    """The given characters, plus all of each class of which enough are given."""
    seen = set(characters)
    for every in _CLASSES:
        if len(seen & set(every)) >= _MIN_OF_A_CLASS:
            seen |= set(every)
    return "".join(sorted(seen))


def draw_text(random: Random, shape: Text, longest: int, words: Sequence[str]) -> str:
    """Draw a string.

    Args:
        longest: maximum length. Strings derived from samples may exceed it.
        words: replacements for runs of letters or digits.
    """
    ways = [_characters, _few_characters, _regular]
    if shape.samples:
        ways += [_refilled, _refilled, _reassembled, _reassembled]
        if any(set(pair) <= set(shape.characters) for pair in BRACKETS):
            ways += [_bracketed] * 4
    return random.choice(ways)(random, shape, longest, words)


def _characters(random: Random, shape: Text, longest: int, words: Sequence[str]) -> str:
    del words
    of = alphabet(shape.characters)
    return "".join(random.choices(of, k=random.randint(min(shape.shortest, 1), longest)))


def _few_characters(random: Random, shape: Text, longest: int, words: Sequence[str]) -> str:
    """A string of at most three different characters, so that they repeat."""
    del words
    of = random.choices(alphabet(shape.characters), k=random.randint(1, 3))
    return "".join(random.choices(of, k=random.randint(min(shape.shortest, 1), longest)))


def _regular(random: Random, shape: Text, longest: int, words: Sequence[str]) -> str:
    """A palindrome of even or odd length, or a repetition."""
    part = _few_characters(random, shape, max(1, longest // 2), words)
    return random.choice((part + part[::-1], part + part[-2::-1], part + part))


def _refilled(random: Random, shape: Text, longest: int, words: Sequence[str]) -> str:
    """A sample with some of its words and numbers replaced."""
    del longest
    pieces = tokens(random.choice(shape.samples))
    return "".join(refill(random, piece, shape, words) if random.random() < 0.6 else piece for piece in pieces)


def _reassembled(random: Random, shape: Text, longest: int, words: Sequence[str]) -> str:
    """Words of the samples and other words, joined by separators of the samples."""
    pieces = [piece for sample in shape.samples for piece in tokens(sample)]
    contents = [piece for piece in pieces if piece.isalnum()] or list(shape.characters)
    separators = [piece for piece in pieces if not piece.isalnum()] or [""]
    parts = []
    for _ in range(random.randint(0, 2 + longest // 4)):
        parts.append(random.choice(words) if words and random.random() < 0.2 else random.choice(contents))
        parts.append(random.choice(separators) * random.choice((1, 1, 1, 1, 2, 3)))
    return "".join(parts if random.random() < 0.2 else parts[:-1])


def _bracketed(random: Random, shape: Text, longest: int, words: Sequence[str]) -> str:
    """Balanced brackets, sometimes with one of them missing or replaced."""
    del words
    pairs = [pair for pair in BRACKETS if set(pair) <= set(shape.characters)]
    others = [character for character in shape.characters if not any(character in pair for pair in pairs)]
    text = ""
    for _ in range(random.randint(1, max(1, longest // 2))):
        opening, closing = random.choice(pairs)
        text = random.choice((f"{opening}{text}{closing}", f"{text}{opening}{closing}", f"{opening}{closing}{text}"))
        if others and random.random() < 0.3:
            text += random.choice(others)
    if text and random.random() < 0.3:
        position = random.randrange(len(text))
        text = text[:position] + random.choice(("", random.choice(random.choice(pairs)))) + text[position + 1 :]
    return text


def refill(random: Random, piece: str, shape: Text, words: Sequence[str]) -> str:
    """Another piece of the class of ``piece``."""
    if piece.isdigit() and piece.isascii():
        named = [word for word in words if word.isdigit() and word.isascii()]
        if named and random.random() < 0.4:
            return random.choice(named).zfill(len(piece))
        return _digits(random, piece)
    if piece.isalpha() and piece.isascii():
        fitting = [word for word in words if word.isalpha()]
        if fitting and random.random() < 0.3:
            return random.choice(fitting)
        letters = [character for character in alphabet(shape.characters) if character.isalpha()]
        drawn = "".join(random.choices(letters, k=max(1, len(piece) + random.choice((-2, -1, 0, 0, 0, 1, 2)))))
        return drawn.capitalize() if piece.istitle() and random.random() < 0.7 else drawn
    return piece


def _digits(random: Random, piece: str) -> str:
    """Another number: a near one, one of another length, or a round one."""
    value = int(piece[:9])
    drawn = random.choice(
        (
            value + 1,
            max(0, value - 1),
            random.randrange(10 ** len(piece[:9])),
            random.randrange(10 ** min(len(piece) + 1, 9)),
            0,
            5,
            10 ** (len(piece[:9]) - 1),
        )
    )
    return str(drawn).zfill(len(piece) if piece.startswith("0") or random.random() < 0.5 else 0)
