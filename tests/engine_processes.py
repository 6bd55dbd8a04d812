"""The processes and control groups of an engine, found from outside: by their place in the tree, and by name."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Container, Iterable
from concurrent.futures import Future
from pathlib import Path

import psutil

from semi_instruct.engine import Engine, Outcome, Program, cgroup
from semi_instruct.engine.worker import Worker
from tests.timing import allow_seconds

PARTS = 5  # of a worker at rest
HELD = Program("""
import os, time
if os.fork() == 0:
    time.sleep(float(input()))
    os._exit(0)
os.wait()""")
"""Takes as long as its input says, or until it is released: until the process that it starts has ended. By that process
it is seen that the program itself is running.
"""
_BEGIN_SECONDS = 20.0


def parts(engine: Engine, others: Container[psutil.Process] = ()) -> list[tuple[str, psutil.Process]]:
    """What its workers consist of, those that are still being started too: keeper, nsjail, zygote, init and child.

    What programs have started themselves is not among them. ``others`` are the children that this process had before:
    keepers of other engines.
    """
    keepers = [each for each in psutil.Process().children() if each not in others and _is_alive(each)]
    # An nsjail whose keeper was killed is nobody's child that we know; its zygote still is.
    orphans = {parent for worker in list(engine._pool.alive) for parent in _nsjail_of(worker)}
    nsjails = {*_children(keepers), *orphans}
    zygotes = _children(nsjails)
    found = [("keeper", each) for each in keepers] + [("nsjail", each) for each in nsjails]
    for zygote in zygotes:
        sandbox = sorted(_children([zygote]), key=_pid_inside)
        found += [("zygote", zygote), *zip(("init", "child"), sandbox, strict=False)]
    return found


def _pid_inside(process: psutil.Process) -> int:
    """Its pid in its own namespace: 1 is init. The host's pids do not tell: they start again at pid_max."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:  # it has ended
        return process.pid
    [pids] = re.findall(r"^NSpid:(.*)$", status, re.MULTILINE)
    return int(pids.split()[-1])


def part(engine: Engine, name: str) -> psutil.Process:
    """One part of an engine with one worker, waited for: a zygote makes init and child anew after every run."""
    [worker] = engine._pool.alive
    keeper = psutil.Process(worker.pid)
    others = [each for each in psutil.Process().children() if each != keeper]
    deadline = time.monotonic() + allow_seconds(_BEGIN_SECONDS)
    while name not in (found := dict(parts(engine, others))):
        assert time.monotonic() < deadline, f"there is no {name}: {found}"
        time.sleep(0.005)
    return found[name]


def started_by_programs(engine: Engine) -> list[psutil.Process]:
    """The processes that the programs of an engine have started, and that are their first processes' children."""
    keepers = {worker.pid for worker in list(engine._pool.alive)}
    others = [each for each in psutil.Process().children() if each.pid not in keepers]
    return _children([process for name, process in parts(engine, others) if name == "child"])


def await_programs(engine: Engine, count: int = 1) -> list[psutil.Process]:
    """Wait until so many programs run that start a process each, as ``HELD`` does; those processes."""
    deadline = time.monotonic() + allow_seconds(_BEGIN_SECONDS)
    while len(found := started_by_programs(engine)) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} programs have begun"
        time.sleep(0.005)
    return found


def release(engine: Engine, future: Future[Outcome]) -> Outcome:
    """Let a ``HELD`` program end, which may be done again meanwhile; how it ended."""
    deadline = time.monotonic() + allow_seconds(_BEGIN_SECONDS)
    while not future.done():
        assert time.monotonic() < deadline, "it does not end"
        for process in started_by_programs(engine):
            with contextlib.suppress(psutil.NoSuchProcess):  # its worker was killed
                process.kill()
        time.sleep(0.005)
    return future.result()


def groups(owner: int) -> list[str]:
    """The control groups of a process's engines. While a process is left in a group it cannot be gone."""
    parents = set(cgroup.find().parents.values())
    return sorted(str(path) for parent in parents for path in parent.glob(f"{cgroup.PREFIX}-{owner}-*"))


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _children(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        try:
            found += process.children()
        except psutil.NoSuchProcess:
            continue
    return found


def _nsjail_of(worker: Worker) -> list[psutil.Process]:
    try:
        told = Path(f"/proc/self/fdinfo/{worker._zygote}").read_text()
        zygote = psutil.Process(int(told.rpartition("Pid:")[2].split()[0]))
        parent = zygote.parent()
        return [parent] if parent is not None and parent.name() == "nsjail" else []
    except (psutil.NoSuchProcess, FileNotFoundError, ValueError):  # it has ended: its pid is -1, or closed
        return []
