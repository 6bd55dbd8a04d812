"""What the cells say: a row each, and how those of one size differ."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

from rich.table import Table

from examples.tune.cells import Measured
from examples.tune.noise import mean_difference, sign_test, wilson
from semi_instruct.harness.problems.verdicts import Verdict

_SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one cell.

    Attributes:
        passed, tasks: completions that were accepted, of how many. Their share is pass@1.
        interval: of that share (Wilson, 95 %).
        loss: nats a token of people's solutions, the mean over tasks.
    """

    cell: Measured
    passed: int
    tasks: int
    interval: tuple[float, float]
    loss: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        cell = self.cell
        return {
            "set": cell.set,
            "pairs": cell.size,
            "seed": cell.seed,
            "tokens": cell.tokens,
            "cut": cell.cut,
            "training_loss": cell.training_loss,
            "passed": self.passed,
            "tasks": self.tasks,
            "pass_at_1": self.passed / self.tasks,
            "interval": self.interval,
            "loss": self.loss,
            "verdicts": dict(Counter(cell.verdicts.values()).most_common()),
            "passed_tasks": sorted(_passed(cell)),
            "tuning_s": round(cell.tuning_s, 1),
            "asking_s": round(cell.asking_s, 1),
            "device": cell.device,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """How two models differ on the same tasks, each figure being the mean over the seeds that both have.

    Attributes:
        size: pairs of both (of the first, where the second is not tuned).
        seeds: how many.
        better, worse: tasks that the first passes more often, and less often.
        chance: of so uneven a count where there is no difference (``noise.sign_test``).
        loss, half: mean difference of their losses, and the half of its 95 % interval.
    """

    first: str
    second: str
    size: int
    seeds: int
    better: int
    worse: int
    chance: float
    loss: float
    half: float

    @property
    def passes_differ(self) -> bool:
        """Whether the tasks passed differ by more than noise."""
        return self.chance < _SIGNIFICANT

    @property
    def losses_differ(self) -> bool:
        """Whether the losses do."""
        return abs(self.loss) > self.half

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "passes_differ": self.passes_differ,
            "losses_differ": self.losses_differ,
        }

    def __str__(self) -> str:
        passes = f"passes {self.better} that it fails, fails {self.worse} that it passes (p = {self.chance:.2g})"
        losses = f"loss {self.loss:+.4f} ± {self.half:.4f}"
        differ = [name for name, does in (("passes", self.passes_differ), ("loss", self.losses_differ)) if does]
        said = f"{' and '.join(differ)} differ beyond the noise of tasks" if differ else "within noise"
        return f"{self.size} pairs, {self.first} against {self.second}: {passes}; {losses}: {said}"


def row(cell: Measured) -> Row:
    """The figures of a cell."""
    passed, tasks = len(_passed(cell)), len(cell.verdicts)
    return Row(cell, passed, tasks, wilson(passed, tasks), fmean(cell.losses.values()))


def differences(cells: Sequence[Measured], untuned: Measured) -> Iterator[Difference]:
    """Each set against the untuned model and against every other, size by size."""
    by_size: defaultdict[int, defaultdict[str, dict[int, Measured]]] = defaultdict(lambda: defaultdict(dict))
    for cell in cells:
        by_size[cell.size][cell.set][cell.seed] = cell
    for size, sets in sorted(by_size.items()):
        for own in sets.values():
            yield _difference(size, list(own.values()), [untuned])
        for first, second in combinations(sets.values(), 2):
            seeds = sorted(first.keys() & second.keys())
            yield _difference(size, [first[seed] for seed in seeds], [second[seed] for seed in seeds])


def table(rows: Sequence[Row]) -> Table:
    """The rows as people read them."""
    drawn = Table("pairs", "set", "seed", "tokens", "passed", "pass@1 (95 %)", "loss", "tuned in", "asked in")
    for each in rows:
        cell = each.cell
        low, high = each.interval
        drawn.add_row(
            str(cell.size),
            cell.set,
            str(cell.seed) if cell.size else "",
            str(cell.tokens) + (f", {cell.cut} cut" if cell.cut else ""),
            f"{each.passed} of {each.tasks}",
            f"{100 * each.passed / each.tasks:.1f} % ({100 * low:.1f} to {100 * high:.1f})",
            f"{each.loss:.4f}",
            f"{cell.tuning_s:.0f} s",
            f"{cell.asking_s:.0f} s",
        )
    return drawn


def _difference(size: int, first: Sequence[Measured], second: Sequence[Measured]) -> Difference:
    tasks = list(second[0].verdicts)
    passes = [_share(first, task) - _share(second, task) for task in tasks]
    better, worse = sum(each > 0 for each in passes), sum(each < 0 for each in passes)
    loss, half = mean_difference([_loss(first, task) - _loss(second, task) for task in tasks])
    chance = sign_test(better, worse)
    return Difference(first[0].set, second[0].set, size, len(first), better, worse, chance, loss, half)


def _share(cells: Sequence[Measured], task: str) -> float:
    return fmean(cell.verdicts[task] == Verdict.ACCEPTED for cell in cells)


def _loss(cells: Sequence[Measured], task: str) -> float:
    return fmean(cell.losses[task] for cell in cells)


def _passed(cell: Measured) -> list[str]:
    return [task for task, verdict in cell.verdicts.items() if verdict == Verdict.ACCEPTED]
