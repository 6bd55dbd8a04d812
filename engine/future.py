"""The future of a run: to cancel it ends the run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from semi_instruct.engine.cancellation import Cancellation
from semi_instruct.engine.outcome import Outcome


class RunFuture(Future[Outcome]):
    """What :meth:`Engine.submit` returns: a ``concurrent.futures.Future`` whose ``cancel`` also ends a run under way.

    A run that has not begun when it is cancelled never begins, and the future is cancelled. A run under way is ended:
    the future's result is then an outcome with the status ``cancelled``.

    Args:
        given: ends the run in place of :meth:`cancel`; None where ``cancel`` does.
    """

    def __init__(self, given: Cancellation | None = None) -> None:
        super().__init__()
        self._given = given
        self._under_way: Cancellation | None = None
        self._is_asked_to_end = False
        self._guard = threading.Lock()

    def cancel(self) -> bool:
        """Cancel the run, or end it if it is under way.

        Returns:
            False if the run is over, or if it is under way with a cancellation of its caller's (``submit``). A run
            that was about to end by itself may still do so when this returns True.
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
        """Make the run, on the thread of the caller, unless the future was cancelled."""
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
