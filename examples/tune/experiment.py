"""The cells of the experiment: each set at each size and seed, and the untuned model. None is measured twice."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from examples.tune.cells import UNTUNED, Cells, Measured
from examples.tune.held_out import Task
from examples.tune.judging import judged, source_of
from examples.tune.sets import Pair, PairSet, chosen, digest
from examples.tune.tuning import Training
from semi_instruct.harness.runs import Executor


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and how.

    Attributes:
        model: hub id, folder or GGUF file.
        sizes: in pairs; a set that has fewer is left out at that size.
        longest: tokens of a completion.
        batch: completions at a time.
    """

    model: str
    sets: tuple[PairSet, ...]
    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    tasks: tuple[Task, ...]
    training: Training
    longest: int
    batch: int


@dataclass(frozen=True, slots=True)
class Cell:
    """What one model is tuned on: nothing, for the untuned one."""

    set: str
    size: int
    seed: int
    pairs: tuple[Pair, ...]

    def __str__(self) -> str:
        return f"{self.set}-{self.size}-{self.seed}" if self.pairs else self.set

    def settings(self, plan: Plan) -> dict[str, Any]:
        """All that its figures depend on, but for the machine."""
        return {
            "model": plan.model,
            "pairs": digest(self.pairs),
            "seed": self.seed,
            "training": asdict(plan.training) if self.pairs else None,
            "tasks": [task.id for task in plan.tasks],
            "longest": plan.longest,
            "batch": plan.batch,
        }


def cells_of(plan: Plan) -> Iterator[Cell]:
    """The untuned model first, then by size, so that the sets are always compared at sizes that all have."""
    yield Cell(UNTUNED, 0, 0, ())
    for size in plan.sizes:
        for seed in plan.seeds:
            for each in plan.sets:
                if size <= len(each.pairs):
                    yield Cell(each.name, size, seed, tuple(chosen(each.pairs, size, seed)))


def measure_all(
    plan: Plan, kept: Cells, measure: Callable[[Plan, Cell], Measured], tell: Callable[[str], None]
) -> list[Measured]:
    """All cells, in order.

    Args:
        kept: those that are known, and where new ones are kept.
        measure: makes a new one.
        tell: called with a line for each.
    """
    found: list[Measured] = []
    for cell in cells_of(plan):
        settings = cell.settings(plan)
        known = kept.find(str(cell), settings)
        tell(f"{cell}: {'known' if known else 'is measured'}")
        if known is None:
            known = measure(plan, cell)
            kept.keep(str(cell), settings, known)
        found.append(known)
    return found


def measurer(engine: Executor) -> Callable[[Plan, Cell], Measured]:
    """Measures with torch, and judges with an engine."""

    def measure(plan: Plan, cell: Cell) -> Measured:
        from transformers.utils.logging import disable_progress_bar

        from examples.tune.asking import completions, losses
        from examples.tune.tuning import tune
        from semi_instruct.generator.hub import loaded

        disable_progress_bar()
        started = time.monotonic()
        model, tokenizer = loaded(plan.model, "float32")
        tuned = tune(model, tokenizer, cell.pairs, plan.training, cell.seed) if cell.pairs else None
        tuned_at = time.monotonic()
        written = completions(model, tokenizer, plan.tasks, plan.longest, plan.batch)
        of_people = losses(model, tokenizer, plan.tasks)
        asked_at = time.monotonic()
        device = str(model.device.type)
        del model
        gc.collect()
        return Measured(
            set=cell.set,
            size=cell.size,
            seed=cell.seed,
            tokens=tuned.tokens if tuned else 0,
            cut=tuned.cut if tuned else 0,
            training_loss=tuned.loss if tuned else None,
            verdicts=_by_task(plan.tasks, judged(plan.tasks, map(source_of, plan.tasks, written), engine)),
            losses=_by_task(plan.tasks, of_people),
            written=_by_task(plan.tasks, written),
            tuning_s=tuned_at - started,
            asking_s=asked_at - tuned_at,
            device=device,
        )

    return measure


def _by_task[T](tasks: Sequence[Task], values: Sequence[T]) -> dict[str, T]:
    return {task.id: value for task, value in zip(tasks, values, strict=True)}
