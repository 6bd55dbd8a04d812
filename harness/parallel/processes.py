"""Works items in several processes of ours as if it were one: results in the order of the items, none lost, none twice.

Each process opens a workplace of its own (an engine, say) and takes one item at a time. One that dies leaves its item
to another; when this process dies, even by SIGKILL, the others end by themselves. What crosses is what we made: nothing
that a program we judge has pickled is ever read.

While the machine lacks memory, processes or descriptors, no item is given up and the work goes on with the processes
there are: others are started again with back-off (``machine_faults``), and an item on which a process ended for
such a lack is done again later. What a process logs is logged here, a warning of several processes once.
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
    memory_kills,
    passes,
    patiently,
    said_of,
    waiting,
)

type Report = Callable[[Any], None]
type Work[Item, Result] = Callable[[Item, Report], Result]
type Workplace[Item, Result] = Callable[[], AbstractContextManager[Work[Item, Result]]]

# Processes that die on an item before it is given up, and processes that die in turn before they can take any.
ATTEMPTS = 3
# Results that wait for one of an earlier item, for each process. Enough that a slow item leaves no process idle, few
# enough that work of any length is never in memory.
RESULTS_AHEAD = 32
# From asking processes to end until they are killed: what they are about is not wanted any more.
END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Ready:
    """A process has opened its workplace."""


@dataclass(frozen=True, slots=True)
class _News:
    """What the work on an item had to say before it was done."""

    news: Any


@dataclass(frozen=True, slots=True)
class _Done:
    """The result of the item that the process was given."""

    result: Any


@dataclass(frozen=True, slots=True)
class _Failed:
    """An exception ended the process, and is to end everything."""

    error: Exception


@dataclass(frozen=True, slots=True)
class _Lacking:
    """The machine lacked something, which ended the process."""

    what: str


@dataclass(frozen=True, slots=True)
class _Logged:
    """A record of the log.

    Attributes:
        kind: what it says before values are put in.
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
        place: among all, from 0.
        deaths: processes that died on it, not for want of something.
        back_off: since a process ended on it for want of something.
        due: when it may be given to a process again.
    """

    place: int
    item: Any
    deaths: int = 0
    back_off: BackOff | None = None
    due: float = 0.0


@dataclass(slots=True)
class _Process:
    """A process as this one sees it.

    Attributes:
        process, channel: of ``multiprocess``.
        memory_kills: processes that the kernel had ended for want of memory before it was started.
        ready: whether it has opened its workplace.
        task: what it works on.
        lacking: what it ended for the want of; empty if it did not say so.
        logged: the kind of its last record of the log.
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
    """A process that is to be started, and when."""

    workplace: Workplace[Any, Any]
    due: float = 0.0


def in_processes[Item, Result](
    items: Iterable[Item],
    workplaces: Sequence[Workplace[Item, Result]],
    *,
    lost: Callable[[Item, str], Result],
    on_news: Report = lambda _: None,
) -> Generator[Result]:
    """The result of every item, in the order of the items.

    Args:
        items: data that ``pickle`` takes, as results must be; read lazily, at most ``RESULTS_AHEAD`` a process before
            the next result.
        workplaces: one for each process. It is called there; what the block yields is called with every item and with
            a function that tells this process news. ``dill`` takes it there: it holds no thread, lock or open file.
        lost: gives the result of an item on which ``ATTEMPTS`` processes died, from the item and how they died.
        on_news: called with news, on the caller's thread. News of work that is done again comes again.

    Raises:
        SandboxUnavailable: processes die before they take an item; or from a workplace.
        MachineFailed: no process could be started for ``MAX_WAITED_S``.
        Exception: whatever else a workplace or the work on an item raises. All processes are then ended.
    """
    pool = _Pool(iter(items), workplaces, lost, on_news)
    try:
        yield from pool.results()
        pool.dismiss()
    finally:
        pool.end()


