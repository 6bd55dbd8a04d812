"""One piece of work on every item, on all cores, results in the order of the items."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from functools import partial

from semi_instruct.harness.parallel.cores import OpenEngine, shared_out, with_engine
from semi_instruct.harness.parallel.processes import Tell, in_processes
from semi_instruct.harness.verification.row_faults import ROW_FAULTS, fault_of_row
from semi_instruct.harness.verification.scheduler import Executor

FEWEST_ITEMS_A_PROCESS = 4

type ItemWork[Item, Result] = Callable[[Executor, Item, Tell], Result]


def on_cores[Item, Result](
    items: Iterable[Item],
    open_engine: OpenEngine[Executor],
    work: ItemWork[Item, Result],
    *,
    lost: Callable[[Item, str], Result],
    workers: int | None = None,
    on_runs: Callable[[int], None],
) -> Generator[Result]:
    """The result of every item.

    Args:
        items: taken lazily, a bounded number ahead.
        work: called with an engine, an item and a function that takes how many more runs were made.
        lost: the result of an item on which several processes died, or which makes our own work on it fail.
        workers: sandboxes at one time, in all; None for one a core.
        on_runs: called with how many more runs were made.

    Raises:
        SandboxUnavailable: from an engine, once.
    """
    guarded = partial(_guarded, work, lost)
    shares = shared_out(items, FEWEST_ITEMS_A_PROCESS, workers)
    if len(shares.sandboxes) == 1:
        with open_engine(workers=shares.sandboxes[0]) as engine:
            for item in shares.items:
                yield guarded(engine, item, on_runs)
        return
    workplaces = [partial(with_engine, open_engine, share, guarded) for share in shares.sandboxes]
    with closing(in_processes(shares.items, workplaces, lost=lost, on_told=on_runs)) as results:
        yield from results


def _guarded[Item, Result](
    work: ItemWork[Item, Result], lost: Callable[[Item, str], Result], engine: Executor, item: Item, tell: Tell
) -> Result:
    try:
        return work(engine, item, tell)
    except ROW_FAULTS as error:
        return lost(item, fault_of_row(error))
