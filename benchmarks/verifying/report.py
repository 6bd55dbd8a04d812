"""What is printed, and what is written for a person to go through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.claims import Claim, at_least, at_most
from benchmarks.verifying.figures import Figures, Mistake, figures, mistakes
from benchmarks.verifying.judging import TaskResult
from benchmarks.verifying.tasks import Marks
from semi_instruct.harness.inputs.sources import ALL_SOURCES, Sources

_FOUND_BY = (
    "Under a source: faulty programs by the first input that they fail. Examples come first, feedback last, mutations "
    "and formats mixed, so this is not what each of them is good for alone. Runs and seconds: of a task, on average; "
    "own: seconds of the harness; most: runs and own of the task that took most."
)
_ABLATION = "Each line is a search of its own with one seed, with this source and those above."


@dataclass(frozen=True, slots=True)
class DataReport:
    """The results on a data set.

    Attributes:
        name, marks: of the data set.
        budget: CPU seconds a task.
        full: results of the search with all sources, by seed.
        ablation: results of searches with fewer sources, with the first seed.
    """

    name: str
    marks: Marks
    budget: float
    full: Mapping[int, Sequence[TaskResult]]
    ablation: Mapping[Sources, Sequence[TaskResult]]

    @property
    def together(self) -> list[TaskResult]:
        """The results with all sources, of all seeds."""
        return [result for results in self.full.values() for result in results]

    def claims(self) -> list[Claim]:
        """What is held against marks: all seeds together."""
        sums = figures(self.together)
        return [
            at_least(f"{self.name}: % of the correct accepted", sums.accepted_percent, self.marks.accepted),
            at_least(f"{self.name}: % of the faulty rejected", sums.rejected_percent, self.marks.rejected),
            at_most(f"{self.name}: CPU seconds a task", sums.run_seconds + sums.own_seconds, self.budget),
        ]

    def tables(self) -> list[Table]:
        """A line a seed and one for all; a line a source where there is an ablation."""
        seeds = _table(f"{self.name}, budget {self.budget:g} CPU s a task", "seed", _FOUND_BY)
        for seed, results in self.full.items():
            seeds.add_row(str(seed), *_cells(figures(results)))
        seeds.add_row("together", *_cells(figures(self.together)), style="bold")
        if not self.ablation:
            return [seeds]
        sources = _table(f"{self.name}, ablation", "sources", _ABLATION)
        for source, results in self._by_source().items():
            sources.add_row(source.name.lower(), *_cells(figures(results)))
        return [seeds, sources]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data: what the tables say, and the mistakes."""
        by_source = self._by_source() if self.ablation else {}
        return {
            "data": self.name,
            "budget": self.budget,
            "seeds": {str(seed): figures(results).to_json() for seed, results in self.full.items()},
            "together": figures(self.together).to_json(),
            "ablation": {source.name.lower(): figures(results).to_json() for source, results in by_source.items()},
            "mistakes": [mistake.to_json() for mistake in mistakes(self.together)],
        }

    def write_mistakes(self, path: Path) -> None:
        """List the mistakes in a file, each kind by cause: how often, then a line each."""
        found = mistakes(self.together)
        rejected = _listed("Correct, not accepted", [mistake for mistake in found if mistake.correct])
        surviving = _listed("Faulty, not rejected", [mistake for mistake in found if not mistake.correct])
        path.write_text("\n".join([*rejected, "", *surviving]) + "\n", encoding="utf-8")

    def _by_source(self) -> dict[Sources, Sequence[TaskResult]]:
        return {**self.ablation, ALL_SOURCES: next(iter(self.full.values()))}


def _table(title: str, first: str, caption: str) -> Table:
    found_by = (source.name.lower() for source in Sources)
    table = Table(first, "accepted correct", "rejected faulty", "undecided", *found_by, title=title, caption=caption)
    for name in ("runs", "CPU s", "own", "most", "wall s"):
        table.add_column(name, justify="right")
    return table


def _cells(sums: Figures) -> list[str]:
    return [
        f"{sums.accepted}/{sums.correct} {sums.accepted_percent:.1f} %",
        f"{sums.rejected}/{sums.faulty} {sums.rejected_percent:.1f} %",
        str(sums.undecided),
        *(str(count) for count in sums.found_by.values()),
        f"{sums.runs:.0f}",
        f"{sums.run_seconds:.1f}",
        f"{sums.own_seconds:.1f}",
        f"{sums.most_seconds:.1f}",
        f"{sums.wall_seconds:.1f}",
    ]


def _listed(title: str, found: Sequence[Mistake]) -> list[str]:
    causes: Counter[str] = Counter()
    for mistake in found:
        causes[mistake.cause] += len(mistake.seeds)
    lines = [f"{title}: {causes.total()}, all seeds together"]
    for cause, count in causes.most_common():
        lines.append(f"  {count} {cause}")
        for mistake in found:
            if mistake.cause == cause:
                seeds = " ".join(map(str, mistake.seeds))
                lines.append(f"    {mistake.task} {mistake.candidate} (seeds {seeds})")
    return lines