@dataclass(slots=True)
class _Pool:
    """Which processes there are, who works on what, and which results wait for an earlier one."""

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
    _starting: BackOff | None = None  # since a process could not be started for want of something
    _put_off_places: set[int] = field(default_factory=set)  # of items on which processes ended for want of something
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
        """Let the processes close their workplaces and end. Those that have not opened them need not."""
        for process in self._processes:
            process.channel.close()
            if not process.ready:
                process.process.terminate()
        for process in self._processes:
            process.process.join()

    def end(self) -> None:
        """End the processes that are left, whatever they are about."""
        for process in self._processes:
            process.channel.close()
            process.process.terminate()
        for process in self._processes:
            process.process.join(END_SECONDS)
            process.process.kill()
            process.process.join()

    def _hand_out(self) -> bool:
        """Give an item to every process that waits for one, if there are; whether any result is still to come."""
        for process in self._processes:
            if process.ready and process.task is None:
                process.task = self._next_task()
                if process.task is not None:
                    with suppress(OSError):  # it has died: that is read where messages are
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
                vacancy.due = self._when_to_start(said_of(error))
            else:
                self._vacancies.remove(vacancy)
                self._processes.append(process)

    def _when_to_start(self, lacking: str) -> float:
        """When a process is to be started that could not be, or ended, for want of something.

        Raises:
            MachineFailed: none could be for too long.
        """
        if self._starting is None:
            self._starting = BackOff()
            LOGGER.warning("%s", waiting("start a process", lacking))
        if self._starting.is_over and not any(process.ready for process in self._processes):
            raise MachineFailed(f"no process could be started for {MAX_WAITED_S:g} s: {lacking}")
        return time.monotonic() + self._starting.next_wait_s()

    def _listen(self) -> None:
        """Wait for messages and deaths, and note them; no longer than until something is due."""
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
                    LOGGER.info("%s", self._starting.going_on())
                    self._starting = None
            case _News(news):
                self.on_news(news)
            case _Done(result) if process.task is not None:
                self._results[process.task.place] = result
                self._end_wait(process.task)
                process.task = None
            case _Failed(error):
                raise error
            case _Lacking(what):
                process.lacking = what
            case _Logged():
                self._log(process, message)

    def _log(self, process: _Process, record: _Logged) -> None:
        """Log what a process has logged; what others have logged last, too, is logged once."""
        is_known = any(record.kind == each.logged for each in self._processes)
        process.logged = record.kind
        if record.level >= logging.ERROR or not is_known:
            logging.getLogger(record.logger).log(record.level, "%s", record.text)

    def _replace(self, dead: _Process) -> None:
        """Have another process started, and see to the item that the dead one had."""
        dead.channel.close()
        # It has hung up, so it is about to end if it has not ended yet.
        dead.process.join()
        self._processes.remove(dead)
        if lacking := dead.lacking or _lack_that_killed(dead):
            due = self._put_off(dead.task, lacking) if dead.task is not None else self._when_to_start(lacking)
            self._vacancies.append(_Vacancy(dead.workplace, due))
            return
        self._vacancies.append(_Vacancy(dead.workplace))
        how = f"{ATTEMPTS} processes of ours {_death(dead.process.exitcode)}"
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
        """Have an item done again on which a process ended for want of something; when."""
        if task.back_off is None:
            task.back_off = BackOff()
            if not self._put_off_places:
                LOGGER.warning("%s", waiting("work on an item", lacking))
            self._put_off_places.add(task.place)
        if task.back_off.is_over:
            self._lose(task, f"processes of ours ended on it for {MAX_WAITED_S:g} s, last: {lacking}")
            self._put_off_places.discard(task.place)
        else:
            task.due = time.monotonic() + task.back_off.next_wait_s()
            self._again.append(task)
        return task.due

    def _end_wait(self, task: _Task) -> None:
        """Note that an item is done that may have been put off."""
        if task.back_off is not None:
            self._put_off_places.discard(task.place)
            if not self._put_off_places:
                LOGGER.info("%s", task.back_off.going_on())

    def _lose(self, task: _Task, why: str) -> None:
        LOGGER.error("an item is given up: %s", why)
        self._results[task.place] = self.lost(task.item, why)


def _death(exit_code: int) -> str:
    if exit_code < 0:
        return f"were ended by signal {-exit_code} ({signal.strsignal(-exit_code)})"
    return f"ended with status {exit_code}"


def _lack_that_killed(dead: _Process) -> str:
    """What the kernel ended a process for the want of; empty if it was not the kernel.

    While the machine lacks what it takes to look, that is held for the reason: then no item is given up.
    """
    if dead.process.exitcode != -signal.SIGKILL:
        return ""
    try:
        is_for_memory = memory_kills() > dead.memory_kills
    except OSError as error:
        if not passes(error):
            raise
        return said_of(error)
    return "the kernel ended a process, as there was no memory" if is_for_memory else ""


def _start(workplace: Workplace[Any, Any]) -> _Process:
    kills = memory_kills()  # before there is a process: this may fail
    # Not forked: this process may have threads, and an engine, which is not to be shared.
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
    """Ctrl-C goes to every process of the terminal; one that is just starting would end with a traceback."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _receive(channel: Any) -> Any:
    """What comes next.

    Raises:
        EOFError: the other side has hung up, be it in the middle.
    """
    try:
        return pickle.loads(channel.recv_bytes())  # noqa: S301  from a process of ours
    except OSError:
        raise EOFError from None


def _serve(channel: Any, workplace: Workplace[Any, Any]) -> None:
    """The life of a process: work on items until its parent hangs up."""
    # A handler and not SIG_IGN, which the sandboxes would inherit. Whether Ctrl-C ends the work, the parent decides.
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
    except Exception as error:  # raised again, in the parent, if it is not a lack that passes
        say(_Lacking(said_of(error)) if passes(error) else _Failed(_portable(error)))


class _LogOverChannel(logging.Handler):
    """Sends the records of the log to the parent."""

    def __init__(self, say: Callable[[_Message], None]) -> None:
        super().__init__()
        self._say_to_parent = say

    def emit(self, record: logging.LogRecord) -> None:
        """Send one."""
        self._say_to_parent(_Logged(record.name, record.levelno, str(record.msg), record.getMessage()))


def _items(channel: Any) -> Iterator[Any]:
    with suppress(EOFError):  # the end of the items, or of the process that sends them
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
    """The exception, or its text if it cannot be taken to another process, with where it comes from."""
    origin = "in a process of its own:\n" + traceback.format_exc()
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    except Exception:  # pickle lets through whatever the exception's class raises
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(origin)
    return error


def _leave(*_: object) -> None:
    # Where it is lost, as in a callback of the garbage collector, nothing is said of it; the parent does not wait long.
    sys.unraisablehook = lambda _: None
    raise SystemExit


def _end_with_parent() -> None:
    """End this process as soon as its parent is gone. The sandboxes it leaves end with it."""
    wait([multiprocess.parent_process().sentinel])
    os._exit(1)
