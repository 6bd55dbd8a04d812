"""Waits while the machine is short of the resources of a sandbox.

Sandboxes cannot be started when the machine runs out of memory, processes, descriptors, namespaces or BPF memory. This
is not the program's fault and usually temporary. So the engine tries again, less and less often, and logs when it
begins to wait and when it continues.
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
_POLL_S = 0.1  # interval of the checks whether the run was cancelled or the engine closed

_log = logging.getLogger("semi_instruct.engine")


class Shortage:
    """The current shortage of an engine, if any. Thread-safe.

    Args:
        patience: maximum wait of one caller, in seconds.

    Attributes:
        reason: why no sandbox can be started at the moment; None if there is no shortage.
    """

    def __init__(self, patience: float) -> None:
        self.reason: str | None = None
        self._patience = patience
        self._waiting: set[Wait] = set()
        self._lock = threading.Lock()

    def wait(self, cancellation: Cancellation | None = None, given_up: Callable[[], bool] = bool) -> Wait:
        """The wait of one caller. It ends early if the run is cancelled or ``given_up`` returns True."""
        return Wait(self, self._patience, cancellation, given_up)

    def overcome[T](
        self, make: Callable[[], T], cancellation: Cancellation | None = None, given_up: Callable[[], bool] = bool
    ) -> T:
        """Call ``make`` until it does not fail because of a shortage.

        Raises:
            SandboxUnavailable: it failed for another reason, or for longer than ``patience``.
        """
        with self.wait(cancellation, given_up) as wait:
            while True:
                try:
                    made = make()
                except SandboxUnavailable as error:
                    if not error.passing or not wait.pause(str(error)):
                        raise
                except OSError as error:
                    # This process itself is short of something, such as descriptors to read /proc.
                    if not diagnosis.is_passing(error):
                        raise
                    if not wait.pause(str(error)):
                        raise diagnosis.no_descriptors(error) from error
                else:
                    self.end()
                    return made

    def begin(self, wait: Wait, reason: str) -> None:
        """Record that a caller waits because no sandbox can be started."""
        with self._lock:
            if self.reason is None:
                _log.warning("waiting: no sandbox can be started at the moment: %s", reason)
            self._waiting.add(wait)
            self.reason = reason

    def end(self) -> None:
        """Record that a sandbox was started."""
        if self.reason is None:
            return
        with self._lock:
            if self.reason is not None:
                _log.warning("continuing: sandboxes can be started again")
            self._waiting.clear()
            self.reason = None

    def leave(self, wait: Wait) -> None:
        """Record that a caller stopped waiting. After the last one the state is unknown, so the next caller may try."""
        if self.reason is None:
            return
        with self._lock:
            self._waiting.discard(wait)
            if not self._waiting and self.reason is not None:
                _log.warning("no longer waiting: no run needs a new sandbox")
                self.reason = None


class Wait:
    """The wait of one caller, as a context manager: the caller stops waiting on exit.

    Attributes:
        attempts: number of failed attempts, counted by the caller.
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
        """Seconds since the wait began."""
        return time.monotonic() - self._began

    def pause(self, reason: str) -> bool:
        """Wait, each time longer; False if waiting longer is pointless."""
        self._shortage.begin(self, reason)
        until = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _MAX_PAUSE_S)
        while (left := until - time.monotonic()) > 0:
            cancelled = self._cancellation is not None and self._cancellation.cancelled
            if cancelled or self._given_up() or self.seconds > self._patience:
                return False
            time.sleep(min(left, _POLL_S))
        return True
