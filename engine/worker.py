"""One worker as the supervisor sees it: a jail with a warm zygote, a control group, and one run at a time.

The other side of the socket is described in ``engine/inside/zygote.py``. A worker is driven by whichever thread has
taken it from the pool; it has no thread of its own. Everything that a run sends is read with a bound on size and time,
and what ended the run is taken from the kernel: our own kill, the group's counters, the wait status the zygote reports.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from engine import cgroup, diagnosis, identity, jail, notify, policy
from engine.cancellation import Cancellation
from engine.determinism import Conditions
from engine.errors import SandboxUnavailable
from engine.inside import values
from engine.limits import Limits
from engine.outcome import Outcome, Status
from engine.program import Program
from engine.runtime import Runtime

_START_SECONDS = 20.0
_READY_SECONDS = 10.0
_END_SECONDS = 5.0
_GRACE_SECONDS = 0.8  # from our kill to the end of the last process of a run; after it the worker is given up
_SHORTEST_CPU_CHECK = 0.002
_UNWATCHED_SECONDS = 0.003
_CHUNK = 1 << 16
_MAPPED_BY_ALL = 64 << 20
_TRUSTED_TASKS = 2  # the zygote and init share the group with the program
_SETUP = struct.Struct("<HH")
_CREDENTIALS_SPACE = socket.CMSG_SPACE(12)
_JOB = struct.Struct("<8Q??d")
_FIXED = Conditions()
_REPORT = struct.Struct("=8si4x5q104x96s")
_PF_EXITING = 4  # linux/sched.h, in the flags of /proc/pid/stat
_HAS_JOB, _NOT_COMPILED = b"J", b"C"


class WorkerDied(Exception):
    """The jail ended, or did not answer in time; whatever it was doing is undecided."""


class NeverRan(WorkerDied):
    """The jail ended, or did not answer, before the program was handed over: nothing of it has run."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What every worker of an engine is made from.

    Attributes:
        runtime: what programs run on.
        hierarchy: where control groups are made, or None when the engine was told to do without.
        executable: nsjail.
        filters: the outer, the inner and the last seccomp filter, as BPF.
        isolation: the walls that stand, as every outcome reports them.
    """

    runtime: Runtime
    hierarchy: cgroup.Hierarchy | None
    executable: Path
    filters: tuple[bytes, ...]
    isolation: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Report:
    """What the zygote says of the program's first process: wait status, cpu seconds, peak resident bytes.

    ``init_left`` means that the run's init was killed first; unless that was our doing, the wait status tells nothing.
    """

    wait_status: int
    init_left: bool
    cpu_s: float
    peak: int


@dataclass(frozen=True, slots=True)
class _Child:
    """Descriptors of a sandbox that waits for its job.

    Attributes:
        init: pidfd of its pid 1; to kill that is to kill the run.
        listener: where the kernel reports forbidden system calls.
        stage: a pipe with a byte for how far it got: it has its job, and the source did not compile.
    """

    init: int
    listener: int
    stage: int

    def close(self) -> None:
        os.close(self.init)
        os.close(self.listener)
        os.close(self.stage)


class _Stream:
    """One captured pipe: keeps up to ``cap`` bytes, knows whether there was more."""

    def __init__(self, name: str, cap: int) -> None:
        self.name = name
        self.cap = cap
        self.data = bytearray()
        self.truncated = False
        self.read_end, self.write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.read_end, False)
        # So that a program may open /dev/stdout, which is this pipe, for writing; and only for that.
        os.fchmod(self.write_end, 0o222)

    def close_write_end(self) -> None:
        """Leave the writing to the sandbox, so that its end is the end of the stream."""
        os.close(self.write_end)
        self.write_end = -1

    def close(self) -> None:
        """Close what is still open."""
        for descriptor in (self.read_end, self.write_end):
            if descriptor >= 0:
                os.close(descriptor)

    def take(self) -> bool:
        """Read once; False at the end of the stream or when nothing is waiting."""
        try:
            chunk = os.read(self.read_end, _CHUNK)
        except BlockingIOError:
            return False
        room = self.cap - len(self.data)
        self.truncated = self.truncated or len(chunk) > room
        self.data += chunk[: max(room, 0)]
        return chunk != b""


class Worker:
    """A jail and its zygote. Not thread-safe: one thread uses it at a time.

    Attributes:
        stuck: a run did not end although it was killed; the worker must be closed and not be used again.
    """

    def __init__(self, plan: Plan) -> None:
        """Start the jail and move the zygote into its control group.

        Raises:
            SandboxUnavailable: the jail does not come up; the reason holds what it said.
        """
        self._plan = plan
        self.stuck = False
        self._group: cgroup.Group | None = None
        self._zygote: int | None = None
        self._log: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise SandboxUnavailable("jail", str(error), "raise the limit of open files (ulimit -n)") from error
        # What a run charges to the group is not all it occupies: it shares the zygote's image. How much of that a
        # program has in its memory, an empty one tells; see ``_calibrate``.
        self._shared = 0
        self._idle_usage = 0
        try:
            with theirs:
                self._start(theirs)
            self._introduce()
            self._calibrate()
        except (OSError, WorkerDied) as error:
            said = self._said()
            self.close()
            raise diagnosis.no_jail(str(error), said) from error
        except BaseException:  # raised again; an interrupt must not leave a jail behind
            self.close()
            raise

    def _start(self, theirs: socket.socket) -> None:
        if self._plan.hierarchy is not None:
            self._group = self._plan.hierarchy.make()
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._control.settimeout(_START_SECONDS)
        config = jail.configuration(self._plan.runtime, identity.choose())
        paths = self._group.paths if self._group is not None else ()
        self._log, log = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self._process = jail.start(self._plan.executable, config, theirs, log, paths)
        finally:
            os.close(log)

    def _introduce(self) -> None:
        """Learn the zygote's pid from the kernel, put it in the group, send it the filter, wait until it is warm."""
        _, pid = self._receive(b"hello", _CREDENTIALS_SPACE)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        self._zygote = os.pidfd_open(pid)
        if self._group is not None:
            self._group.add(pid)
        outer, inner, last = self._plan.filters
        self._control.send(_SETUP.pack(len(outer), len(inner)) + outer + inner + last)
        self._receive(b"born")
        self._control.settimeout(_READY_SECONDS)

    def _calibrate(self) -> None:
        """Run nothing, twice (the first warms): what it occupies beyond what it charges is the image that is shared."""
        for _ in range(2):
            run = _Run(self, Program("pass"), Limits(wall_time=_READY_SECONDS), _FIXED)
            outcome = run.conduct(b"", b"")
            if outcome.status is not Status.OK:
                raise WorkerDied(
                    f"an empty program ends as {outcome.status}: {outcome.stderr.decode(errors='replace')}"
                )
            self._idle_usage = run.before.memory
            # Where the peak cannot be reset only the first run raises it: what that one told is kept.
            if run.charged or not self._shared:
                self._shared = max(run.largest - run.charged, 0)

    def _receive(self, kind: bytes, room: int = 0) -> tuple[bytes, int]:
        """A message and its sender's pid. ``room`` is for the credentials alone: where there is none, the kernel drops
        what else may come with a message, descriptors for instance.
        """
        message, ancillary, _, _ = self._control.recvmsg(4096, room)
        if not message.startswith(kind):
            raise WorkerDied(f"expected {kind.decode()}, got {message[:20]!r}")
        pid = 0
        for level, name, data in ancillary:
            if level == socket.SOL_SOCKET and name == socket.SCM_CREDENTIALS:
                pid = struct.unpack("=iII", data[:12])[0]
        return message[len(kind) :], pid

    def _said(self) -> str:
        if self._log is None:
            return ""
        with contextlib.suppress(OSError):  # nothing was written yet
            lines = os.read(self._log, _CHUNK).decode(errors="replace").splitlines()
            # The loader remarks on symbol versions of libnl, nsjail on being started by root: neither is a fault.
            noise = ("no version information available", "in the global user namespace")
            return "\n".join(line for line in lines if not any(words in line for words in noise))[-2000:]
        return ""

    @property
    def pid(self) -> int:
        """The process id of the worker's outermost process, for accounting."""
        return self._process.pid if self._process is not None else 0

    def run(
        self,
        program: Program,
        stdin: bytes,
        arguments: bytes,
        limits: Limits,
        conditions: Conditions = _FIXED,
        cancellation: Cancellation | None = None,
    ) -> Outcome:
        """Run one program in a sandbox of its own.

        Raises:
            WorkerDied: the worker ended or hangs; nothing is known of the run. The worker must be closed.
        """
        try:
            return _Run(self, program, limits, conditions, cancellation).conduct(stdin, arguments)
        except OSError as error:  # this process is out of descriptors or memory
            raise WorkerDied(str(error)) from error

    def await_child(self) -> _Child:
        """The sandbox of the next run; it is usually there already.

        Raises:
            WorkerDied: none came.
        """
        # Waited for separately: an exception that a signal raises while waiting then finds no descriptor received yet.
        arrival = select.poll()
        arrival.register(self._control, select.POLLIN)
        if not arrival.poll(1000 * _READY_SECONDS):
            raise NeverRan("no sandbox came in time")
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, 64, 3)
        except OSError as error:
            raise NeverRan(f"no sandbox came: {error}") from error
        if message != b"ready" or len(descriptors) != 3:
            for descriptor in descriptors:
                os.close(descriptor)
            raise NeverRan(f"no sandbox came: {message[:20]!r}; the jail said: {self._said()}")
        return _Child(*descriptors)

    def close(self) -> None:
        """End the jail and everything in it, and wait until its processes and control groups are gone."""
        self._control.close()
        if self._zygote is not None:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                signal.pidfd_send_signal(self._zygote, signal.SIGKILL)
            os.close(self._zygote)
            self._zygote = None
        if self._process is not None:
            try:
                self._process.wait(timeout=_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._kill_tree(self._process)
        if self._log is not None:
            os.close(self._log)
            self._log = None
        if self._group is not None:
            with contextlib.suppress(OSError):  # busy: a process the kernel cannot end yet; a later engine sweeps it
                self._group.close()

    def _kill_tree(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):  # all have ended: nothing is left to be killed
            keeper = psutil.Process(process.pid)
            for each in [*keeper.children(recursive=True), keeper]:
                with contextlib.suppress(psutil.NoSuchProcess):  # this one has ended, maybe with its parent
                    each.kill()
        process.wait()

    def forget(self) -> None:
        """In a forked copy of the supervisor: let go of the socket, so that the jail still ends with its owner."""
        self._control.close()


class _Run:
    """One run on one worker: hand over, watch, end, account. Owns the descriptors it is given.

    Attributes:
        before: the group's accounts when the sandbox was ready and the program not yet handed over.
        charged: bytes of memory the run added to the group at its peak.
        largest: resident bytes of its largest process.
    """

    def __init__(
        self,
        worker: Worker,
        program: Program,
        limits: Limits,
        conditions: Conditions,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._worker = worker
        self._cancellation = cancellation
        self._group = worker._group
        self._control = worker._control
        self._program = program
        self._limits = limits
        self._conditions = conditions
        # A varied run has an interpreter of its own: it shares nothing with the zygote, and has one process more.
        self._shared = 0 if conditions.varied else worker._shared
        self._tasks = limits.processes + conditions.varied
        self._streams: list[_Stream] = []
        self._verdict: tuple[Status, str] | None = None  # set when we decide to kill
        self._killed_at = 0.0
        self._over = False  # every process of the program had ended before we had to kill any
        self._report: _Report | None = None
        self.before = cgroup.Reading(0, 0, 0, 0)
        self.charged = 0
        self.largest = 0

    def conduct(self, stdin: bytes, arguments: bytes) -> Outcome:
        """The whole life of the run.

        Raises:
            WorkerDied: see ``Worker.run``.
        """
        with contextlib.ExitStack() as opened:
            # All that needs no sandbox is made while the sandbox is.
            for name in ("stdout", "stderr") if self._program.entry is None else ("stdout", "stderr", "value"):
                self._streams.append(_Stream(name, self._limits.output))
                opened.callback(self._streams[-1].close)
            entry, source = (self._program.entry or "").encode(), self._program.source_bytes
            job = self._job(len(entry), len(arguments), len(source))
            files = []
            for data in (entry + arguments + source, stdin):
                files.append(_sealed(data))
                opened.callback(os.close, files[-1])
            self._child = self._worker.await_child()
            opened.callback(self._child.close)
            earlier_peak = self._begin_accounts()
            started = time.monotonic()
            self._hand_over(job, files)
            self._watch(started)
            wall = time.monotonic() - started
            after = self._end_accounts(earlier_peak)
            for stream in self._streams:
                while stream.take():
                    pass
            return self._outcome(after, wall)

    def _begin_accounts(self) -> int:
        """Set the limits and read the accounts; the highest memory use that is not this run's (0: it was reset)."""
        group, worker = self._group, self._worker
        if group is None:
            return 0
        try:
            memory = worker._idle_usage + max(self._limits.memory - self._shared, 0)
            self._set_limits(group, memory, _TRUSTED_TASKS + self._tasks)
            earlier_peak = 0 if group.restart_peak() else group.peak()
            self.before = group.read()
        except OSError as error:
            raise NeverRan(f"the control group refused: {error}") from error
        return earlier_peak

    def _set_limits(self, group: cgroup.Group, memory: int, tasks: int) -> None:
        """Set them. While the kernel still frees what the last run had, a lower limit is refused: wait for it."""
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

    def _end_accounts(self, earlier_peak: int) -> cgroup.Reading:
        self.largest = self._report.peak if self._report is not None else 0
        if self._group is None:
            return self.before
        after, peak = self._group.read(), self._group.peak()
        # Where the peak cannot be reset (version 2 before Linux 6.12) it only tells when this run was the highest.
        if peak > earlier_peak:
            self.charged = max(peak - self.before.memory, 0)
        return after

    def _hand_over(self, job: bytes, files: list[int]) -> None:
        ends = [stream.write_end for stream in self._streams]
        while len(ends) < 3:
            ends.append(ends[1])
        try:
            socket.send_fds(self._control, [job], [*files, *ends])
        except OSError as error:
            raise NeverRan(f"the sandbox is gone: {error}") from error
        for stream in self._streams:
            stream.close_write_end()

    def _job(self, *lengths: int) -> bytes:
        limits = self._limits
        seconds = int(limits.cpu_time) + 2
        # Behind the group's limits, not instead of them: RLIMIT_AS counts what is mapped and never used.
        address_space = 0 if self._group is not None else limits.memory + _MAPPED_BY_ALL
        how = (self._program.entry is not None, self._conditions.varied, self._conditions.clock_start)
        rlimits = (seconds, max(limits.file_size, 1), limits.open_files, self._tasks + 16, address_space)
        return _JOB.pack(*rlimits, *lengths, *how)

    def _watch(self, started: float) -> None:
        """Until the zygote reports the end: drain the streams, enforce both clocks and the output caps."""
        poller = select.poll()
        by_descriptor = {stream.read_end: stream for stream in self._streams}
        control = self._control.fileno()
        for descriptor in (control, self._child.listener):
            poller.register(descriptor, select.POLLIN)
        if self._cancellation is not None:
            poller.register(self._cancellation, select.POLLIN)
        # Most programs end within this time. To be woken for their output before they do would cost more than it gives;
        # a program that fills its pipe waits for as long.
        streams_from: float | None = started + _UNWATCHED_SECONDS
        deadline = started + self._limits.wall_seconds
        check_cpu = started + self._limits.cpu_time / _cores()
        while True:
            now = time.monotonic()
            if streams_from is not None and now >= streams_from:
                streams_from = None
                for descriptor in by_descriptor:
                    poller.register(descriptor, select.POLLIN)
            if self._verdict is None and now >= deadline and not self._has_ended():
                self._kill(Status.TIME_LIMIT, f"wall time of {self._limits.wall_seconds:g} s")
            if self._verdict is None and now >= check_cpu:
                check_cpu = now + self._check_cpu()
            if self._verdict is not None and now >= self._killed_at + _GRACE_SECONDS:
                if self._over:
                    raise WorkerDied("the program has ended, but the zygote does not say how")
                # A process the kernel cannot end yet (D state). The caller is answered; the worker is given up.
                self._worker.stuck = True
                return
            until = deadline if self._verdict is None else self._killed_at + _GRACE_SECONDS
            if self._verdict is None:
                until = min(until, check_cpu)
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
                        self._kill(Status.SANDBOX_ERROR, "cancelled")
                else:
                    stream = by_descriptor[descriptor]
                    if not stream.take():
                        poller.unregister(descriptor)
                    elif stream.truncated and self._verdict is None:
                        self._kill(Status.OUTPUT_LIMIT, f"more than {stream.cap} bytes on {stream.name}")

    def _has_ended(self) -> bool:
        """Whether the report waits to be read: then it was this process that had no time, and not the program."""
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        return bool(poller.poll(0))

    def _check_cpu(self) -> float:
        """Kill when the cpu time is used up; otherwise the seconds in which it cannot possibly be used up."""
        if self._group is None:
            return self._limits.wall_seconds
        left = self._limits.cpu_time - (self._group.cpu_ns() - self.before.cpu_ns) / 1e9
        if left <= 0:
            self._kill(Status.TIME_LIMIT, f"cpu time of {self._limits.cpu_time:g} s")
        return max(left / _cores(), _SHORTEST_CPU_CHECK)

    def _forbid(self, poller: select.poll, events: int) -> None:
        # A listener that only hangs up has nothing to tell, and before Linux 6.11 asking it would wait for ever.
        if not events & select.POLLIN or self._verdict is not None:
            poller.unregister(self._child.listener)
            self._over = self._verdict is None
            return
        name = notify.forbidden_call(self._child.listener)
        self._kill(Status.FORBIDDEN_SYSCALL, name or "a forbidden call, by a process that has ended since")

    def _kill(self, status: Status, detail: str) -> None:
        self._verdict = (status, detail)
        self._killed_at = time.monotonic()
        with contextlib.suppress(ProcessLookupError):  # the run has just ended; its report is on the way
            signal.pidfd_send_signal(self._child.init, signal.SIGKILL)

    def _read_report(self) -> _Report:
        """The zygote's report. It comes when everything in the run is dead and reaped."""
        try:
            message = self._control.recv(256)
        except OSError as error:
            raise WorkerDied(str(error)) from error
        if len(message) != _REPORT.size or not message.startswith(b"report"):
            raise WorkerDied(f"the jail ended; it said: {self._worker._said()}")
        _, status, user_s, user_us, system_s, system_us, peak_kib, init_stat = _REPORT.unpack(message)
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
        status, detail = self._status(after, cpu)
        code = signal_number = None
        if report is not None:
            if os.WIFSIGNALED(report.wait_status):
                signal_number = os.WTERMSIG(report.wait_status)
            else:
                code = os.WEXITSTATUS(report.wait_status)
        elif self._verdict is not None:
            signal_number = int(signal.SIGKILL)
        # Whom the kernel killed for it had reached the limit, also where the peak cannot be reset and does not tell.
        peak = self._limits.memory if status is Status.MEMORY_LIMIT else self._shared + self.charged
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
            peak_memory_bytes=max(peak, self.largest),
            detail=detail or refused,
            isolation=self._worker._plan.isolation,
        )

    def _status(self, after: cgroup.Reading, cpu: float) -> tuple[Status, str]:
        """Facts in the order of their weight: our own observation first, the program's own exit last."""
        report, limits, before = self._report, self._limits, self.before
        stage = self._stage()
        if not stage.startswith(_HAS_JOB):
            if self._verdict is None:
                raise NeverRan("the sandbox ended before it took its job")
            # Its time was over first. The job may still lie in the socket, and is not for the next sandbox to take.
            self._worker.stuck = True
        if self._verdict is not None and self._verdict[0] is Status.FORBIDDEN_SYSCALL:
            return self._verdict
        if after.oom_kills > before.oom_kills:
            return Status.MEMORY_LIMIT, f"memory of {limits.memory} bytes"
        if stage.endswith(_NOT_COMPILED):
            return Status.COMPILE_ERROR, "the source does not compile"
        if self._verdict is not None:
            return self._verdict
        if report is None or report.init_left:
            raise WorkerDied("the run was killed from outside")
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
        """How far the child got, in its own words: it can say so only before anything of the program has run."""
        os.set_blocking(self._child.stage, False)
        try:
            return os.read(self._child.stage, 2)
        except BlockingIOError:
            return b""

    def _value(self) -> tuple[bool, Any, str]:
        """Whether the entry function returned, what it returned, and why that was refused."""
        if len(self._streams) < 3 or self._streams[2].truncated or not self._streams[2].data.endswith(b"\n"):
            return False, None, ""
        try:
            return True, values.loads(bytes(self._streams[2].data)), ""
        except values.ValueRefused as error:
            return False, None, f"the returned value was refused: {error}"


def _is_exiting(stat: bytes) -> bool:
    """Whether a process was on its way out when /proc/pid/stat began with these bytes (proc(5)).

    Raises:
        WorkerDied: they are no such thing.
    """
    try:
        return int(stat.rpartition(b")")[2].split()[6]) & _PF_EXITING != 0
    except (ValueError, IndexError) as error:
        raise WorkerDied(f"the jail reports {stat!r} of init") from error


def _sealed(data: bytes) -> int:
    """A file in memory that nobody can change any more, at its beginning."""
    file = os.memfd_create("input", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        written = os.write(file, data)
        while written < len(data):  # one write takes at most 2 GiB
            written += os.write(file, memoryview(data)[written:])
    except OSError:
        os.close(file)
        raise
    os.lseek(file, 0, os.SEEK_SET)
    fcntl.fcntl(
        file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    )
    return file


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def plan(runtime: Runtime, hierarchy: cgroup.Hierarchy | None) -> Plan:
    """Everything workers need, found once for all of them.

    Raises:
        SandboxUnavailable: nsjail does not start here.
    """
    limits = () if hierarchy is None else ("memory", "pids", "cpu")
    return Plan(
        runtime=runtime,
        hierarchy=hierarchy,
        executable=jail.binary(),
        filters=tuple(policy.to_bpf(policy.load(name)) for name in policy.NAMES),
        isolation=(*jail.NAMESPACES, "seccomp", "no_new_privs", "capabilities", "uid", *limits),
    )
