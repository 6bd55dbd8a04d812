"""A pool of workers: it starts them, lends each to one run at a time, and replaces those that fail."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from functools import partial

from semi_instruct.engine import cgroup, diagnosis, probe, runtime, worker
from semi_instruct.engine.cancellation import Cancellation
from semi_instruct.engine.errors import EngineClosed, RuntimeUnusable, SandboxUnavailable
from semi_instruct.engine.host_memory import Watchdog
from semi_instruct.engine.shortage import Shortage

_START_ATTEMPTS = 3  # without a pause between them: another nsjail may still be removing the shared mount points


class WorkerPool:
    """At most ``size`` workers. A thread that has taken one gives it back or discards it.

    Args:
        runtime_path: of the virtual environment with the programs' packages; None for the default one.
        shortage: waits while the machine is short of what a worker needs.
        allow_degraded: see ``Engine``.

    Attributes:
        isolation: the isolation layers of every run.
        alive: all workers.
        idle: those that can be taken.
        taken: those that were taken, by thread. A worker whose run is still being torn down is in neither.
        discarded: the number of workers that were discarded.
        closed: whether :meth:`close` has been called.

    Raises:
        SandboxUnavailable: an isolation layer is missing, or the machine is short of something for too long.
        RuntimeUnusable: the runtime has no usable interpreter.
    """

    def __init__(
        self, size: int, runtime_path: str | os.PathLike[str] | None, shortage: Shortage, *, allow_degraded: bool
    ) -> None:
        self.closed = False
        self.idle: deque[worker.Worker] = deque()
        self.alive: set[worker.Worker] = set()
        self.taken: dict[int, worker.Worker] = {}
        self.discarded = 0
        self._size = size
        self._shortage = shortage
        self._watchdog = Watchdog()
        try:
            self._plan = shortage.overcome(partial(_worker_plan, runtime_path, allow_degraded, self._watchdog))
        except BaseException:  # raised again
            self._watchdog.close()
            raise
        self.isolation = self._plan.isolation
        self._changed = threading.Condition()  # of everything above
        self._closing = threading.Lock()
        self._helpers: list[threading.Thread] = []
        self._starting = 0
        self._proven = False
        try:
            first = self._start_worker(None)
            probe.prove(first, limited=self._plan.hierarchy is not None)
            self._proven = True
            for _ in range(1, size):
                self._start_worker(None)
        except BaseException:  # raised again; an interrupt must not leave workers behind
            self.close()
            raise

    def take(self, cancellation: Cancellation | None) -> worker.Worker:
        """Take a worker for this thread, starting one if there is a vacancy.

        Args:
            cancellation: ends the wait for a new worker.

        Raises:
            SandboxUnavailable: a new worker cannot be started.
            EngineClosed: the pool is closed.
        """
        thread = threading.get_ident()
        with self._changed:
            while True:
                if self.closed:
                    raise EngineClosed("this engine is closed")
                if self.idle:
                    # Last in, first out: the most recent worker's memory is still in the cache.
                    self.taken[thread] = self.idle[-1]
                    return self.idle.pop()
                if len(self.alive) + self._starting < self._size:
                    break
                self._changed.wait()
            self._starting += 1
        try:
            return self._start_worker(thread, cancellation)
        finally:
            with self._changed:
                self._starting -= 1
                self._changed.notify_all()

    def give_back(self) -> None:
        """Give back this thread's worker, after it was used."""
        thread = threading.get_ident()
        taken = self.taken[thread]
        if taken.broken:
            self.discard()
        elif taken.unfinished:
            # Its caller already has the outcome and need not wait until the kernel has torn down the run.
            self._start_helper(partial(self._recover, taken), "semi-instruct-recoverer")
            with self._changed:
                self.taken.pop(thread, None)
        else:
            self._return(taken)

    def discard(self) -> None:
        """Discard this thread's worker, if it has one."""
        with self._changed:
            taken = self.taken.pop(threading.get_ident(), None)
        if taken is not None:
            self._give_up(taken)

    def close(self) -> None:
        """End all workers and wait until they are gone. Blocks until every taken worker has been given back."""
        with self._closing:
            with self._changed:
                self.closed = True
                self._changed.notify_all()
                while self._starting or len(self.idle) < len(self.alive) or not all(map(_is_started, self._helpers)):
                    self._changed.wait()
                doomed = list(self.alive)
                self.alive.clear()
                self.idle.clear()
            for each in doomed:
                each.close()
            for helper in self._helpers:
                helper.join()
            self._watchdog.close()

    def forget(self) -> None:
        """Let go of the workers in a forked process, which does not own them."""
        for each in self.alive:
            each.forget()

    def _start_worker(self, thread: int | None, cancellation: Cancellation | None = None) -> worker.Worker:
        """Start a worker, waiting while the machine is short of resources.

        Args:
            thread: the thread that takes it; None if it is idle. It is recorded at once, so that it cannot be lost.

        Raises:
            SandboxUnavailable: it cannot be started.
            EngineClosed: the engine was closed while waiting.
        """
        started = self._shortage.overcome(self._try_to_start, cancellation, lambda: self.closed)
        with self._changed:
            if not self.closed:
                self.alive.add(started)
                if thread is None:
                    self.idle.append(started)
                else:
                    self.taken[thread] = started
                return started
        started.close()
        raise EngineClosed("this engine is closed")

    def _try_to_start(self) -> worker.Worker:
        attempts = 1
        while True:
            try:
                return worker.Worker(self._plan)
            except SandboxUnavailable as error:
                # All walls were present when the engine started, so a later failure may be temporary.
                error.passing = error.passing or self._proven
                if attempts == _START_ATTEMPTS:
                    raise
            attempts += 1

    def _recover(self, taken: worker.Worker) -> None:
        taken.recover()
        if taken.broken:
            self._give_up(taken)
        else:
            self._return(taken)

    def _return(self, taken: worker.Worker) -> None:
        with self._changed:
            self.idle.append(taken)
            if self.taken.get(threading.get_ident()) is taken:
                del self.taken[threading.get_ident()]
            if self.closed:
                self._changed.notify_all()
            else:
                self._changed.notify()

    def _give_up(self, taken: worker.Worker) -> None:
        """Remove a worker, so that the next :meth:`take` starts another one, and close it in the background."""
        with self._changed:
            if taken in self.idle:
                self.idle.remove(taken)
            self.alive.discard(taken)
            self.discarded += 1
            self._changed.notify_all()
        self._start_helper(taken.close, "semi-instruct-closer")

    def _start_helper(self, work: Callable[[], None], name: str) -> None:
        """Have a thread do work that :meth:`close` waits for. If none can be started, do the work on this thread."""
        helper = threading.Thread(target=work, name=name)
        with self._changed:
            self._helpers = [each for each in self._helpers if each.is_alive() or not _is_started(each)] + [helper]
        try:
            helper.start()
        except RuntimeError:
            work()
            with self._changed:
                self._helpers.remove(helper)
                self._changed.notify_all()
        else:
            with self._changed:
                self._changed.notify_all()


def _is_started(thread: threading.Thread) -> bool:
    return thread.ident is not None


def _worker_plan(path: str | os.PathLike[str] | None, allow_degraded: bool, watchdog: Watchdog) -> worker.Plan:
    try:
        hierarchy = cgroup.find()
    except SandboxUnavailable as error:
        if error.passing or not allow_degraded:
            raise
        hierarchy = None
    try:
        found = runtime.find(path)
    except RuntimeUnusable as error:
        if isinstance(error.__cause__, OSError) and diagnosis.is_passing(error.__cause__):
            raise error.__cause__ from None
        raise
    watchdog.hierarchy = hierarchy
    return worker.plan(found, hierarchy, watchdog)
