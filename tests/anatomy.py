"""The processes of an engine, found from outside by their place in the tree."""

from __future__ import annotations

from collections.abc import Container, Iterable
from pathlib import Path

import psutil

from engine import Engine
from engine.worker import Worker

PARTS = 5  # of a worker at rest


def parts(engine: Engine, others: Container[psutil.Process] = ()) -> list[tuple[str, psutil.Process]]:
    """What its workers consist of, those that are still being started too: keeper, nsjail, zygote, init and child.

    What programs have started themselves is not among them. ``others`` are the children that this process had before:
    keepers of other engines.
    """
    keepers = [each for each in psutil.Process().children() if each not in others and _is_alive(each)]
    # An nsjail whose keeper was killed is nobody's child that we know; its zygote still is.
    orphans = {parent for worker in list(engine._alive) for parent in _nsjail_of(worker)}
    nsjails = {*_children(keepers), *orphans}
    zygotes = _children(nsjails)
    found = [("keeper", each) for each in keepers] + [("nsjail", each) for each in nsjails]
    for zygote in zygotes:
        # A zygote makes init first. Pids only grow, but for once in four million.
        sandbox = sorted(_children([zygote]), key=lambda process: process.pid)
        found += [("zygote", zygote), *zip(("init", "child"), sandbox, strict=False)]
    return found


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
