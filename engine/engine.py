"""The engine's API: runs, futures, maps and their asyncio forms, on a pool of workers (``engine.pool``)."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any, Self

from semi_instruct.engine import worker
from semi_instruct.engine.cancellation import Cancellation
from semi_instruct.engine.determinism import Determinism
from semi_instruct.engine.errors import EngineClosed, InvalidRequest, SandboxUnavailable
from semi_instruct.engine.future import RunFuture
from semi_instruct.engine.limits import Limits
from semi_instruct.engine.outcome import Outcome, Status
from semi_instruct.engine.pool import WorkerPool
from semi_instruct.engine.program import Program
from semi_instruct.engine.request import DEFAULT_LIMITS, EncodedRequest, RunRequest
from semi_instruct.engine.shortage import Shortage, Wait

_ATTEMPTS = 2
_ATTEMPTS_ALONE = 2

_log = logging.getLogger("semi_instruct.engine")


class Engine:
    """Runs untrusted programs, each run in a fresh sandbox.

    Threads may share an engine. Processes may not: a process forked from the owner gets ``EngineClosed``.

    Args:
        workers: number of concurrent runs; None for one per core. Each worker is a jail with a warm interpreter.
        runtime: path of a virtual environment whose packages programs may import; None for the default one.
        allow_degraded: continue without control groups if none are available. Memory and CPU time are then limited per
            process instead of for the whole tree, and the ``isolation`` of every outcome lacks ``memory``, ``pids`` and
            ``cpu``.
        patience: seconds to wait, here and in each run, while no sandbox can be started because the machine is short of
            memory, processes, descriptors or similar. A missing wall is an immediate error.

    Raises:
        SandboxUnavailable: a wall is missing, or the machine was short of something for longer than ``patience``. The
            message gives the reason and the remedy.
        RuntimeUnusable: the runtime has no usable interpreter.
        InvalidRequest: the number of workers is invalid.
    """

    def __init__(
        self,
        workers: int | None = None,
        runtime: str | os.PathLike[str] | None = None,
        *,
        allow_degraded: bool = False,
        patience: float = 300.0,
    ) -> None:
        if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
            raise InvalidRequest(f"workers must be a whole number of at least 1, not {workers!r}")
        self.workers = workers or len(os.sched_getaffinity(0))
        self._owner = os.getpid()
        self._shortage = Shortage(patience)
        self._pool = WorkerPool(self.workers, runtime, self._shortage, allow_degraded=allow_degraded)
        try:
            self._executor = ThreadPoolExecutor(self.workers, thread_name_prefix="semi-instruct")
            self._start_threads()
        except BaseException:  # raised again; an interrupt must not leave workers behind
            self.close(cancel=True)
            raise
        _forget_after_fork(self)

    @property
    def isolation(self) -> tuple[str, ...]:
        """The isolation layers that are active in every run."""
        return self._pool.isolation

    @property
    def discarded_workers(self) -> int:
        """Number of workers discarded so far because they died or hung, or because a run on them was interrupted."""
        return self._pool.discarded

    @property
    def trouble(self) -> str | None:
        """Why no sandbox can be started at the moment, while runs wait; None if there is no problem."""
        return self._shortage.reason

    def run(
        self,
        program: Program,
        stdin: bytes = b"",
        args: Sequence[Any] = (),
        limits: Limits = DEFAULT_LIMITS,
        *,
        determinism: str = Determinism.FIXED,
        clock: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> Outcome:
        """Run a program and wait for its outcome.

        Args:
            program, stdin, args, limits, determinism, clock: see :class:`RunRequest`.
            cancellation: lets another thread end the run. The caller closes it.

        Returns:
            The outcome. Failures of the program are outcomes, never exceptions. So is a failure of the sandbox that
            persists after one retry (``sandbox_error``); a failure before any part of the program has run does not
            count as an attempt. While no sandbox can be started, the run waits for at most ``patience`` seconds.

        Raises:
            InvalidRequest, InvalidProgram: the request cannot be run, see :meth:`RunRequest.encode`.
            EngineClosed: the engine is closed, or belongs to another process.
        """
        request = RunRequest(program, stdin, args, limits, determinism, clock).encode()
        self._check_open()
        return self._conduct(request, cancellation)

    def _conduct(self, request: EncodedRequest, cancellation: Cancellation | None) -> Outcome:
        attempt = partial(self._attempt, request, cancellation)
        with self._shortage.wait(cancellation, lambda: self._pool.closed) as wait:
            return self._run(attempt, wait, cancellation)

    def _run(self, attempt: Callable[[bool], Outcome], wait: Wait, cancellation: Cancellation | None) -> Outcome:
        """Attempt a run until an attempt is conclusive. ``attempt`` takes whether the run must be alone."""
        attempts, cpu_s, wall_s = 0, 0.0, 0.0
        reason, alone, alone_before = "", False, 0
        while True:
            if cancellation is not None and cancellation.cancelled:
                return Outcome(Status.CANCELLED, detail="the caller cancelled the run", isolation=self.isolation)
            try:
                outcome = attempt(alone)
            except worker.Suspected as suspected:
                # At first it was one of several runs. Alone, it is at fault if the rise ends with it or always recurs.
                if suspected.released or alone_before >= _ATTEMPTS_ALONE:
                    return suspected.outcome
                alone, alone_before = True, alone_before + 1
            except worker.NeverRan as error:
                # An event that ended all idle workers is not the run's fault: try the next worker immediately.
                wait.attempts += 1
                if wait.attempts > self.workers and not wait.pause(str(error)):
                    reason = f"no sandbox for {wait.seconds:.0f} s, last: {error}"
            except worker.WorkerDied as error:
                attempts, cpu_s, wall_s = attempts + 1, cpu_s + error.cpu_s, wall_s + error.wall_s
                if attempts >= _ATTEMPTS:
                    reason = f"workers died {attempts} times, last: {error}"
            except SandboxUnavailable as error:
                reason = str(error)
            else:
                if wait.attempts:
                    self._shortage.end()
                return outcome
            if reason and not (cancellation is not None and cancellation.cancelled):
                return self._failed(reason, cpu_s, wall_s)

    def _attempt(self, request: EncodedRequest, cancellation: Cancellation | None, alone: bool) -> Outcome:
        """One run on one worker, which is then returned to the pool or discarded.

        Raises:
            SandboxUnavailable, NeverRan, WorkerDied, Suspected: see ``Worker`` and ``Worker.run``.
        """
        taken = self._pool.take(cancellation)
        try:
            outcome = taken.run(
                request.program,
                request.stdin,
                request.arguments,
                request.limits,
                request.conditions,
                cancellation,
                alone=alone,
            )
        except worker.Suspected:
            self._pool.give_back()
            raise
        except BaseException:  # raised again; the state of the worker is unknown
            self._pool.discard()
            raise
        self._pool.give_back()
        return outcome

    def _failed(self, detail: str, cpu_s: float, wall_s: float) -> Outcome:
        """The outcome of a failed sandbox, with the time that its attempts used."""
        _log.error("a run ends as sandbox_error: %s", detail)
        return Outcome(
            Status.SANDBOX_ERROR, detail=detail, cpu_time_s=cpu_s, wall_time_s=wall_s, isolation=self.isolation
        )

    def submit(
        self,
        program: Program,
        stdin: bytes = b"",
        args: Sequence[Any] = (),
        limits: Limits = DEFAULT_LIMITS,
        *,
        determinism: str = Determinism.FIXED,
        clock: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> RunFuture:
        """Start a run. The arguments are those of :meth:`run`.

        Args:
            cancellation: lets another thread end the run. Without one, the future's ``cancel`` ends it.

        Raises:
            InvalidRequest, InvalidProgram, EngineClosed: as :meth:`run`.
        """
        return self._submit(RunRequest(program, stdin, args, limits, determinism, clock), cancellation)

    def _submit(self, request: RunRequest, cancellation: Cancellation | None = None) -> RunFuture:
        encoded = request.encode()
        self._check_open()
        future = RunFuture(cancellation)
        try:
            queued = self._executor.submit(future.work, partial(self._conduct, encoded))
        except RuntimeError as error:
            raise EngineClosed("this engine is closed") from error
        queued.add_done_callback(lambda ended: future.cancel() if ended.cancelled() else None)
        return future

    def map(
        self,
        program: Program,
        stdins: Iterable[bytes] | None = None,
        *,
        args: Iterable[Sequence[Any]] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        determinism: str = Determinism.FIXED,
        clock: float | None = None,
    ) -> Iterator[Outcome]:
        """The outcomes of one program on many inputs. See :meth:`run_many`.

        Args:
            stdins: standard inputs; or
            args: argument lists of the entry function. If both are given, they are paired.
            program, limits, determinism, clock: the same for each run, see :class:`RunRequest`.

        Raises:
            InvalidRequest: neither ``stdins`` nor ``args`` is given.
        """
        return self.run_many(_requests(program, stdins, args, limits, determinism, clock))

    def run_many(self, requests: Iterable[RunRequest]) -> Iterator[Outcome]:
        """Yield the outcomes of many runs lazily, in the order of the requests, using all workers.

        The number of runs ahead of the caller is at most twice the number of workers, so the requests may be infinite.
        Closing the iterator early ends the runs that are ahead.

        Raises:
            InvalidRequest, InvalidProgram, EngineClosed: as :meth:`run`; in the order of the requests.
        """
        self._check_open()
        return self._run_many(iter(requests))

    def _run_many(self, requests: Iterator[RunRequest]) -> Iterator[Outcome]:
        ahead: deque[RunFuture] = deque()
        try:
            for request in requests:
                ahead.append(self._submit(request))
                if len(ahead) >= 2 * self.workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()

    async def arun(
        self,
        program: Program,
        stdin: bytes = b"",
        args: Sequence[Any] = (),
        limits: Limits = DEFAULT_LIMITS,
        *,
        determinism: str = Determinism.FIXED,
        clock: float | None = None,
    ) -> Outcome:
        """:meth:`run` for asyncio. Cancelling the task that awaits it ends the run.

        Raises:
            InvalidRequest, InvalidProgram, EngineClosed: as :meth:`run`.
        """
        return await _awaited(self.submit(program, stdin, args, limits, determinism=determinism, clock=clock))

    def amap(
        self,
        program: Program,
        stdins: Iterable[bytes] | None = None,
        *,
        args: Iterable[Sequence[Any]] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        determinism: str = Determinism.FIXED,
        clock: float | None = None,
    ) -> AsyncGenerator[Outcome]:
        """:meth:`map` for asyncio."""
        return self.arun_many(_requests(program, stdins, args, limits, determinism, clock))

    async def arun_many(self, requests: Iterable[RunRequest] | AsyncIterable[RunRequest]) -> AsyncGenerator[Outcome]:
        """:meth:`run_many` for asyncio. The requests may come from an asynchronous iterator.

        Closing the generator, or cancelling the task that iterates over it, ends the runs that are ahead.
        """
        ahead: deque[RunFuture] = deque()
        try:
            async for request in _asynchronously(requests):
                ahead.append(self._submit(request))
                if len(ahead) >= 2 * self.workers:
                    yield await _awaited(ahead.popleft())
            while ahead:
                yield await _awaited(ahead.popleft())
        finally:
            for future in ahead:
                future.cancel()

    def close(self, *, cancel: bool = False) -> None:
        """End all workers and wait until they are gone. Idempotent.

        Args:
            cancel: drop runs that have not begun, instead of running them first.
        """
        if getattr(self, "_owner", None) != os.getpid() or not hasattr(self, "_pool"):
            return
        executor = getattr(self, "_executor", None)
        if executor is not None:
            with contextlib.suppress(RuntimeError):  # called on a run's own thread, which cannot wait for itself
                executor.shutdown(wait=True, cancel_futures=cancel)
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(cancel=kind is not None)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # a finalizer cannot report errors, and modules may be gone at exit
            self.close(cancel=True)

    def _check_open(self) -> None:
        if self._owner != os.getpid():
            raise EngineClosed("this engine belongs to the process that made it: make one in each process")
        if self._pool.closed:
            raise EngineClosed("this engine is closed")

    def _start_threads(self) -> None:
        """Start all threads of the pool now. A ``submit`` that fails to start one raises although the run is queued.

        Raises:
            SandboxUnavailable: the machine has been short of threads for too long.
        """
        all_started = threading.Event()
        try:
            for _ in range(self.workers):
                self._shortage.overcome(partial(self._start_thread, all_started))
        finally:
            all_started.set()

    def _start_thread(self, all_started: threading.Event) -> None:
        try:
            self._executor.submit(all_started.wait)  # no thread is idle, so this starts a new one
        except RuntimeError as error:
            remedy = "free processes or memory on this machine"
            raise SandboxUnavailable("thread", str(error), remedy, passing=True) from error


async def _awaited(future: RunFuture) -> Outcome:
    import asyncio  # takes longer to import than the rest of the engine; asynchronous callers have it already

    try:
        return await asyncio.wrap_future(future)
    finally:
        future.cancel()  # has an effect only if the task was cancelled


async def _asynchronously[T](items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


def _requests(
    program: Program,
    stdins: Iterable[bytes] | None,
    args: Iterable[Sequence[Any]] | None,
    limits: Limits,
    determinism: str,
    clock: float | None,
) -> Iterator[RunRequest]:
    """Yield requests for one program. The inputs are consumed lazily."""
    if stdins is None and args is None:
        raise InvalidRequest("map needs stdins or args")
    inputs = zip(
        stdins if stdins is not None else itertools.repeat(b""),
        args if args is not None else itertools.repeat(()),
        strict=False,
    )
    return (RunRequest(program, stdin, arguments, limits, determinism, clock) for stdin, arguments in inputs)


def _forget_after_fork(engine: Engine) -> None:
    reference = weakref.ref(engine)

    def forget() -> None:
        alive = reference()
        if alive is not None:
            alive._pool.forget()

    os.register_at_fork(after_in_child=forget)
