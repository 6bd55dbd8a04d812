"""Shows progress on stderr: a bar on a terminal, a plain line at intervals elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

PLAIN_EVERY_S = 5.0

Refresh = Callable[[], None]


@contextmanager
def progress(
    describe: Callable[[], str], position: Callable[[], int], size: int, bar: bool, *, quiet: bool = False
) -> Iterator[Refresh]:
    """A function to call after each step; it updates the display if enough time has passed.

    Args:
        describe: returns the state of the work in one line.
        position: returns how much of ``size`` is done.
        size: total amount of work; 0 if unknown.
        bar: draw a bar; stderr must be a terminal.
        quiet: show nothing.
    """
    if quiet:
        yield lambda: None
        return
    if not bar:
        yield _plain(describe)
        return
    columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    # stdout is not redirected: rows may be written to it, and Rich would send them to stderr.
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False, transient=True) as drawn:
        task = drawn.add_task(describe(), total=size or None)
        yield lambda: drawn.update(task, completed=position(), description=describe())


def _plain(describe: Callable[[], str]) -> Refresh:
    last = time.monotonic()

    def refresh() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PLAIN_EVERY_S:
            last = now
            print(describe(), file=sys.stderr, flush=True)

    return refresh
