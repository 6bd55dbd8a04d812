"""Processes items in several worker processes. Results come in the order of the items, each exactly once.

Each process opens its own workplace (such as an engine) and takes one item at a time. If it dies, its item goes to
another process. If this process dies, even by SIGKILL, the others end by themselves. Only data of the harness is
exchanged: nothing that a judged program has pickled is ever read.

While the machine is short of memory, processes or descriptors, no item is given up, and the work continues with the
remaining processes: others are restarted with back-off (``machine_faults``), and an item whose process ended because of
the shortage is retried later. Log records of the processes are logged here; the same warning of several processes is
logged once.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import multiprocess
from multiprocess.connection import wait

from semi_instruct.engine import SandboxUnavailable
from semi_instruct.harness.errors import MachineFailed
from semi_instruct.harness.parallel.machine_faults import (
    LOGGER,
    MAX_WAITED_S,
    BackOff,
    error_text,
    memory_kills,
    passes,
    patiently,
    waiting,
)

type Report = Callable[[Any], None]
type Work[Item, Result] = Callable[[Item, Report], Result]
type Workplace[Item, Result] = Callable[[], AbstractContextManager[Work[Item, Result]]]

# Number of processes that die on an item before it is given up; also of consecutive processes that die before their
# first item.
ATTEMPTS = 3
# Results per process that may wait for one of an earlier item. Enough that a slow item leaves no process idle, and few
# enough to bound the memory.
RESULTS_AHEAD = 32
# Seconds between asking processes to end and killing them. Their results are no longer needed.
END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Ready:
    """A process has opened its workplace."""


@dataclass(frozen=True, slots=True)
class _News:
    """News about an item in progress."""

    news: Any


@dataclass(frozen=True, slots=True)
class _Done:
    """The result of the process's item."""

    result: Any


@dataclass(frozen=True, slots=True)
class _Failed:
    """An exception ended the process and must end all work."""

    error: Exception


@dataclass(frozen=True, slots=True)
class _Lacking:
    """A shortage of the machine ended the process."""

    what: str


@dataclass(frozen=True, slots=True)
class _Logged:
    """A log record.

    Attributes:
        kind: the message before values are inserted.
    """

    logger: str
    level: int
    kind: str
    text: str


type _Message = _Ready | _News | _Done | _Failed | _Lacking | _Logged


@dataclass(slots=True)
class _Task:
    """An item.

    Attributes:
        index: index among all items, from 0.
        deaths: number of processes that died on it for other reasons than a shortage.
        back_off: the wait since a shortage ended its process.
        due: time at which it may be given to a process again.
    """

    index: int
    item: Any
    deaths: int = 0
    back_off: BackOff | None = None
    due: float = 0.0


@dataclass(slots=True)
class _Process:
    """The parent's view of a worker process.

    Attributes:
        process, channel: the process and the connection to it, of ``multiprocess``.
        memory_kills: number of processes that the kernel had killed for lack of memory before it was started.
        ready: whether it has opened its workplace.
        task: its current task.
        lacking: the shortage that ended it; empty if it did not report one.
        logged: the kind of its last log record.
    """

    process: Any
    channel: Any
    workplace: Workplace[Any, Any]
    memory_kills: int
    ready: bool = False
    task: _Task | None = None
    lacking: str = ""
    logged: str = ""


@dataclass(slots=True)
class _Vacancy:
    """A process to be started at a given time."""

    workplace: Workplace[Any, Any]
    due: float = 0.0


def in_processes[Item, Result](
    items: Iterable[Item],
    workplaces: Sequence[Workplace[Item, Result]],
    *,
    lost: Callable[[Item, str], Result],
    on_news: Report = lambda _: None,
) -> Generator[Result]:
    """Yield the result of every item, in the order of the items.

    Args:
        items: data that can be pickled, like the results; read lazily, at most ``RESULTS_AHEAD`` per process ahead of
            the next result.
        workplaces: one context manager per process, called in it. The yielded function is called with every item and
            with a function that sends news to this process. ``dill`` serializes it, so it must not contain threads,
            locks or open files.
        lost: returns the result of an item on which ``ATTEMPTS`` processes died, given the item and how they died.
        on_news: called with news on the caller's thread. News of work that is repeated is repeated.

    Raises:
        SandboxUnavailable: processes die before they take an item, or a workplace raises it.
        MachineFailed: no process could be started for ``MAX_WAITED_S``.
        Exception: any other exception of a workplace or of the work on an item. All processes are then ended.
    """
    pool = _Pool(iter(items), workplaces, lost, on_news)
    try:
        yield from pool.results()
        pool.dismiss()
    finally:
        pool.end()


