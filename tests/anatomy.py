"""The processes of a worker, found from outside by their place in the tree."""

from __future__ import annotations

import psutil

from engine.worker import Worker

_DEPTH = {"keeper": 0, "nsjail": 1, "zygote": 2, "init": 3, "child": 3}
PARTS = tuple(_DEPTH)


def part(worker: Worker, name: str) -> psutil.Process:
    """The keeper, nsjail, zygote, init or child of a worker.

    Raises:
        LookupError: there is none at this moment: it has ended, or the next is still being made.
    """
    try:
        found = [psutil.Process(worker.pid)]
        for _ in range(_DEPTH[name]):
            # Pids only grow, but for once in four million: init is made before its child.
            found = sorted(found[0].children(), key=lambda process: process.pid)
        return found[1] if name == "child" else found[0]
    except (psutil.NoSuchProcess, IndexError) as error:
        raise LookupError(f"the worker has no {name}") from error
