"""What the kernel of the host holds for itself, and whether one kind of run makes that grow more than another."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from semi_instruct.engine.limits import MIB
from tests.patience import patient

FIGURES = ("SUnreclaim", "Slab", "Percpu", "VmallocUsed")
_SAME = 256 << 10  # bytes of difference between two looks at a host that has settled
_LOOKS_APART, _SETTLE_SECONDS = 0.3, 6.0
_STANDARD_ERRORS = 3.0
# Growth a run that is not told from none: what is left of a run in earnest (a flow label, a page, a cgroup) is more.
_LEAST_BYTES_A_RUN = 100.0


def look() -> dict[str, int]:
    """The figures of /proc/meminfo, in bytes."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    told = {words[0].rstrip(":"): int(words[1]) << 10 for words in lines}
    return {name: told[name] for name in FIGURES}


def settled() -> dict[str, int]:
    """The figures once caches are dropped, where this user may do that, and freed memory has come back."""
    if os.access("/proc/sys/vm/drop_caches", os.W_OK):
        Path("/proc/sys/vm/drop_caches").write_text("3")
    deadline = time.monotonic() + patient(_SETTLE_SECONDS)
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
    """Blocks of honest runs and of the mixture, in turn, each with the growth of every figure over it."""

    _honest: list[dict[str, int]] = field(default_factory=list)
    _mixture: list[dict[str, int]] = field(default_factory=list)

    def measure(self, honest: Callable[[], None], mixture: Callable[[], None]) -> None:
        """Do a block of each, and note what grows."""
        start = settled()
        for block, growths in ((honest, self._honest), (mixture, self._mixture)):
            block()
            end = settled()
            growths.append({name: end[name] - start[name] for name in FIGURES})
            start = end

    def slopes(self, runs_a_block: int) -> list[Slope]:
        """The slope of each figure. The noise bound is three standard errors of the mean difference of a pair."""
        found = []
        for name in FIGURES:
            pairs = [(h[name], m[name]) for h, m in zip(self._honest, self._mixture, strict=True)]
            error = statistics.stdev(m - h for h, m in pairs) / len(pairs) ** 0.5
            noise = max(_STANDARD_ERRORS * error / runs_a_block, _LEAST_BYTES_A_RUN)
            means = [statistics.fmean(each) / runs_a_block for each in zip(*pairs, strict=True)]
            found.append(Slope(name, *means, noise))
        return found
