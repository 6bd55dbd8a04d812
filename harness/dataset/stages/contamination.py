"""Fourth stage: drop natural codes of tasks that are in a benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from semi_instruct.harness.dataset.benchmarks import Benchmark, copied
from semi_instruct.harness.dataset.stages import DECONTAMINATE, DEDUPLICATE
from semi_instruct.harness.dataset.stages.stage import Build, Kept
from semi_instruct.harness.dataset.state import Drop

BENCHMARKS = "benchmarks"


def decontaminate(build: Build, benchmarks: Sequence[Benchmark]) -> None:
    """Drop natural codes with a benchmark's solution in them, and all of a task whose statement is a benchmark's."""
    state = build.state
    state.note(BENCHMARKS, {benchmark.name: len(benchmark.code) for benchmark in benchmarks})

    def work(index: int) -> tuple[Kept, Iterable[Drop]]:
        before = state.get(DEDUPLICATE, index, Kept)
        task = state.task(index)
        names = before.codes if before else ()
        asked = copied(benchmarks, task.statement or "", in_code=False) if names else None
        if asked is not None:
            return Kept(()), [Drop(name, *asked) for name in names]
        found = {name: copied(benchmarks, task.code(name).source, in_code=True) for name in names}
        kept = tuple(name for name, copy in found.items() if copy is None)
        return Kept(kept), [Drop(name, *copy) for name, copy in found.items() if copy is not None]

    build.each(DECONTAMINATE, work)
