"""Metering: how busy the model and the sandboxes are."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from semi_instruct.engine import Outcome
from semi_instruct.generator.errors import ModelUnusable
from semi_instruct.generator.model import Cost, Model, Request, Text


@dataclass(slots=True)
class Meter:
    """Running totals. Threads may share it.

    Attributes:
        generating_s: seconds of all lanes of the model, added up.
        texts, tokens: written by the model or read from the cache.
        running_s: seconds of all sandboxes, added up.
        runs: programs run.
    """

    started: float = field(default_factory=time.monotonic)
    generating_s: float = 0.0
    texts: int = 0
    tokens: int = 0
    running_s: float = 0.0
    runs: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count_texts(self, texts: Sequence[Text], seconds: float) -> None:
        """Count the texts of a request."""
        with self._lock:
            self.generating_s += seconds
            self.texts += len(texts)
            self.tokens += sum(text.tokens or 0 for text in texts)

    def count_run(self, outcome: Outcome) -> None:
        """Count a run."""
        with self._lock:
            self.running_s += outcome.wall_time_s
            self.runs += 1

    def rates(self, lanes: int, workers: int) -> dict[str, float]:
        """Both rates, and the share of the time that lanes and sandboxes were busy."""
        elapsed = max(1e-9, time.monotonic() - self.started)
        return {
            "elapsed_s": round(elapsed, 1),
            "texts_per_s": round(self.texts / elapsed, 2),
            "tokens_per_s": round(self.tokens / elapsed, 1),
            "model_busy": round(self.generating_s / elapsed / lanes, 3),
            "runs_per_s": round(self.runs / elapsed, 1),
            "sandboxes_busy": round(self.running_s / elapsed / workers, 3),
        }


class MeteredModel:
    """A model that takes as many requests at a time as it has lanes; other requests wait. Threads may share it."""

    def __init__(self, model: Model, meter: Meter) -> None:
        self._model = model
        self._meter = meter
        self._lanes = threading.BoundedSemaphore(model.lanes)
        self._stopped = threading.Event()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def lanes(self) -> int:
        """The model's lanes."""
        return self._model.lanes

    @property
    def cost(self) -> Cost | None:
        """The model's cost."""
        return self._model.cost

    def close(self) -> None:
        """Close the model."""
        self._model.close()

    def stop(self) -> None:
        """Refuse further requests; requests in progress are finished."""
        self._stopped.set()

    def generate(self, requests: Sequence[Request]) -> list[list[Text]]:
        """The texts for each request.

        Raises:
            GeneratorError: the model cannot be reached, the cache has no answer, or :meth:`stop` was called.
        """
        with self._lanes:
            if self._stopped.is_set():
                raise ModelUnusable("the work was given up")
            started = time.monotonic()
            answers = self._model.generate(requests)
            self._meter.count_texts([text for texts in answers for text in texts], time.monotonic() - started)
        return answers
