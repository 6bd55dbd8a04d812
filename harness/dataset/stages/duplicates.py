"""Third stage: drop natural codes that duplicate an earlier one, exactly or nearly. The first of them is kept."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from semi_instruct.harness.dataset.similarity import Duplicates, shingles, words_of_code
from semi_instruct.harness.dataset.stages import DEDUPLICATE, SCREEN
from semi_instruct.harness.dataset.stages.stage import Build, Kept
from semi_instruct.harness.dataset.state import Drop

# Only the beginning of longer programs is compared; they are mostly tables of constants.
_MAX_WORDS = 20_000


def deduplicate(build: Build) -> None:
    """Drop duplicates among the natural codes of all tasks."""
    state = build.state

    @lru_cache(maxsize=512)
    def shingles_at(index: int, code: str) -> frozenset[str]:
        return shingles(words_of_code(state.task(index).code(code).source)[:_MAX_WORDS])

    earlier = Duplicates(state, "code", build.settings.near, shingles_at)

    def work(index: int) -> tuple[Kept, Iterable[Drop]]:
        screened = state.get(SCREEN, index, Kept)
        task = state.task(index)
        kept: list[str] = []
        dropped: list[Drop] = []
        for name in screened.codes if screened else ():
            first = earlier.first_like(words_of_code(task.code(name).source)[:_MAX_WORDS], index, name)
            if first is None:
                kept.append(name)
            else:
                like = f"{state.task(first.index).id}/{first.code}"
                dropped.append(Drop(name, first.reason, f"like {like}"))
        return Kept(tuple(kept), tuple(dropped)), dropped

    build.each(DEDUPLICATE, work)
