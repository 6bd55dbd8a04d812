"""One run on one worker: hand-over, watch, end, accounting.

The other side of the socket is described in ``engine/inside/zygote.py``. Everything that a run sends is read with a
bound on size and time. The cause of the end is taken from the kernel: the supervisor's own kill, the group's counters,
and the wait status that the zygote reports.

No program can cause a second attempt. Whatever it does to its own teardown or to the memory of its group leads to a
status of the run. ``WorkerDied`` is reserved for events outside the jail.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from semi_instruct.engine import cgroup, notify
from semi_instruct.engine.cancellation import Cancellation
from semi_instruct.engine.determinism import Conditions
from semi_instruct.engine.host_memory import CHECK_SECONDS, Watchdog, Watched
from semi_instruct.engine.inside import values, wire
from semi_instruct.engine.limits import MIB, Limits
from semi_instruct.engine.outcome import Outcome, Status
from semi_instruct.engine.program import Program
from semi_instruct.engine.streams import Stream, sealed

READY_SECONDS = 10.0
_GRACE_SECONDS = 0.8  # maximum time from the kill to the end of a run's last process before the caller is answered
_MIN_CPU_CHECK = 0.002
_UNWATCHED_SECONDS = 0.003
_MAPPED_BY_ALL = 64 * MIB
_TRUSTED_TASKS = 2  # the zygote and init share the group with the program
_PF_EXITING = 4  # linux/sched.h, in the flags of /proc/pid/stat


class WorkerDied(Exception):
    """The jail ended or did not answer in time. The result of its run is unknown.

    Attributes:
        cpu_s, wall_s: time that the run had used.
    """

    cpu_s = 0.0
    wall_s = 0.0


class NeverRan(WorkerDied):
    """The jail ended or did not answer before the program was handed over: no part of it has run."""


class Suspected(Exception):
    """The run was ended because kernel memory of the host rose during it (``engine/host_memory.py``).

    Attributes:
        outcome: the outcome of the run if it is responsible for the rise.
        released: whether the run was alone and the memory fell again after it was ended.
    """

    def __init__(self, outcome: Outcome, released: bool) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome
        self.released = released


@dataclass(slots=True)
class Slot:
    """The resources of a worker that each of its runs uses.

    Attributes:
        control: the control socket of the jail.
        group: the worker's control group, or None in degraded mode.
        watchdog: watches the host's kernel memory; None for the probes of a new worker.
        isolation: the active isolation layers, as outcomes report them.
        zygote: pid of the jail's zygote.
        last_message: returns the last line of the jail's log.
        shared: bytes of the zygote's memory that a program uses without being charged.
        idle_usage: bytes that the group is charged for while no program runs.
    """

    control: socket.socket
    group: cgroup.Group | None
    watchdog: Watchdog | None
    isolation: tuple[str, ...]
    last_message: Callable[[], str]
    zygote: int = 0
    shared: int = 0
    idle_usage: int = 0


@dataclass(frozen=True, slots=True)
class _Child:
    """Descriptors of a sandbox that waits for its job.

    Attributes:
        init: pidfd of its pid 1; killing it kills the run.
        listener: descriptor on which the kernel reports forbidden system calls.
        stage: a pipe with one byte for each stage: the job was received, and the source did not compile.
    """

    init: int
    listener: int
    stage: int

    def close(self) -> None:
        os.close(self.init)
        os.close(self.listener)
        os.close(self.stage)


@dataclass(frozen=True, slots=True)
class _Report:
    """The zygote's report on the program's first process: wait status, CPU seconds, peak resident bytes.

    ``init_left`` means that the run's init was killed first. Unless the supervisor killed it, the wait status is
    meaningless.
    """

    wait_status: int
    init_left: bool
    cpu_s: float
    peak: int


class Run:
    """One run. Owns the descriptors passed to it.

    Args:
        alone: whether it is repeated alone, because it is suspected of making the host's kernel memory rise.

    Attributes:
        before: the group's accounts when the sandbox was ready and the program not yet handed over.
        charged: bytes of memory that the run added to the group at its peak.
        largest: resident bytes of its largest process.
        handed_over: whether the sandbox received the program and may have run part of it.
        suspected: whether it was ended because the host's kernel memory rose; its outcome assumes that it is
            responsible.
        unfinished: whether the caller was answered before the kernel had torn down the run; the report is pending.
        broken: whether the worker cannot be used again.
    """

    def __init__(
        self,
        slot: Slot,
        program: Program,
        limits: Limits,
        conditions: Conditions,
        cancellation: Cancellation | None = None,
        *,
        alone: bool = False,
    ) -> None:
        self._slot = slot
        self._cancellation = cancellation
        self._group = slot.group
        self._control = slot.control
        self._program = program
        self._limits = limits
        self._conditions = conditions
        # A varied run starts a new interpreter: it shares nothing with the zygote, and has one more process.
        self._shared = 0 if conditions.varied else slot.shared
        self._alone = alone
        self._tasks = limits.processes + conditions.varied
        self._streams: list[Stream] = []
        self._verdict: tuple[Status, str] | None = None  # set when the supervisor decides to kill
        self._killed_at = 0.0
        self._report: _Report | None = None
        self._started = 0.0
        self._starved_before: float | None = None
        self._extension = 0.0
        self._watched: Watched | None = None
        self.before = cgroup.Reading(0, 0, 0, 0)
        self.charged = 0
        self.largest = 0
        self.handed_over = False
        self.suspected = False
        self.unfinished = False
        self.broken = False

    def conduct(self, stdin: bytes, arguments: bytes) -> Outcome:
        """Make the run from start to end.

        Raises:
            WorkerDied: see ``Worker.run``.
        """
        with contextlib.ExitStack() as opened:
            # Everything that does not need the sandbox is prepared while the sandbox starts.
            for name in ("stdout", "stderr") if self._program.entry is None else ("stdout", "stderr", "value"):
                self._streams.append(Stream(name, self._limits.output))
                opened.callback(self._streams[-1].close)
            entry, source = (self._program.entry or "").encode(), self._program.source_bytes
            job = self._job(len(entry), len(arguments), len(source))
            files = []
            for data in (entry + arguments + source, stdin):
                files.append(sealed(data))
                opened.callback(os.close, files[-1])
            self._child = self._await_child()
            opened.callback(self._child.close)
            self._listener = notify.Listener(self._child.listener)
            earlier_peak = self._begin_accounts()
            self._started = time.monotonic()
            try:
                self._hand_over(job, files)
                self._watch()
            except NeverRan:
                raise
            except WorkerDied as error:
                self._account_for_a_dead_jail(error)
            finally:
                self._end_watch()
            wall = time.monotonic() - self._started
            after = self._end_accounts(earlier_peak)
            for stream in self._streams:
                while stream.take():
                    pass
            return self._outcome(after, wall)

    def _await_child(self) -> _Child:
        """Receive the sandbox of the run, which is usually ready.

        Raises:
            NeverRan: there is none.
        """
        # Wait before receiving: an exception raised by a signal handler during the wait then loses no descriptors.
        arrival = select.poll()
        arrival.register(self._control, select.POLLIN)
        if not arrival.poll(1000 * READY_SECONDS):
            raise NeverRan("no sandbox came in time")
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, 64, 3)
        except OSError as error:
            raise NeverRan(f"no sandbox came: {error}") from error
        if message != wire.READY or len(descriptors) != 3:
            for descriptor in descriptors:
                os.close(descriptor)
            raise NeverRan(f"no sandbox came: {message[:20]!r}; the jail said: {self._slot.last_message()}")
        return _Child(*descriptors)

    def _begin_accounts(self) -> int:
        """Set the limits and read the accounts. Returns the peak memory use of earlier runs (0 if it was reset)."""
        earlier_peak = 0
        if self._group is not None:
            try:
                memory = self._slot.idle_usage + max(self._limits.memory - self._shared, 0)
                self._set_limits(self._group, memory, _TRUSTED_TASKS + self._tasks)
                earlier_peak = 0 if self._group.restart_peak() else self._group.peak()
                self.before = self._group.read()
                self._starved_before = self._group.starved_s()
            except OSError as error:
                raise NeverRan(f"the control group refused: {error}") from error
        if self._slot.watchdog is not None:
            self._watched = self._slot.watchdog.begin(self._child.init, self._limits.memory, self._alone)
        return earlier_peak

    def _set_limits(self, group: cgroup.Group, memory: int, tasks: int) -> None:
        """Set the limits. A lower limit is refused while the kernel still frees memory of the last run: retry."""
        deadline = time.monotonic() + _GRACE_SECONDS
        while True:
            try:
                group.limit(memory, tasks)
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.002)
            else:
                return

    def _end_watch(self) -> None:
        if self._watched is not None and self._slot.watchdog is not None:
            self._slot.watchdog.end(self._watched)

    def _end_accounts(self, earlier_peak: int) -> cgroup.Reading:
        self.largest = self._report.peak if self._report is not None else 0
        if self._group is None:
            return self.before
        after, peak = self._group.read(), self._group.peak()
        # If the peak cannot be reset (version 2 before Linux 6.12), it is valid only if this run has exceeded it.
        if peak > earlier_peak:
            self.charged = max(peak - self.before.memory, 0)
        return after

    def _account_for_a_dead_jail(self, error: WorkerDied) -> None:
        """Handle a jail that ended during the run. The run is responsible if its group ran out of memory: when all of
        its processes are killed, the kernel kills the zygote if that requests a page.

        Raises:
            WorkerDied: the run is not responsible. The exception has the time that it used.
        """
        error.wall_s = time.monotonic() - self._started
        if self._group is None:
            raise error
        after = self._group.read()
        error.cpu_s = (after.cpu_ns - self.before.cpu_ns) / 1e9
        if after.oom_kills <= self.before.oom_kills:
            raise error
        self.broken = True

    def _hand_over(self, job: bytes, files: list[int]) -> None:
        ends = [stream.write_end for stream in self._streams]
        while len(ends) < 3:
            ends.append(ends[1])
        try:
            socket.send_fds(self._control, [job], [*files, *ends])
        except OSError as error:
            raise NeverRan(f"the sandbox is gone: {error}") from error
        self.handed_over = True
        for stream in self._streams:
            stream.close_write_end()

    def _job(self, *lengths: int) -> bytes:
        limits = self._limits
        seconds = int(limits.cpu_time) + 2
        # Only without a group: RLIMIT_AS also counts memory that is mapped and never used.
        address_space = 0 if self._group is not None else limits.memory + _MAPPED_BY_ALL
        how = (self._program.entry is not None, self._conditions.varied, self._conditions.clock_start)
        rlimits = (seconds, max(limits.file_size, 1), limits.open_files, self._tasks + 16, address_space)
        return wire.JOB.pack(*rlimits, *lengths, *how)

    def _watch(self) -> None:
        """Drain the streams and enforce the time and output limits until the zygote reports the end."""
        poller = select.poll()
        by_descriptor = {stream.read_end: stream for stream in self._streams}
        control = self._control.fileno()
        for descriptor in (control, self._child.listener):
            poller.register(descriptor, select.POLLIN)
        if self._cancellation is not None:
            poller.register(self._cancellation, select.POLLIN)
        started = self._started
        # Most programs end within this time, and waking up for their output before would cost more than it gains. A
        # program that fills its pipe waits as long.
        streams_from: float | None = started + _UNWATCHED_SECONDS
        deadline = started + self._limits.wall_seconds
        check_cpu = started + self._limits.cpu_time / _cores()
        next_check = started + CHECK_SECONDS if self._slot.watchdog is not None else float("inf")
        while True:
            now = time.monotonic()
            if streams_from is not None and now >= streams_from:
                streams_from = None
                for descriptor in by_descriptor:
                    poller.register(descriptor, select.POLLIN)
            if self._verdict is None and now >= deadline and not self._has_ended():
                deadline = started + self._extended_wall_s()
                if now >= deadline:
                    self._kill(Status.TIME_LIMIT, self._out_of_time())
            if self._verdict is None and now >= check_cpu:
                check_cpu = now + self._check_cpu()
            if now >= next_check and self._slot.watchdog is not None:
                next_check = now + CHECK_SECONDS
                self._slot.watchdog.check()
            if self._verdict is not None and now >= self._killed_at + _GRACE_SECONDS:
                # A zygote that was stopped from outside neither ends the remaining processes nor reports the end of the
                # program, so it is unknown whether the program used the time.
                if _is_stopped(self._slot.zygote):
                    raise WorkerDied("the zygote is stopped and does not say how the program ended")
                # The kernel is still tearing down the run, or cannot (D state). This counts as the run's own time: the
                # caller is answered, and the worker waits for the report (``Worker.recover``).
                self.unfinished = True
                return
            until = min(deadline, check_cpu) if self._verdict is None else self._killed_at + _GRACE_SECONDS
            until = min(until, next_check)
            if streams_from is not None:
                until = min(until, streams_from)
            wait = max(until - now, 0)
            for descriptor, events in poller.poll(wait * 1000 + 0.999):
                if descriptor == control:
                    self._report = self._read_report()
                    return
                if descriptor == self._child.listener:
                    self._forbid(poller, events)
                elif self._cancellation is not None and descriptor == self._cancellation.fileno():
                    poller.unregister(descriptor)
                    if self._verdict is None:
                        self._kill(Status.CANCELLED, "the caller cancelled the run")
                else:
                    stream = by_descriptor[descriptor]
                    if not stream.take():
                        poller.unregister(descriptor)
                    elif stream.truncated and self._verdict is None:
                        self._kill(Status.OUTPUT_LIMIT, f"more than {stream.cap} bytes on {stream.name}")

    def _extended_wall_s(self) -> float:
        """The wall limit plus the seconds in which the run got no core, which do not count."""
        starved = 0.0
        if self._group is not None and self._starved_before is not None:
            starved = (self._group.starved_s() or 0.0) - self._starved_before
        wall = self._limits.wall_seconds
        self._extension = max(min(starved, self._limits.deadline_seconds - wall), 0.0)
        return wall + self._extension

    def _out_of_time(self) -> str:
        text = f"wall time of {self._limits.wall_seconds:g} s"
        return f"{text}, and {self._extension:.1f} s in which it got no core" if self._extension >= 0.05 else text

    def _has_ended(self) -> bool:
        """Whether the report has arrived: then this process was late, not the program."""
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        return bool(poller.poll(0))

    def _check_cpu(self) -> float:
        """Kill the run if its CPU time is used up; otherwise return the seconds in which it cannot be used up."""
        if self._group is None:
            return self._limits.wall_seconds
        left = self._limits.cpu_time - (self._group.cpu_ns() - self.before.cpu_ns) / 1e9
        if left <= 0:
            self._kill(Status.TIME_LIMIT, f"cpu time of {self._limits.cpu_time:g} s")
        return max(left / _cores(), _MIN_CPU_CHECK)

    def _forbid(self, poller: select.poll, events: int) -> None:
        # A listener that hangs up has nothing to report, and before Linux 6.11 reading it would block for ever.
        if not events & select.POLLIN or self._verdict is not None:
            poller.unregister(self._child.listener)
            return
        name = self._listener.forbidden_call()
        if name is not None:
            self._kill(Status.FORBIDDEN_SYSCALL, name)

    def _kill(self, status: Status, detail: str) -> None:
        self._verdict = (status, detail)
        self._killed_at = time.monotonic()
        with contextlib.suppress(ProcessLookupError):  # the run has just ended; its report is on the way
            signal.pidfd_send_signal(self._child.init, signal.SIGKILL)

    def _read_report(self) -> _Report:
        """Read the zygote's report, which arrives when everything in the run is dead and reaped."""
        try:
            message = self._control.recv(256)
        except OSError as error:
            raise WorkerDied(str(error)) from error
        if not wire.is_report(message):
            raise WorkerDied(f"the jail ended; it said: {self._slot.last_message()}")
        _, status, user_s, user_us, system_s, system_us, peak_kib, init_stat = wire.REPORT.unpack(message)
        if not os.WIFEXITED(status) and not (os.WIFSIGNALED(status) and os.WTERMSIG(status) < signal.NSIG):
            raise WorkerDied(f"the jail reports {status:#x}, which no process ends with")
        cpu_s = user_s + system_s + (user_us + system_us) / 1e6
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        return _Report(status, killed and _is_exiting(init_stat), cpu_s, peak_kib * 1024)

    def _outcome(self, after: cgroup.Reading, wall: float) -> Outcome:
        report = self._report
        if self._group is not None:
            cpu = (after.cpu_ns - self.before.cpu_ns) / 1e9
        else:
            cpu = report.cpu_s if report is not None else 0.0
        status, detail = self._status(after, cpu, wall)
        code = signal_number = None
        if report is not None:
            if os.WIFSIGNALED(report.wait_status):
                signal_number = os.WTERMSIG(report.wait_status)
            else:
                code = os.WEXITSTATUS(report.wait_status)
        else:
            signal_number = int(signal.SIGKILL)
        # A run that the kernel killed for its memory has reached the limit, even if the peak cannot be reset. The
        # resident size counts a page once per mapping, so it is capped at the limit.
        peak = max(self._shared + self.charged, self.largest)
        reached = status is Status.MEMORY_LIMIT and not self.suspected
        peak = self._limits.memory if reached else min(peak, self._limits.memory)
        returned, value, refused = self._value()
        stdout, stderr = self._streams[:2]
        return Outcome(
            status=status,
            exit_code=code,
            signal=signal_number,
            stdout=bytes(stdout.data),
            stderr=bytes(stderr.data),
            stdout_truncated=stdout.truncated,
            stderr_truncated=stderr.truncated,
            returned=returned,
            value=value,
            cpu_time_s=cpu,
            wall_time_s=wall,
            wall_extension_s=self._extension,
            peak_memory_bytes=peak,
            detail=detail or refused,
            isolation=self._slot.isolation,
        )

    def _status(self, after: cgroup.Reading, cpu: float, wall: float) -> tuple[Status, str]:
        """The status by facts in order of priority: the supervisor's observations first, the program's exit last."""
        report, limits, before = self._report, self._limits, self.before
        stage = self._stage()
        if not stage.startswith(wire.HAS_JOB):
            if self._verdict is None:
                raise NeverRan("the sandbox ended before it took its job")
            # Its time was over first. The job may still be in the socket, and the next sandbox must not receive it.
            self.broken = True
        if self._verdict is not None and self._verdict[0] is Status.FORBIDDEN_SYSCALL:
            return self._verdict
        if after.oom_kills > before.oom_kills:
            return Status.MEMORY_LIMIT, f"memory of {limits.memory} bytes"
        if stage.endswith(wire.NOT_COMPILED):
            return Status.COMPILE_ERROR, "the source does not compile"
        if self._verdict is not None:
            return self._verdict
        if self._watched is not None and self._watched.suspected:
            self.suspected = True
            return Status.MEMORY_LIMIT, f"kernel memory of the host, beyond {limits.memory} bytes, that no group counts"
        if report is None or report.init_left:
            error = WorkerDied("the run was killed from outside")
            error.cpu_s, error.wall_s = cpu, wall
            raise error
        for stream in self._streams:
            if stream.truncated:
                return Status.OUTPUT_LIMIT, f"more than {stream.cap} bytes on {stream.name}"
        if cpu > limits.cpu_time:
            return Status.TIME_LIMIT, f"cpu time of {limits.cpu_time:g} s"
        if after.forks_refused > before.forks_refused:
            return Status.PROCESS_LIMIT, f"{limits.processes} processes and threads"
        if os.WIFSIGNALED(report.wait_status):
            number = os.WTERMSIG(report.wait_status)
            return Status.SIGNALED, signal.strsignal(number) or f"signal {number}"
        code = os.WEXITSTATUS(report.wait_status)
        return (Status.OK, "") if code == 0 else (Status.NONZERO_EXIT, f"exit code {code}")

    def _stage(self) -> bytes:
        """The stages that the child reported, which it can do only before any part of the program has run."""
        os.set_blocking(self._child.stage, False)
        try:
            return os.read(self._child.stage, 2)
        except BlockingIOError:
            return b""

    def _value(self) -> tuple[bool, Any, str]:
        """Whether the entry function returned, its value, and why the value was refused."""
        if len(self._streams) < 3 or self._streams[2].truncated or not self._streams[2].data.endswith(b"\n"):
            return False, None, ""
        try:
            return True, values.loads(bytes(self._streams[2].data)), ""
        except values.ValueRefused as error:
            return False, None, f"the returned value was refused: {error}"


def _is_exiting(stat: bytes) -> bool:
    """Whether the beginning of a process's /proc/pid/stat shows that it was exiting (proc(5)).

    Raises:
        WorkerDied: the bytes are malformed.
    """
    try:
        return int(stat.rpartition(b")")[2].split()[6]) & _PF_EXITING != 0
    except (ValueError, IndexError) as error:
        raise WorkerDied(f"the jail reports {stat!r} of init") from error


def _is_stopped(pid: int) -> bool:
    """Whether a process is stopped (proc(5)). No sandboxed program can stop its zygote."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
    except (OSError, IndexError):  # it has ended, as its socket shows
        return False


def _cores() -> int:
    return len(os.sched_getaffinity(0))
