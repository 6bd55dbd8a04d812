"""How far a build is: a line for each stage, with its rate and the time that is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from semi_instruct.harness.output.progress import Refresh, progress


@dataclass(slots=True)
class StageProgress:
    """A stage that is under way.

    Attributes:
        stage: its name.
        total: of items; 0 if that is not known.
        behind: items done, those of an earlier start included.
        runs: programs run.
    """

    stage: str
    total: int
    behind: int = 0
    runs: int = 0
    _started: float = field(default_factory=time.monotonic)
    _before: int = field(init=False)

    def __post_init__(self) -> None:
        self._before = self.behind

    @property
    def seconds(self) -> float:
        """Since it started."""
        return time.monotonic() - self._started

    def line(self) -> str:
        """Where it is, in one line."""
        seconds = self.seconds
        done = self.behind - self._before
        rate = done / seconds if seconds else 0.0
        parts = [f"{self.stage}: {self.behind}" + (f" of {self.total}" if self.total else "")]
        if rate:
            parts.append(f"{rate:.1f}/s")
            if self.total > self.behind:
                parts.append(f"{_clock((self.total - self.behind) / rate)} left")
        if self.runs:
            parts.append(f"{self.runs} runs")
        return ", ".join(parts)


@contextmanager
def stage_progress(stage: StageProgress, quiet: bool = False) -> Iterator[Refresh]:
    """A function to call whenever something has happened. A plain line at the end where there is no terminal."""
    bar = sys.stderr.isatty() and not quiet
    if quiet:
        yield lambda: None
        return
    with progress(stage.line, lambda: stage.behind, stage.total, bar) as refresh:
        yield refresh
    print(f"{stage.line()}, {stage.seconds:.1f} s", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
