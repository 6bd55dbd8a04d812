"""Texts that mean what another one before them meant: their vectors point nearly the same way (SemDeDup)."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from semi_instruct.harness.dataset.embedding.minilm import SIZE
from semi_instruct.harness.dataset.stages.duplicates import Duplicate
from semi_instruct.harness.dataset.state import State

_FIRST_ROOM = 1024


class Embedder(Protocol):
    """Makes vectors of length 1 of texts."""

    def embed(self, text: str) -> NDArray[np.float32]:
        """What a text means."""


class Alike:
    """The vectors of all that came before, in the state and, to be compared at once, in memory: 1.5 KiB each.

    Args:
        kind: what is compared; each kind by itself.
        least: cosine from which two mean the same.
    """

    def __init__(self, state: State, kind: str, least: float, embedder: Embedder) -> None:
        self._state = state
        self._kind = kind
        self._least = least
        self._embedder = embedder
        self._codes: list[str] = []
        self._places = np.empty(_FIRST_ROOM, np.int64)
        self._vectors = np.empty((_FIRST_ROOM, SIZE), np.float32)
        for place, code, data in state.vectors(kind):
            self._hold(np.frombuffer(data, "<f4"), place, code)

    def first_like(self, text: str, place: int, code: str) -> Duplicate | None:
        """The nearest of those of other tasks, if near enough; None if none is: then this one is noted."""
        vector = self._embedder.embed(text)
        count = len(self._codes)
        if count:
            near = self._vectors[:count] @ vector
            near[self._places[:count] == place] = -1.0
            nearest = int(near.argmax())
            if near[nearest] >= self._least:
                return Duplicate("same_meaning", int(self._places[nearest]), self._codes[nearest])
        self._state.add_vector(self._kind, place, code, vector.astype("<f4").tobytes())
        self._hold(vector, place, code)
        return None

    def _hold(self, vector: NDArray[np.float32], place: int, code: str) -> None:
        count = len(self._codes)
        if count == len(self._places):
            self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
            self._places = np.concatenate([self._places, np.empty_like(self._places)])
        self._vectors[count], self._places[count] = vector, place
        self._codes.append(code)