@dataclass(slots=True)
class _Pool:
    """The processes, their tasks, and the results that wait for an earlier one."""

    items: Iterator[Any]
    workplaces: Sequence[Workplace[Any, Any]]
    lost: Callable[[Any, str], Any]
    on_news: Report
    _processes: list[_Process] = field(default_factory=list)
    _vacancies: list[_Vacancy] = field(default_factory=list)
    _again: deque[_Task] = field(default_factory=deque)
    _results: dict[int, Any] = field(default_factory=dict)
    _taken: int = 0
    _yielded: int = 0
    _deaths_at_start: int = 0
    _starting: BackOff | None = None  # set while a shortage prevents the start of processes
    _postponed: set[int] = field(default_factory=set)  # indices of items whose process was ended by a shortage
    _exhausted: bool = False

    def results(self) -> Iterator[Any]:
        """All results, in order."""
        self._vacancies += map(_Vacancy, self.workplaces)
        self._start_those_due()
        while self._hand_out():
            self._listen()
            self._start_those_due()
            while self._yielded in self._results:
                self._yielded += 1
                yield self._results.pop(self._yielded - 1)

    def dismiss(self) -> None:
        """Let the processes close their workplaces and end. Processes without an open workplace end immediately."""
        for process in self._processes:
            process.channel.close()
            if not process.ready:
                process.process.terminate()
        for process in self._processes:
            process.process.join()

    def end(self) -> None:
        """End the remaining processes immediately."""
        for process in self._processes:
            process.channel.close()
            process.process.terminate()
        for process in self._processes:
            process.process.join(END_SECONDS)
            process.process.kill()
            process.process.join()

    def _hand_out(self) -> bool:
        """Give an item to every idle process. Returns whether any result is pending."""
        for process in self._processes:
            if process.ready and process.task is None:
                process.task = self._next_task()
                if process.task is not None:
                    with suppress(OSError):  # it has died, which is handled where messages are read
                        process.channel.send_bytes(pickle.dumps(process.task.item))
        return not self._exhausted or bool(self._again) or any(process.task for process in self._processes)

    def _next_task(self) -> _Task | None:
        now = time.monotonic()
        for task in self._again:
            if task.due <= now:
                self._again.remove(task)
                return task
        if self._exhausted or self._taken - self._yielded >= RESULTS_AHEAD * len(self.workplaces):
            return None
        for item in self.items:
            self._taken += 1
            return _Task(self._taken - 1, item)
        self._exhausted = True
        return None

    def _start_those_due(self) -> None:
        now = time.monotonic()
        for vacancy in [vacancy for vacancy in self._vacancies if vacancy.due <= now]:
            try:
                process = _start(vacancy.workplace)
            except (OSError, RuntimeError, MemoryError) as error:
                if not passes(error):
                    raise
                vacancy.due = self._when_to_start(error_text(error))
            else:
                self._vacancies.remove(vacancy)
                self._processes.append(process)

    def _when_to_start(self, lacking: str) -> float:
        """The time of the next attempt to start a process after a shortage.

        Raises:
            MachineFailed: no process could be started for too long.
        """
        if self._starting is None:
            self._starting = BackOff()
            LOGGER.warning("%s", waiting("start a process", lacking))
        if self._starting.is_over and not any(process.ready for process in self._processes):
            raise MachineFailed(f"no process could be started for {MAX_WAITED_S:g} s: {lacking}")
        return time.monotonic() + self._starting.next_wait_s()

    def _listen(self) -> None:
        """Wait for messages and deaths and handle them, at most until something is due."""
        dues = [vacancy.due for vacancy in self._vacancies]
        if any(process.ready and process.task is None for process in self._processes):
            dues += [task.due for task in self._again]
        left = max(0.0, min(dues) - time.monotonic()) if dues else None
        if not self._processes:
            time.sleep(left or 0.0)
            return
        speaking = wait([process.channel for process in self._processes], left)
        for process in tuple(self._processes):
            if process.channel in speaking:
                try:
                    message = _receive(process.channel)
                except EOFError:
                    self._replace(process)
                else:
                    self._note(process, message)

    def _note(self, process: _Process, message: _Message) -> None:
        match message:
            case _Ready():
                process.ready = True
                self._deaths_at_start = 0
                if self._starting is not None:
                    LOGGER.info("%s", self._starting.resumption())
                    self._starting = None
            case _News(news):
                self.on_news(news)
            case _Done(result) if process.task is not None:
                self._results[process.task.index] = result
                self._end_wait(process.task)
                process.task = None
            case _Failed(error):
                raise error
            case _Lacking(what):
                process.lacking = what
            case _Logged():
                self._log(process, message)

    def _log(self, process: _Process, record: _Logged) -> None:
        """Log a record of a process, unless it equals the last record of another process."""
        is_known = any(record.kind == each.logged for each in self._processes)
        process.logged = record.kind
        if record.level >= logging.ERROR or not is_known:
            logging.getLogger(record.logger).log(record.level, "%s", record.text)

    def _replace(self, dead: _Process) -> None:
        """Schedule a replacement of a dead process, and reassign its item."""
        dead.channel.close()
        # It has hung up, so it has ended or is about to end.
        dead.process.join()
        self._processes.remove(dead)
        if lacking := dead.lacking or _lack_that_killed(dead):
            due = self._put_off(dead.task, lacking) if dead.task is not None else self._when_to_start(lacking)
            self._vacancies.append(_Vacancy(dead.workplace, due))
            return
        self._vacancies.append(_Vacancy(dead.workplace))
        how = f"{ATTEMPTS} processes {_death(dead.process.exitcode)}"
        self._deaths_at_start += not dead.ready
        if self._deaths_at_start >= ATTEMPTS:
            raise SandboxUnavailable("process", f"{how} before they could start", "free some memory")
        if dead.task is not None:
            dead.task.deaths += 1
            if dead.task.deaths < ATTEMPTS:
                self._again.append(dead.task)
            else:
                self._lose(dead.task, f"{how} while they worked on it")

    def _put_off(self, task: _Task, lacking: str) -> float:
        """Schedule an item again whose process was ended by a shortage. Returns the time."""
        if task.back_off is None:
            task.back_off = BackOff()
            if not self._postponed:
                LOGGER.warning("%s", waiting("work on an item", lacking))
            self._postponed.add(task.index)
        if task.back_off.is_over:
            self._lose(task, f"processes ended on it for {MAX_WAITED_S:g} s, last: {lacking}")
            self._postponed.discard(task.index)
        else:
            task.due = time.monotonic() + task.back_off.next_wait_s()
            self._again.append(task)
        return task.due

    def _end_wait(self, task: _Task) -> None:
        """Record that an item is done that may have been postponed."""
        if task.back_off is not None:
            self._postponed.discard(task.index)
            if not self._postponed:
                LOGGER.info("%s", task.back_off.resumption())

    def _lose(self, task: _Task, why: str) -> None:
        LOGGER.error("an item is given up: %s", why)
        self._results[task.index] = self.lost(task.item, why)


