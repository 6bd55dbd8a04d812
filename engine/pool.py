"""A pool of workers: it starts them, lends each to one run at a time, and replaces those that fail."""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from functools import partial

from semi_instruct.engine import cgroup, diagnosis, probe, runtime, worker
from semi_instruct.engine.cancellation import Cancellation
from semi_instruct.engine.errors import EngineClosed, RuntimeUnusable, SandboxUnavailable
from semi_instruct.engine.host_memory import Watchdog
from semi_instruct.engine.shortage import Shortage

_START_ATTEMPTS = 3  # at once: another nsjail may be tidying the mount points that they share


class WorkerPool:
    """At most so many workers. A thread that has taken one gives it back or discards it.

    Args:
        size: the number of workers.
        path: of the runtime; None for the default one.
        shortage: by which the start of a worker waits while the machine is short of something.
        allow_degraded: see ``Engine``.

    Attributes:
        isolation: the walls around every run.
        alive: all workers.
        idle: those that no thread has taken.
        taken: the others, by the thread that has taken each.
        discarded: the number of workers that were given up.
        closed: whether :meth:`close` has been called.

    Raises:
        SandboxUnavailable: a wall is missing, or the machine is short of something for too long.
        RuntimeUnusable: the runtime has no usable interpreter.
    """

    def __init__(
        self, size: int, path: str | os.PathLike[str] | None, shortage: Shortage, *, allow_degraded: bool
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
            self._plan = shortage.overcome(partial(_plan, path, allow_degraded, self._watchdog))
        except BaseException:  # raised again
            self._watchdog.close()
            raise
        self.isolation = self._plan.isolation
        self._free = threading.Condition()
        self._closing = threading.Lock()
        self._helpers: list[threading.Thread] = []
        self._starting = 0
        self._proven = False
        try:
            first = self._start_worker()
            self.idle.append(first)
            probe.prove(first, limited=self._plan.hierarchy is not None)
            self._proven = True
            for _ in range(1, size):
                self.idle.append(self._start_worker())
        except BaseException:  # raised again; an interrupt must not leave workers behind
            self.close()
            raise

    def close(self) -> None:
        """End all workers and wait until nothing of them is left. Every taken worker has to be given back meanwhile."""
        with self._closing:
            with self._free:
                self.closed = True
                self._free.notify_all()
                while len(self.idle) < len(self.alive):
                    self._free.wait()
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

    def _start_worker(self, cancellation: Cancellation | None = None) -> worker.Worker:
        """Start a worker, waiting while the machine is short of resources.

        Raises:
            SandboxUnavailable: it cannot be started.
            EngineClosed: the engine was closed while waiting.
        """
        started = self._shortage.overcome(self._try_to_start, cancellation, lambda: self.closed)
        with self._free:
            if not self.closed:
                self.alive.add(started)
                return started
        started.close()
        raise EngineClosed("this engine is closed")

    def _try_to_start(self) -> worker.Worker:
        for attempt in itertools.count(1):
            try:
                return worker.Worker(self._plan)
            except SandboxUnavailable as error:
                # All walls were present when the engine started, so a later failure may be temporary.
                error.passing = error.passing or self._proven
                if attempt == _START_ATTEMPTS:
                    raise
        raise AssertionError

    def take(self, cancellation: Cancellation | None) -> worker.Worker:
        """Take a worker for this thread. It is recorded before it is returned, so that it cannot be lost."""
        thread = threading.get_ident()
        with self._free:
            while not self.idle and len(self.alive) + self._starting >= self._size:
                if self.closed:
                    raise EngineClosed("this engine is closed")
                self._free.wait()
            if self.idle:
                # Last in, first out: the most recent worker's memory is still in the cache.
                self.taken[thread] = self.idle[-1]
                return self.idle.pop()
            self._starting += 1
        try:
            started = self.taken[thread] = self._start_worker(cancellation)
        finally:
            with self._free:
                self._starting -= 1
                self._free.notify()
        return started

    def give_back(self) -> None:
        thread = threading.get_ident()
        taken = self.taken[thread]
        if taken.broken:
            self.discard()
        elif taken.unfinished:
            # Its caller already has the outcome and need not wait until the kernel has torn down the run.
            with self._free:
                recoverer = threading.Thread(target=self._recover, args=(taken,), name="semi-instruct-recoverer")
                self._start_helper(recoverer)
                del self.taken[thread]
        else:
            self._return(taken)

    def _recover(self, taken: worker.Worker) -> None:
        taken.recover()
        if taken.broken:
            self._give_up(taken)
        else:
            self._return(taken)

    def _return(self, taken: worker.Worker) -> None:
        with self._free:
            self.idle.append(taken)
            if self.taken.get(threading.get_ident()) is taken:
                del self.taken[threading.get_ident()]
            if self.closed:
                self._free.notify_all()
            else:
                self._free.notify()

    def discard(self) -> None:
        """Discard this thread's worker, if it has one."""
        with self._free:
            taken = self.taken.pop(threading.get_ident(), None)
            if taken is not None:
                self._give_up(taken)

    def _give_up(self, taken: worker.Worker) -> None:
        """Leave a vacancy, which the next caller fills, and close the worker in the background."""
        with self._free:
            if taken in self.idle:
                self.idle.remove(taken)
            self.alive.discard(taken)
            self.discarded += 1
            self._start_helper(threading.Thread(target=taken.close, name="semi-instruct-closer"))
            self._free.notify_all()

    def _start_helper(self, helper: threading.Thread) -> None:
        """Start a thread that ``close`` waits for. If it cannot be started, do its work on this thread."""
        try:
            helper.start()
        except RuntimeError:
            helper.run()
        else:
            self._helpers = [each for each in self._helpers if each.is_alive()] + [helper]


def _plan(path: str | os.PathLike[str] | None, allow_degraded: bool, watchdog: Watchdog) -> worker.Plan:
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
