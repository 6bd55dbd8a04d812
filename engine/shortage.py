"""Waiting while the machine is short of what a sandbox is made of.

Sandboxes cannot be started when the machine runs out of memory, processes, descriptors, namespaces or BPF memory. That
is no fault of the program that waits to be run, and it usually passes. So the engine tries again, less and less often,
and says when it begins to wait and when it goes on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Self

from semi_instruct.engine import diagnosis
from semi_instruct.engine.cancellation import Cancellation
from semi_instruct.engine.errors import SandboxUnavailable

_FIRST_PAUSE_S, _MAX_PAUSE_S = 0.05, 5.0
_GLANCE_S = 0.1  # a cancelled run, or one of an engine that was closed, waits no longer than this

_log = logging.getLogger("semi_instruct.engine")


class Shortage:
    """What an engine is waiting for, if it is. Thread-safe.

    Args:
        patience: seconds that one caller waits.

    Attributes:
        reason: why no sandbox can be started at the moment; None when all is well.
    """

    def __init__(self, patience: float) -> None:
        self.reason: str | None = None
        self._patience = patience
        self._waiting: set[Wait] = set()
        self._lock = threading.Lock()

    def wait(self, cancellation: Cancellation | None = None, given_up: Callable[[], bool] = bool) -> Wait:
        """A caller's own wait. It ends early when the run is cancelled or ``given_up`` says so."""
        return Wait(self, self._patience, cancellation, given_up)

    def overcome[T](
        self, make: Callable[[], T], cancellation: Cancellation | None = None, given_up: Callable[[], bool] = bool
    ) -> T:
        """Do what may fail for a shortage, until it does not.

        Raises:
            SandboxUnavailable: it failed for something else, or for longer than ``patience``.
        """
        with self.wait(cancellation, given_up) as wait:
            while True:
                try:
                    made = make()
                except SandboxUnavailable as error:
                    if not error.passing or not wait.pause(str(error)):
                        raise
                except OSError as error:
                    # This process itself is short: of descriptors, say, for a look at /proc.
                    if not diagnosis.is_passing(error):
                        raise
                    if not wait.pause(str(error)):
                        raise diagnosis.no_descriptors(error) from error
                else:
                    self.end()
                    return made

    def begin(self, wait: Wait, reason: str) -> None:
        """Note that a caller waits, as no sandbox can be started."""
        with self._lock:
            if self.reason is None:
                _log.warning("waiting, as no sandbox can be started at the moment: %s", reason)
            self._waiting.add(wait)
            self.reason = reason

    def end(self) -> None:
        """Note that one could be started."""
        if self.reason is None:
            return
        with self._lock:
            if self.reason is not None:
                _log.warning("going on: sandboxes can be started again")
            self._waiting.clear()
            self.reason = None

    def leave(self, wait: Wait) -> None:
        """Note that a caller waits no longer. With none left nothing is known of the machine: the next may try."""
        if self.reason is None:
            return
        with self._lock:
            self._waiting.discard(wait)
            if not self._waiting and self.reason is not None:
                _log.warning("waiting no longer: no run is left that needs a new sandbox")
                self.reason = None


class Wait:
    """How long one caller has waited. A context: on leaving it the caller waits no longer.

    Attributes:
        attempts: that failed so far; the caller counts them.
    """

    def __init__(
        self, shortage: Shortage, patience: float, cancellation: Cancellation | None, given_up: Callable[[], bool]
    ) -> None:
        self.attempts = 0
        self._shortage = shortage
        self._patience = patience
        self._cancellation = cancellation
        self._given_up = given_up
        self._pause = _FIRST_PAUSE_S
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shortage.leave(self)

    @property
    def seconds(self) -> float:
        """Since the wait began."""
        return time.monotonic() - self._began

    def pause(self, reason: str) -> bool:
        """Wait a little, each time longer; false when there is no point in waiting longer."""
        self._shortage.begin(self, reason)
        until = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _MAX_PAUSE_S)
        while (left := until - time.monotonic()) > 0:
            cancelled = self._cancellation is not None and self._cancellation.cancelled
            if cancelled or self._given_up() or self.seconds > self._patience:
                return False
            time.sleep(min(left, _GLANCE_S))
        return True
