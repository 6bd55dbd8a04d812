"""Many problems at once, so that the model writes while programs run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from semi_instruct.generator.model import Model
from semi_instruct.generator.tasks import Tasks
from semi_instruct.harness.parallel.machine_faults import start_threads
from semi_instruct.harness.problems.schema import Problem
from semi_instruct.harness.runs import Executor
from semi_instruct.harness.synthesis.meter import Meter, MeteredModel
from semi_instruct.harness.synthesis.plan import Plan
from semi_instruct.harness.synthesis.problem import Generated, generate_for

# Problems in progress beside those that the model is busy with: their programs run, or they wait for the model.
_BESIDE = 4
# Problems that are finished and wait for one before them, for each in progress.
_AHEAD = 2


def generate(
    problems: Iterable[Problem], model: Model, engine: Executor, plan: Plan, meter: Meter, tasks: Tasks | None = None
) -> Iterator[Generated]:
    """What comes of each problem, in the order they came.

    A problem has a thread of its own, which waits for the model or for the engine. There are a few more of them than
    the model has lanes, so that it always has something to do, and no more: nothing piles up.

    Args:
        problems: taken lazily, a bounded number ahead.
        meter: told what is done.
        tasks: the prompts; None for ours.

    Raises:
        GeneratorError: the model cannot be reached, or the cache has no answer.
        MachineFailed: no threads can be had for too long.
    """
    metered = MeteredModel(model, meter)
    threads = model.lanes + _BESIDE
    coming = iter(problems)
    waiting: deque[Future[Generated]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="generate") as pool:
        start_threads(pool, threads)
        try:
            while True:
                for problem in islice(coming, threads * _AHEAD - len(waiting)):
                    waiting.append(pool.submit(generate_for, problem, metered, engine, meter, tasks or Tasks(), plan))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            metered.stop()
            for future in waiting:
                future.cancel()
