"""Cancellation of a run from another thread."""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Self


class Cancellation:
    """Ends the run to which it is passed, immediately and with all of its processes. Any thread may use it.

    The outcome of a cancelled run has the status ``cancelled``. A run that has already ended keeps its outcome. Close
    the cancellation when the run is over, or use it as a context manager.
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
        """A descriptor that becomes readable when ``cancel`` is called."""
        return self._event

    def cancel(self) -> None:
        """End the run, or the run to which this is passed later. Has no effect if repeated or if the run is over."""
        with self._lock:
            self._cancelled = True
            if self._event >= 0:
                os.eventfd_write(self._event, 1)

    def close(self) -> None:
        """Close the descriptor."""
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
