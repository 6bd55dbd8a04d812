"""Progress of a build: a line for each stage, with its rate and the remaining time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from semi_instruct.harness.output.progress import Refresh, progress


@dataclass(slots=True)
class StageProgress:
    """A stage in progress.

    Attributes:
        stage: its name.
        total: number of items; 0 if it is not known.
        done: items finished, including those of an earlier start.
        runs: programs run.
    """

    stage: str
    total: int
    done: int = 0
    runs: int = 0
    _started: float = field(default_factory=time.monotonic)
    _before: int = field(init=False)

    def __post_init__(self) -> None:
        self._before = self.done

    @property
    def seconds(self) -> float:
        """Seconds since the stage started."""
        return time.monotonic() - self._started

    def line(self) -> str:
        """The progress in one line."""
        seconds = self.seconds
        rate = (self.done - self._before) / seconds if seconds else 0.0
        parts = [f"{self.stage}: {self.done}" + (f" of {self.total}" if self.total else "")]
        if rate:
            parts.append(f"{rate:.1f}/s")
            if self.total > self.done:
                parts.append(f"{_clock((self.total - self.done) / rate)} left")
        if self.runs:
            parts.append(f"{self.runs} runs")
        return ", ".join(parts)


@contextmanager
def stage_progress(stage: StageProgress, quiet: bool = False) -> Iterator[Refresh]:
    """Yield a function to call after each change. Prints a plain line at the end unless ``quiet``."""
    bar = sys.stderr.isatty() and not quiet
    if quiet:
        yield lambda: None
        return
    with progress(stage.line, lambda: stage.done, stage.total, bar) as refresh:
        yield refresh
    print(f"{stage.line()}, {stage.seconds:.1f} s", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
