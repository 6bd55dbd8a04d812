"""Whether runs can be done: which walls stand, and whether the sandbox has failed of late."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from semi_instruct.engine import Outcome, Status
from semi_instruct.engine.jail import NAMESPACES

WALLS = (*NAMESPACES, "seccomp", "no_new_privs", "capabilities", "uid", "memory", "pids", "cpu")
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Condition:
    """How the service is.

    Attributes:
        status: ``ok``; ``degraded`` when a wall is missing (and the operator allowed it), or no sandbox can be started
            at the moment; ``failing`` when the sandbox failed and no run has succeeded since; ``draining`` when the
            service is ending.
        walls: each wall, and whether it stands around every run.
        reason: why it is failing, or why no sandbox can be started; empty otherwise.
    """

    status: str
    walls: dict[str, bool]
    reason: str

    @property
    def serves(self) -> bool:
        """Whether it makes sense to send runs here."""
        return self.status in ("ok", "degraded") and not self.reason


class Health:
    """Watches outcomes. Threads may share it.

    Args:
        isolation: the walls that stand, as the engine tells.
    """

    def __init__(self, isolation: Sequence[str]) -> None:
        self._walls = {wall: wall in isolation for wall in WALLS}
        self._lock = threading.Lock()
        self._reason = ""

    @property
    def failing(self) -> bool:
        """Whether the latest run that tells anything told of a fault of ours."""
        return bool(self._reason)

    def see(self, outcome: Outcome) -> None:
        """Take an outcome into account."""
        with self._lock:
            failed = outcome.status is Status.SANDBOX_ERROR
            self._reason = (outcome.detail or "no reason given")[:_LONGEST_REASON] if failed else ""

    def condition(self, draining: bool, trouble: str | None = None) -> Condition:
        """How things are now.

        Args:
            trouble: why no sandbox can be started, as the engine tells.
        """
        with self._lock:
            reason = self._reason
        if draining:
            return Condition("draining", dict(self._walls), "")
        if trouble is not None:
            return Condition("degraded", dict(self._walls), (trouble or "no reason given")[:_LONGEST_REASON])
        if reason:
            return Condition("failing", dict(self._walls), reason)
        return Condition("ok" if all(self._walls.values()) else "degraded", dict(self._walls), "")
