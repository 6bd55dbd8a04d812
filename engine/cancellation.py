"""A run that nobody waits for any more can be ended before its time."""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Self


class Cancellation:
    """Given to a run, it ends that run from any thread, at once and with all of its processes.

    The outcome of a run that was cancelled is ``sandbox_error`` with the detail ``cancelled`` and says nothing of the
    program. A run that had ended before keeps its own outcome. Close it, or use it as a context, when the run is over.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled

    def fileno(self) -> int:
        """A descriptor that can be read from as soon as ``cancel`` was called."""
        return self._event

    def cancel(self) -> None:
        """End the run, or the one that this is given to later. To say it twice, or too late, is fine."""
        with self._lock:
            self._cancelled = True
            if self._event >= 0:
                os.eventfd_write(self._event, 1)

    def close(self) -> None:
        """Give the descriptor back."""
        with self._lock:
            if self._event >= 0:
                os.close(self._event)
                self._event = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
