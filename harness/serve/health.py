"""Whether the service can run programs: which isolation layers are active, and whether the sandbox failed recently."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from semi_instruct.engine import Outcome, Status
from semi_instruct.engine.jail import NAMESPACES

WALLS = (*NAMESPACES, "seccomp", "no_new_privs", "capabilities", "uid", "memory", "pids", "cpu")
_MAX_REASON = 300


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of the service.

    Attributes:
        status: ``ok``; ``degraded`` if an isolation layer is missing (and the operator allowed it), or no sandbox can
            be started at the moment; ``failing`` if the sandbox failed and no run has succeeded since; ``draining`` if
            the service is shutting down.
        walls: the isolation layers, each with whether it is active in every run.
        reason: why the service is failing, or why no sandbox can be started; otherwise empty.
    """

    status: str
    walls: dict[str, bool]
    reason: str

    @property
    def can_serve(self) -> bool:
        """Whether clients should send runs to this service."""
        return self.status in ("ok", "degraded") and not self.reason


class Health:
    """Derives the condition of the service from outcomes. Thread-safe.

    Args:
        isolation: the active isolation layers, as the engine reports them.
    """

    def __init__(self, isolation: Sequence[str]) -> None:
        self._walls = {wall: wall in isolation for wall in WALLS}
        self._lock = threading.Lock()
        self._reason = ""

    @property
    def failing(self) -> bool:
        """Whether the sandbox failed in the latest run."""
        return bool(self._reason)

    def observe(self, outcome: Outcome) -> None:
        """Take an outcome into account."""
        with self._lock:
            failed = outcome.status is Status.SANDBOX_ERROR
            self._reason = (outcome.detail or "no reason given")[:_MAX_REASON] if failed else ""

    def condition(self, draining: bool, trouble: str | None = None) -> Condition:
        """The present condition.

        Args:
            draining: whether the service is shutting down.
            trouble: why no sandbox can be started, as the engine reports it.
        """
        with self._lock:
            reason = self._reason
        if draining:
            return Condition("draining", dict(self._walls), "")
        if trouble is not None:
            return Condition("degraded", dict(self._walls), (trouble or "no reason given")[:_MAX_REASON])
        if reason:
            return Condition("failing", dict(self._walls), reason)
        return Condition("ok" if all(self._walls.values()) else "degraded", dict(self._walls), "")
