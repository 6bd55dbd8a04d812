"""Texts that are the same, or nearly: compared as sequences of words, so that comments and layout do not matter.

Near duplicates are found by MinHash and locality-sensitive hashing: the bands say which texts to compare, and the
comparison is exact. The bands are in the state's file, so memory does not grow with the corpus.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from semi_instruct.harness.dataset.state import State

SHINGLE = 5
# Two codes of similarity 0.8 share one of 16 bands of 8 with probability 0.95, of 0.9 with 0.9999.
BANDS, ROWS = 16, 8
_SEED = 1
# Texts that share a band with a new one, to be compared with it.
_MAX_COMPARED = 8
_WORD = re.compile(
    # An unclosed string is one word to the end of the line: trying each quote in it as the beginning of another would
    # take quadratic time. At most one triple quote of each kind is unclosed.
    r"(?P<string>[rbfuRBFU]{0,2}(?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''"
    r"|\"(?:\\.|[^\"\\\n])*+\"?|'(?:\\.|[^'\\\n])*+'?))"
    r"|(?P<comment>#[^\n]*)|(?P<word>\w+)|(?P<sign>[^\s\w])"
)
_PROSE_WORD = re.compile(r"[^\W_]+")


def words_of_code(source: str) -> list[str]:
    """Names, numbers, strings and signs of a program in order, without comments and white space."""
    return [match[0] for match in _WORD.finditer(source) if match.lastgroup != "comment"]


def words_of_prose(text: str) -> list[str]:
    """Words and numbers of a text in order, in lower case."""
    return _PROSE_WORD.findall(text.lower())


def digest(words: list[str]) -> bytes:
    """A hash of a sequence of words."""
    return blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def shingles(words: list[str], length: int = SHINGLE) -> frozenset[str]:
    """All runs of ``length`` words; of a shorter text, the text itself."""
    if len(words) <= length:
        return frozenset({" ".join(words)})
    return frozenset(" ".join(words[start : start + length]) for start in range(len(words) - length + 1))


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """The size of the intersection of two sets, divided by that of their union."""
    either = len(first | second)
    return len(first & second) / either if either else 1.0


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An earlier text that a text duplicates.

    Attributes:
        reason: ``exact_duplicate``, ``near_duplicate`` or ``same_meaning``.
        index: of the earlier one's task.
        code: id of the earlier one.
    """

    reason: str
    index: int
    code: str


class Duplicates:
    """All earlier texts of a kind, in the state.

    Args:
        kind: texts are compared with others of their kind only.
        near: Jaccard similarity of shingles from which two texts are near duplicates.
        shingles_at: returns the shingles of an earlier text, given the index of its task and its id.
    """

    def __init__(self, state: State, kind: str, near: float, shingles_at: Callable[[int, str], frozenset[str]]) -> None:
        self._state = state
        self._kind = kind
        self._near = near
        self._shingles_at = shingles_at

    def same(self, words: list[str], index: int, code: str) -> Duplicate | None:
        """The first text with the same words; None if there is none, and then this one is recorded."""
        same = self._state.first_with(self._kind, digest(words), index, code)
        return None if same is None else Duplicate("exact_duplicate", *same)

    def first_like(self, words: list[str], index: int, code: str) -> Duplicate | None:
        """The first exact or near duplicate; None if there is none, and then this one is recorded."""
        same = self.same(words, index, code)
        if same is not None:
            return same
        own = shingles(words)
        keys = band_keys(own)
        for other_index, other in self._state.in_bands(self._kind, keys, _MAX_COMPARED)[: 4 * _MAX_COMPARED]:
            if jaccard(own, self._shingles_at(other_index, other)) >= self._near:
                return Duplicate("near_duplicate", other_index, other)
        self._state.add_bands(self._kind, keys, index, code)
        return None


def band_keys(of: frozenset[str]) -> list[int]:
    """The keys under which similar texts find a set of shingles."""
    from datasketch import MinHash

    signature = MinHash(num_perm=BANDS * ROWS, seed=_SEED, hashfunc=zlib.crc32)
    signature.update_batch([shingle.encode("utf-8", "surrogatepass") for shingle in sorted(of)])
    values = signature.hashvalues
    keys = []
    for band in range(BANDS):
        data = bytes([band]) + values[band * ROWS : (band + 1) * ROWS].astype("<u8").tobytes()
        keys.append(int.from_bytes(blake2b(data, digest_size=8).digest(), "little", signed=True))
    return keys
