"""What was measured, a file a cell: a run that was cut off goes on with what is missing."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from semi_instruct.harness.errors import OutputUnusable

UNTUNED = "untuned"


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that was tuned and asked.

    Attributes:
        set: the name of the set of pairs it was tuned on, or ``UNTUNED``.
        size: pairs.
        seed: of the choice of pairs and of the tuning.
        tokens: of the answers it learned, in one epoch.
        cut: pairs whose end did not fit.
        training_loss: nats a token, the mean over all steps; None if it was not tuned.
        verdicts: by task, of its completion.
        losses: by task, nats a token of people's solution; the mean over its tokens.
        written: by task, what it wrote.
        tuning_s, asking_s: seconds that went by.
        device: ``cpu`` or ``cuda``.
    """

    set: str
    size: int
    seed: int
    tokens: int
    cut: int
    training_loss: float | None
    verdicts: dict[str, str]
    losses: dict[str, float]
    written: dict[str, str]
    tuning_s: float
    asking_s: float
    device: str


@dataclass(frozen=True, slots=True)
class Cells:
    """The folder of the files.

    A file's name says the set, size and seed for people; it is found again by all that the figures depend on.
    """

    folder: Path

    def find(self, name: str, settings: dict[str, Any]) -> Measured | None:
        """What was measured with these settings; None if nothing was, or the file is no longer whole."""
        try:
            return msgspec.json.decode(self._path(name, settings).read_bytes(), type=Measured)
        except (OSError, msgspec.DecodeError):
            return None

    def keep(self, name: str, settings: dict[str, Any], measured: Measured) -> None:
        """Keep it; the file appears whole.

        Raises:
            OutputUnusable: it cannot be written.
        """
        path = self._path(name, settings)
        partial = path.with_name(path.name + ".partial")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(msgspec.json.encode(measured) + b"\n")
            os.replace(partial, path)
        except OSError as error:
            raise OutputUnusable(f"{path}: {error.strerror or error}") from None

    def _path(self, name: str, settings: dict[str, Any]) -> Path:
        key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{name}-{key[:16]}.json"
