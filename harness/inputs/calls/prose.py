"""Types named in the prose of documentation. Used only if neither hints nor examples give a type."""

from __future__ import annotations

import re
from itertools import islice

from semi_instruct.harness.inputs.calls.shapes import DictOf, ListOf, Real, Shape, Text, Whole

_LIST = r"\b(?:list|array|sequence)s? (?:of|containing) (?:[\w-]+ ){0,2}?"
_PHRASES: tuple[tuple[str, Shape], ...] = (
    (_LIST + r"(?:list|array)s\b|\bmatrix\b|\bgrid\b", ListOf(ListOf(Whole()), even=True)),
    (_LIST + r"(?:string|word)s\b", ListOf(Text(longest=6))),
    (_LIST + r"(?:integer|int|number)s\b", ListOf(Whole(-10, 20))),
    (_LIST + r"floats\b", ListOf(Real())),
    (r"\b(?:list|array)\b", ListOf(Whole(-10, 20))),
    (r"\b(?:dictionary|dict)\b", DictOf(Text(longest=4), Whole())),
    (r"\b(?:string|text|word|sentence)\b", Text()),
    (r"\b(?:float|real number)\b", Real()),
    (r"\b(?:integer|int|number)\b", Whole()),
)
# Maximum distance, in characters, between the name of a type and the parameter it applies to.
_NEAR = 60
_MAX_MENTIONS = 100
_NO_SIGN = re.compile(r"(?i)\b(?:positive|natural|non-?negative)\b")
_SIGN = re.compile(r"(?i)(?<!non-)(?<!non)\bnegative\b|(?<![\w-])-\d")


def shape_in_words(text: str, name: str) -> Shape | None:
    """The shape named nearest to a mention of the parameter, or None."""
    mentions = [match.start() for match in islice(re.finditer(rf"\b{re.escape(name)}\b", text), _MAX_MENTIONS)]
    found: list[tuple[int, int, Shape]] = []
    for order, (phrase, shape) in enumerate(_PHRASES):
        for match in re.finditer(phrase, text, re.IGNORECASE):
            distances = [min(abs(position - match.start()), abs(position - match.end())) for position in mentions]
            found.append((min(distances, default=_NEAR + 1), order, shape))
    near = [one for one in found if one[0] <= _NEAR]
    return min(near, key=lambda one: one[:2])[2] if near else None


def names_no_negatives(text: str) -> bool:
    """Whether the text says that numbers are positive and contains no negative one."""
    return bool(_NO_SIGN.search(text)) and not _SIGN.search(text)
