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
    """

    def __init__(self) -> None:
        super().__init__()
        self._under_way: Cancellation | None = None
        self._guard = threading.Lock()

    def cancel(self) -> bool:
        """Cancel the run, or end it if it is under way.

        Returns:
            False if the run is over, or if it is under way with a cancellation of its caller's (``submit``).
        """
        if super().cancel():
            return True
        with self._guard:
            if self._under_way is None:
                return False
            self._under_way.cancel()
            return True

    def work(self, run: Callable[[Cancellation], Outcome], given: Cancellation | None) -> None:
        """Make the run, on the thread of the caller, unless the future was cancelled.

        Args:
            run: makes the run.
            given: ends the run in place of :meth:`cancel`.
        """
        if not self.set_running_or_notify_cancel():
            return
        try:
            if given is not None:
                outcome = run(given)
            else:
                with Cancellation() as own:
                    with self._guard:
                        self._under_way = own
                    try:
                        outcome = run(own)
                    finally:
                        with self._guard:
                            self._under_way = None
        except BaseException as error:  # the future raises it
            self.set_exception(error)
        else:
            self.set_result(outcome)
