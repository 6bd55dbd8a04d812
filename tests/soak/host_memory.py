"""What the kernel of the host holds for itself, and whether one kind of run makes that grow more than another."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from semi_instruct.engine.limits import MIB
from tests.timing import allow_seconds

FIGURES = ("SUnreclaim", "Slab", "Percpu", "VmallocUsed")
_SAME = 256 << 10  # bytes of difference between two looks at a host that has settled
_LOOKS_APART, _SETTLE_SECONDS = 0.3, 6.0
_STANDARD_ERRORS = 3.0
# Growth a run that is not told from none: what is left of a run in earnest (a flow label, a page, a cgroup) is more.
_MIN_BYTES_PER_RUN = 100.0


def look() -> dict[str, int]:
    """The figures of /proc/meminfo, in bytes."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    told = {words[0].rstrip(":"): int(words[1]) << 10 for words in lines}
    return {name: told[name] for name in FIGURES}


def settled() -> dict[str, int]:
    """The figures once caches are dropped, where this user may do that, and freed memory has come back."""
    if os.access("/proc/sys/vm/drop_caches", os.W_OK):
        Path("/proc/sys/vm/drop_caches").write_text("3")
    deadline = time.monotonic() + allow_seconds(_SETTLE_SECONDS)
    before = look()
    while True:
        time.sleep(_LOOKS_APART)
        after = look()
        if all(abs(after[name] - before[name]) < _SAME for name in FIGURES) or time.monotonic() > deadline:
            return {name: min(before[name], after[name]) for name in FIGURES}
        before = after


@dataclass(frozen=True, slots=True)
class Slope:
    """How one figure grows, in bytes a run: over honest runs, over the mixture, and how far the difference is noise."""

    figure: str
    honest: float
    mixture: float
    noise: float

    @property
    def is_steeper(self) -> bool:
        """Whether the mixture makes it grow more than honest runs do, beyond what noise explains."""
        return self.mixture - self.honest > self.noise

    def __str__(self) -> str:
        verdict = "STEEPER" if self.is_steeper else "no steeper"
        per_1000 = 1000 / MIB
        return (
            f"{self.figure:>12}: honest {self.honest * per_1000:+.2f}, mixture {self.mixture * per_1000:+.2f} MiB in "
            f"1000 runs: {verdict} (noise bound {self.noise * per_1000:.2f})"
        )


@dataclass(slots=True)
class Comparison:
    """A series of blocks of honest runs and one of the mixture, each block with the growth of every figure over it.

    The kernel frees some memory late. What a block of the mixture holds at its end would be counted as freed by a block
    of honest runs after it, so the blocks of one kind follow each other, and the first of a series is not counted.
    """

    honest: list[dict[str, int]] = field(default_factory=list)
    mixture: list[dict[str, int]] = field(default_factory=list)

    @staticmethod
    def measure(growths: list[dict[str, int]], block: Callable[[], None]) -> None:
        """Do a block, and note what grows."""
        start = settled()
        block()
        end = settled()
        growths.append({name: end[name] - start[name] for name in FIGURES})

    def slopes(self, runs_per_block: int) -> list[Slope]:
        """The slope of each figure. The noise bound is three standard errors of the difference of the two means."""
        found = []
        for name in FIGURES:
            series = [[block[name] / runs_per_block for block in blocks] for blocks in (self.honest, self.mixture)]
            error = sum(statistics.variance(growths) / len(growths) for growths in series) ** 0.5
            noise = max(_STANDARD_ERRORS * error, _MIN_BYTES_PER_RUN)
            found.append(Slope(name, *map(statistics.fmean, series), noise))
        return found
