"""Fourth stage: what a benchmark asks for is not taught."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from semi_instruct.harness.dataset.benchmarks import Benchmark
from semi_instruct.harness.dataset.stages.duplicates import DEDUPLICATE
from semi_instruct.harness.dataset.stages.stage import Build, Kept
from semi_instruct.harness.dataset.state import Drop

DECONTAMINATE = "decontaminate"
BENCHMARKS = "benchmarks"


def decontaminate(build: Build, benchmarks: Sequence[Benchmark]) -> None:
    """Drop natural codes that hold a benchmark's solution, and all of a task whose statement is a benchmark's."""
    state = build.state
    state.note(BENCHMARKS, {benchmark.name: len(benchmark.code) for benchmark in benchmarks})

    def work(place: int) -> tuple[Kept, Iterable[Drop]]:
        before = state.get(DEDUPLICATE, place, Kept)
        task = state.task(place)
        names = before.codes if before else ()
        asked = copied(benchmarks, task.statement or "", in_code=False) if names else None
        if asked is not None:
            return Kept(()), [Drop(name, *asked) for name in names]
        found = {name: copied(benchmarks, task.code(name).source, in_code=True) for name in names}
        kept = tuple(name for name, copy in found.items() if copy is None)
        return Kept(kept), [Drop(name, *copy) for name, copy in found.items() if copy is not None]

    build.each(DECONTAMINATE, DEDUPLICATE, work)


def copied(benchmarks: Sequence[Benchmark], text: str, *, in_code: bool) -> tuple[str, str] | None:
    """Which benchmark a text is from, as reason and detail; None if from none."""
    for benchmark in benchmarks:
        found = benchmark.copied_in_code(text) if in_code else benchmark.copied_in_prose(text)
        if found is not None:
            task, share = found
            return f"in_{benchmark.name}", f"{share:.0%} of the {'code' if in_code else 'text'} of {task}"
    return None
