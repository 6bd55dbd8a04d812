"""Third stage: natural codes that another one was before, word for word or nearly. The first of them stays.

Near duplicates are found by MinHash and locality-sensitive hashing, and are near by what they really share: the bands
only say whom to compare. They stand in the state's file, so memory does not grow with the corpus.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from semi_instruct.harness.dataset.codes import digest, jaccard, shingles, words_of_code
from semi_instruct.harness.dataset.stages.screening import SCREEN
from semi_instruct.harness.dataset.stages.stage import Build, Kept
from semi_instruct.harness.dataset.state import Drop, State

DEDUPLICATE = "deduplicate"
# Two codes of similarity 0.8 share one of 16 bands of 8 with probability 0.95, of 0.9 with 0.9999.
BANDS, ROWS = 16, 8
_SEED = 1
# Those that share a band with one, to be compared with it.
_MAX_COMPARED = 8
# Of longer programs this much is hashed: a table of constants is no program.
_MAX_WORDS = 20_000


def deduplicate(build: Build) -> None:
    """Drop duplicates among the natural codes of all tasks."""
    state = build.state

    @lru_cache(maxsize=512)
    def shingles_at(place: int, code: str) -> frozenset[str]:
        return shingles(words_of_code(state.task(place).code(code).source)[:_MAX_WORDS])

    index = Duplicates(state, "code", build.settings.near, shingles_at)

    def work(place: int) -> tuple[Kept, Iterable[Drop]]:
        screened = state.get(SCREEN, place, Kept)
        task = state.task(place)
        kept: list[str] = []
        dropped: list[Drop] = []
        for name in screened.codes if screened else ():
            first = index.first_like(words_of_code(task.code(name).source)[:_MAX_WORDS], place, name)
            if first is None:
                kept.append(name)
            else:
                like = f"{state.task(first.place).id}/{first.code}"
                dropped.append(Drop(name, first.reason, f"like {like}"))
        return Kept(tuple(kept), tuple(dropped)), dropped

    build.each(DEDUPLICATE, SCREEN, work)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Who is like one, and how.

    Attributes:
        reason: ``exact_duplicate`` or ``near_duplicate``.
        place, code: of the first one.
    """

    reason: str
    place: int
    code: str


class Duplicates:
    """All that came before, in the state.

    Args:
        kind: what is compared; each kind by itself.
        near: Jaccard similarity of shingles from which two are near duplicates.
        shingles_at: those of one that came before.
    """

    def __init__(self, state: State, kind: str, near: float, shingles_at: Callable[[int, str], frozenset[str]]) -> None:
        self._state = state
        self._kind = kind
        self._near = near
        self._shingles_at = shingles_at

    def same(self, words: list[str], place: int, code: str) -> Duplicate | None:
        """The first that is word for word this one; None if there is none: then this one is noted."""
        same = self._state.first_with(self._kind, digest(words), place, code)
        return None if same is None else Duplicate("exact_duplicate", *same)

    def first_like(self, words: list[str], place: int, code: str) -> Duplicate | None:
        """The first that is a duplicate of this one, exact or near; None if there is none: then this one is noted."""
        same = self.same(words, place, code)
        if same is not None:
            return same
        own = shingles(words)
        keys = band_keys(own)
        for other_place, other in self._state.in_bands(self._kind, keys, _MAX_COMPARED)[: 4 * _MAX_COMPARED]:
            if jaccard(own, self._shingles_at(other_place, other)) >= self._near:
                return Duplicate("near_duplicate", other_place, other)
        self._state.add_bands(self._kind, keys, place, code)
        return None


def band_keys(of: frozenset[str]) -> list[int]:
    """The keys under which one is found by those that are like it."""
    from datasketch import MinHash

    signature = MinHash(num_perm=BANDS * ROWS, seed=_SEED, hashfunc=zlib.crc32)
    signature.update_batch([shingle.encode("utf-8", "surrogatepass") for shingle in sorted(of)])
    values = signature.hashvalues
    keys = []
    for band in range(BANDS):
        data = bytes([band]) + values[band * ROWS : (band + 1) * ROWS].astype("<u8").tobytes()
        keys.append(int.from_bytes(blake2b(data, digest_size=8).digest(), "little", signed=True))
    return keys
