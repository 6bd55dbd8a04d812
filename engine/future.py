"""A future of a run. Cancelling it ends the run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from semi_instruct.engine.cancellation import Cancellation
from semi_instruct.engine.outcome import Outcome


class RunFuture(Future[Outcome]):
    """The result of :meth:`Engine.submit`: a ``concurrent.futures.Future`` whose ``cancel`` also ends a running run.

    If the run has not begun, it never begins, and the future is cancelled. If it is in progress, it is ended, and the
    result of the future is an outcome with the status ``cancelled``.

    Args:
        given: a cancellation of the caller, which then replaces :meth:`cancel`; None to use :meth:`cancel`.
    """

    def __init__(self, given: Cancellation | None = None) -> None:
        super().__init__()
        self._given = given
        self._under_way: Cancellation | None = None
        self._is_asked_to_end = False
        self._guard = threading.Lock()

    def cancel(self) -> bool:
        """Cancel the run, or end it if it is in progress.

        Returns:
            False if the run is over, or if it is in progress with a cancellation passed to ``submit``. If this returns
            True, the run may still end by itself first.
        """
        if super().cancel():
            return True
        with self._guard:
            if self.done() or self._given is not None:
                return False
            self._is_asked_to_end = True
            if self._under_way is not None:
                self._under_way.cancel()
            return True

    def work(self, run: Callable[[Cancellation], Outcome]) -> None:
        """Make the run on the calling thread, unless the future was cancelled."""
        if not self.set_running_or_notify_cancel():
            return
        try:
            if self._given is not None:
                outcome = run(self._given)
            else:
                with Cancellation() as own:
                    with self._guard:
                        self._under_way = own
                        if self._is_asked_to_end:
                            own.cancel()
                    try:
                        outcome = run(own)
                    finally:
                        with self._guard:
                            self._under_way = None
        except BaseException as error:  # the future raises it
            self.set_exception(error)
        else:
            self.set_result(outcome)
