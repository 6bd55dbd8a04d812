"""Everything that a program can observe besides its input: the same in every run, or different in each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from semi_instruct.engine.errors import InvalidRequest

_LAST_SECOND = 253_402_300_799  # of the year 9999, where datetime ends


class Determinism(StrEnum):
    """How similar two runs are.

    ``FIXED``: hash seed, random seeds (numpy's too), pids, addresses, environment and directory order are the same in
    every run. ``VARIED``: hash seed, random seeds, pid, addresses, environment, time zone and clock differ in every
    run. A program whose output differs between the two, or between two varied runs, does not compute it from its input.
    A varied run starts a new interpreter, which costs about 20 milliseconds.
    """

    FIXED = "fixed"
    VARIED = "varied"


@dataclass(frozen=True, slots=True)
class Conditions:
    """The validated determinism of one run.

    Attributes:
        determinism: one of ``Determinism``, or its value.
        clock: seconds since the epoch at which the program's clock starts, to advance with its cpu time and with what
            it sleeps; None for the real clock (of a varied run: a random time).

    Raises:
        InvalidRequest: not a ``Determinism``, or not a time from 1970 to 9999.
    """

    determinism: str = Determinism.FIXED
    clock: float | None = None

    def __post_init__(self) -> None:
        if self.determinism not in list(Determinism):
            known = " or ".join(map(repr, map(str, Determinism)))
            raise InvalidRequest(f"determinism must be {known}, not {self.determinism!r}")
        clock = self.clock
        if clock is None:
            return
        if isinstance(clock, bool) or not isinstance(clock, int | float) or not 0 <= clock <= _LAST_SECOND:
            raise InvalidRequest(f"clock must be seconds since 1970, at most {_LAST_SECOND}, not {clock!r}")

    @property
    def varied(self) -> bool:
        """Whether runs differ."""
        return self.determinism == Determinism.VARIED

    @property
    def clock_start(self) -> float:
        """The clock as sent to the sandbox: nan if none is set."""
        return math.nan if self.clock is None else float(self.clock)
