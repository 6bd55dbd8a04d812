"""The supervisor's view of a worker: a jail with a warm zygote, a control group, and one run at a time.

The other side of the socket is described in ``engine/inside/zygote.py``, the life of a run in ``engine/run.py``. A
worker has no thread of its own: the thread that has taken it from the pool drives it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from semi_instruct.engine import cgroup, diagnosis, identity, jail, policy
from semi_instruct.engine.admission import Admission
from semi_instruct.engine.cancellation import Cancellation
from semi_instruct.engine.determinism import Conditions
from semi_instruct.engine.host_memory import Watchdog
from semi_instruct.engine.inside import wire
from semi_instruct.engine.limits import Limits
from semi_instruct.engine.outcome import Outcome, Status
from semi_instruct.engine.program import Program
from semi_instruct.engine.run import READY_SECONDS, NeverRan, Run, Slot, Suspected, WorkerDied
from semi_instruct.engine.runtime import Runtime

__all__ = ["NeverRan", "Plan", "Suspected", "Worker", "WorkerDied", "plan"]

_START_SECONDS = 20.0
_END_SECONDS = 5.0
_RECOVER_SECONDS = 60.0
_PROGRESS_SECONDS = 0.5  # a teardown that uses no CPU time for this long has stalled
_CHUNK = 1 << 16
_CREDENTIALS_SPACE = socket.CMSG_SPACE(12)
_FIXED = Conditions()


@dataclass(frozen=True, slots=True)
class Plan:
    """The common parts of an engine's workers.

    Attributes:
        runtime: the runtime of the programs.
        hierarchy: the hierarchy of the control groups, or None in degraded mode.
        executable: path of nsjail.
        filters: the outer, the inner and the last seccomp filter, as BPF.
        isolation: the active isolation layers, as outcomes report them.
        watchdog: watches the host's kernel memory on behalf of all workers; None for no watchdog.
    """

    runtime: Runtime
    hierarchy: cgroup.Hierarchy | None
    executable: Path
    filters: tuple[bytes, ...]
    isolation: tuple[str, ...]
    watchdog: Watchdog | None = None


class Worker:
    """A jail and its zygote. Not thread-safe.

    Attributes:
        unfinished: whether the last run was answered before the kernel had torn it down; call ``recover`` before the
            next run.
        broken: whether the worker must be closed.
    """

    def __init__(self, plan: Plan) -> None:
        """Start the jail and move the zygote into its control group.

        Raises:
            SandboxUnavailable: the jail does not start. The reason contains its messages.
        """
        self._plan = plan
        self.unfinished = False
        self.broken = False
        self._group: cgroup.Group | None = None
        self._zygote: int | None = None
        self._log: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._admission: Admission | None = None
        try:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise diagnosis.no_descriptors(error) from error
        try:
            with theirs:
                self._start(theirs)
            # A run is not charged for the part of the zygote's image that it shares. An empty program measures that
            # part, see ``_calibrate``.
            self._slot = Slot(self._control, self._group, None, plan.isolation, self._last_message)
            self._introduce()
            self._calibrate()
            self._slot.watchdog = plan.watchdog
            if plan.watchdog is not None and self._group is not None:
                plan.watchdog.add(self._group)
        except (OSError, WorkerDied) as error:
            messages = self._messages()
            self.close()
            raise diagnosis.no_jail(error, messages) from error
        except BaseException:  # raised again; an interrupt must not leave a jail behind
            self.close()
            raise

    def _start(self, theirs: socket.socket) -> None:
        self._admission = Admission()
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
        """Get the zygote's pid from the kernel, put it in the group, send it the filters, wait until it is warm."""
        _, pid = self._receive(wire.HELLO, _CREDENTIALS_SPACE)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        self._zygote = os.pidfd_open(pid)
        self._slot.zygote = pid
        if self._group is not None:
            self._group.add(pid)
        outer, inner, last = self._plan.filters
        self._control.send(wire.SETUP.pack(len(outer), len(inner)) + outer + inner + last)
        self._receive(wire.BORN)
        self._control.settimeout(READY_SECONDS)

    def _calibrate(self) -> None:
        """Run an empty program twice (once to warm up) to measure the image that programs share with the zygote."""
        for _ in range(2):
            run = Run(self._slot, Program("pass"), Limits(wall_time=READY_SECONDS), _FIXED)
            outcome = run.conduct(b"", b"")
            if outcome.status is not Status.OK:
                raise WorkerDied(
                    f"an empty program ends as {outcome.status}: {outcome.stderr.decode(errors='replace')}"
                )
            self._slot.idle_usage = run.before.memory
            # If the peak cannot be reset, only the first run raises it, so its result is kept.
            if run.charged or not self._slot.shared:
                self._slot.shared = max(run.largest - run.charged, 0)

    def _receive(self, kind: bytes, room: int = 0) -> tuple[bytes, int]:
        """Receive a message and its sender's pid. ``room`` is the size of the credentials alone, so that the kernel
        drops other ancillary data such as descriptors.
        """
        message, ancillary, _, _ = self._control.recvmsg(4096, room)
        if not message.startswith(kind):
            raise WorkerDied(f"expected {kind.decode()}, got {message[:20]!r}")
        pid = 0
        for level, name, data in ancillary:
            if level == socket.SOL_SOCKET and name == socket.SCM_CREDENTIALS:
                pid = struct.unpack("=iII", data[:12])[0]
        return message[len(kind) :], pid

    def _messages(self) -> str:
        if self._log is None:
            return ""
        with contextlib.suppress(OSError):  # nothing was written yet
            lines = os.read(self._log, _CHUNK).decode(errors="replace").splitlines()
            # The loader's message about symbol versions of libnl and nsjail's about root are harmless.
            noise = ("no version information available", "in the global user namespace")
            return "\n".join(line for line in lines if not any(words in line for words in noise))[-2000:]
        return ""

    def _last_message(self) -> str:
        lines = self._messages().splitlines()
        return lines[-1] if lines else "nothing"

    @property
    def pid(self) -> int:
        """The pid of the worker's outermost process, for accounting."""
        return self._process.pid if self._process is not None else 0

    def run(
        self,
        program: Program,
        stdin: bytes,
        arguments: bytes,
        limits: Limits,
        conditions: Conditions = _FIXED,
        cancellation: Cancellation | None = None,
        *,
        alone: bool = False,
    ) -> Outcome:
        """Run one program in a fresh sandbox.

        Args:
            alone: whether to wait for all other runs on this machine and run alone.

        Raises:
            WorkerDied: the worker ended or hangs, and the result of the run is unknown. The worker must be closed.
            Suspected: the run was ended because the host's kernel memory rose.
        """
        assert self._admission is not None
        run = Run(self._slot, program, limits, conditions, cancellation, alone=alone)
        watchdog = self._slot.watchdog
        try:
            with self._admission.admitted(alone, cancellation) as held:
                if alone and watchdog is not None:
                    watchdog.settle()
                outcome = run.conduct(stdin, arguments)
                if not run.suspected or watchdog is None:
                    return outcome
                raise Suspected(outcome, released=alone and held and watchdog.settle())
        except OSError as error:  # this process is out of descriptors or memory
            raise (WorkerDied if run.handed_over else NeverRan)(str(error)) from error
        finally:
            self.unfinished, self.broken = run.unfinished, run.broken

    def recover(self) -> None:
        """Wait until the kernel has torn down the last run, as long as it makes progress.

        Afterwards the worker is usable or ``broken``.
        """
        deadline = time.monotonic() + _RECOVER_SECONDS
        arrival = select.poll()
        arrival.register(self._control, select.POLLIN)
        used = -1
        try:
            while not arrival.poll(1000 * _PROGRESS_SECONDS):
                now_used = self._group.cpu_ns() if self._group is not None else 0
                if now_used <= used or time.monotonic() > deadline:
                    self.broken = True
                    return
                used = now_used
            self.unfinished = False
            self.broken = self.broken or not wire.is_report(self._control.recv(256))
        except OSError:  # the jail has ended
            self.broken = True

    def close(self) -> None:
        """End the jail and everything in it, and wait until its processes and control groups are gone."""
        self._control.close()
        if self._admission is not None:
            self._admission.close()
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
            if self._plan.watchdog is not None:
                self._plan.watchdog.remove(self._group)
            with contextlib.suppress(OSError):  # busy: a process the kernel cannot end yet; a later engine sweeps it
                self._group.close()

    def _kill_tree(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):  # all have ended
            keeper = psutil.Process(process.pid)
            for each in [*keeper.children(recursive=True), keeper]:
                with contextlib.suppress(psutil.NoSuchProcess):  # this one has ended, maybe with its parent
                    each.kill()
        process.wait()

    def forget(self) -> None:
        """In a forked copy of the supervisor, close the socket, so that the jail still ends with its owner."""
        self._control.close()
        if self._admission is not None:
            self._admission.close()


def plan(runtime: Runtime, hierarchy: cgroup.Hierarchy | None, watchdog: Watchdog | None = None) -> Plan:
    """Make the plan of an engine's workers.

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
        watchdog=watchdog,
    )