def _death(exit_code: int) -> str:
    if exit_code < 0:
        return f"were ended by signal {-exit_code} ({signal.strsignal(-exit_code)})"
    return f"ended with status {exit_code}"


def _lack_that_killed(dead: _Process) -> str:
    """The shortage for which the kernel killed a process; empty if it did not.

    If a shortage prevents the check itself, that shortage is taken as the reason, so that no item is given up.
    """
    if dead.process.exitcode != -signal.SIGKILL:
        return ""
    try:
        is_for_memory = memory_kills() > dead.memory_kills
    except OSError as error:
        if not passes(error):
            raise
        return error_text(error)
    return "the kernel killed a process for lack of memory" if is_for_memory else ""


def _start(workplace: Workplace[Any, Any]) -> _Process:
    kills = memory_kills()  # before the process is started, because this may fail
    # Not forked, because this process may have threads and an engine, which must not be shared.
    context = multiprocess.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, workplace), daemon=True)
    try:
        with theirs, _interrupts_held_back():
            process.start()
    except BaseException:  # raised again
        ours.close()
        raise
    return _Process(process, ours, workplace, kills)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Block Ctrl-C, which goes to all processes of the terminal, while a process starts: it would print a traceback."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _receive(channel: Any) -> Any:
    """Receive the next message.

    Raises:
        EOFError: the other side has hung up, possibly within a message.
    """
    try:
        return pickle.loads(channel.recv_bytes())  # noqa: S301  from a process of the harness
    except OSError:
        raise EOFError from None


def _serve(channel: Any, workplace: Workplace[Any, Any]) -> None:
    """The main function of a process: work on items until the parent hangs up."""
    # A handler instead of SIG_IGN, which the sandboxes would inherit. The parent decides whether Ctrl-C ends the work.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGTERM, _leave)
    say = partial(_say, channel, threading.Lock())
    log = logging.getLogger("semi_instruct")
    log.addHandler(_LogOverChannel(say))
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        patiently(threading.Thread(target=_end_with_parent, daemon=True).start, "start a thread")
        with workplace() as work:
            say(_Ready())
            for item in _items(channel):
                say(_Done(work(item, lambda news: say(_News(news)))))
    except Exception as error:  # raised again in the parent, unless it is a temporary shortage
        say(_Lacking(error_text(error)) if passes(error) else _Failed(_portable(error)))


class _LogOverChannel(logging.Handler):
    """Sends log records to the parent."""

    def __init__(self, say: Callable[[_Message], None]) -> None:
        super().__init__()
        self._say_to_parent = say

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record."""
        self._say_to_parent(_Logged(record.name, record.levelno, str(record.msg), record.getMessage()))


def _items(channel: Any) -> Iterator[Any]:
    with suppress(EOFError):  # the end of the items, or of the parent
        while True:
            yield _receive(channel)


def _say(channel: Any, lock: threading.Lock, message: _Message) -> None:
    data = pickle.dumps(message)
    try:
        with lock:  # threads of the engine log
            channel.send_bytes(data)
    except OSError:
        _leave()


def _portable(error: Exception) -> Exception:
    """The exception, or its text if it cannot be pickled, with its traceback."""
    origin = "in a worker process:\n" + traceback.format_exc()
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    except Exception:  # pickle propagates any exception of the exception's class
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(origin)
    return error


def _leave(*_: object) -> None:
    # An exception in a context that loses it, such as a callback of the garbage collector, is not reported.
    sys.unraisablehook = lambda _: None
    raise SystemExit


def _end_with_parent() -> None:
    """End this process as soon as its parent is gone. Its sandboxes end with it."""
    wait([multiprocess.parent_process().sentinel])
    os._exit(1)
