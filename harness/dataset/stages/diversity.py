"""Seventh stage: drop pairs whose code or instruction an earlier pair or a benchmark has.

Natural codes have passed these filters already; the codes that a generator wrote have not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from semi_instruct.harness.dataset.benchmarks import Benchmark, copied
from semi_instruct.harness.dataset.pairs import FROM_EXAMPLES, PEOPLE, Pair
from semi_instruct.harness.dataset.similarity import Duplicate, Duplicates, shingles, words_of_code, words_of_prose
from semi_instruct.harness.dataset.stages import DIVERSIFY, RETAIN
from semi_instruct.harness.dataset.stages.retention import Retained
from semi_instruct.harness.dataset.stages.stage import Build
from semi_instruct.harness.dataset.stages.validation import judged_at
from semi_instruct.harness.dataset.state import Drop

if TYPE_CHECKING:
    from semi_instruct.harness.dataset.embedding import Alike, Embedder

_MAX_WORDS = 20_000


def diversify(build: Build, benchmarks: Sequence[Benchmark], embedder: Embedder | None = None) -> None:
    """Drop duplicates and copies of benchmarks.

    Args:
        embedder: embeds instructions; None to compare them by their words alone.
    """
    state = build.state
    meanings = _meanings(build, embedder) if embedder is not None else None

    @lru_cache(maxsize=512)
    def pairs_at(index: int) -> dict[str, Pair]:
        return {pair.id: pair for pair in judged_at(build, index).pairs}

    def earlier(kind: str, words: Callable[[Pair], list[str]]) -> Duplicates:
        return Duplicates(state, kind, build.settings.near, lambda index, name: shingles(words(pairs_at(index)[name])))

    codes, instructions = earlier("written code", _code), earlier("instruction", _instruction)

    def first_like(index: int, pair: Pair, asked: set[str]) -> tuple[str, str] | None:
        if pair.written_by != PEOPLE:
            copy = copied(benchmarks, pair.instruction, in_code=False) or copied(benchmarks, pair.source, in_code=True)
            like = None if copy else codes.first_like(_code(pair), index, pair.id)
            if copy or like:
                return copy or _fault_of(like, "code")
        if pair.instruction in asked:
            return None
        # Instructions that only show examples consist mostly of the same words.
        shows_examples = pair.instruction_by == FROM_EXAMPLES
        words = pair.instruction.split() if shows_examples else _instruction(pair)
        find = instructions.same if shows_examples else instructions.first_like
        like = find(words, index, pair.id)
        # Several codes of one task may have one instruction; several tasks may not.
        if like is not None and like.index != index:
            return _fault_of(like, "instruction")
        same = meanings.first_like(pair.instruction, index, pair.id) if meanings and not shows_examples else None
        if same is not None:
            return _fault_of(same, "instruction")
        asked.add(pair.instruction)
        return None

    def work(index: int) -> tuple[Retained, Iterable[Drop]]:
        before = state.get(RETAIN, index, Retained)
        kept: list[str] = []
        drops: list[Drop] = []
        asked: set[str] = set()
        for name in before.pairs if before else ():
            fault = first_like(index, pairs_at(index)[name], asked)
            if fault is None:
                kept.append(name)
            else:
                drops.append(Drop(name, *fault))
        return Retained(tuple(kept)), drops

    build.each(DIVERSIFY, work)


def _meanings(build: Build, embedder: Embedder) -> Alike:
    from semi_instruct.harness.dataset.embedding import Alike

    return Alike(build.state, "instruction", build.settings.alike, embedder)


def _fault_of(like: Duplicate | None, what: str) -> tuple[str, str] | None:
    return (f"{like.reason}_of_{what}", f"like {like.code}") if like else None


def _code(pair: Pair) -> list[str]:
    return words_of_code(pair.source)[:_MAX_WORDS]


def _instruction(pair: Pair) -> list[str]:
    return words_of_prose(pair.instruction)[:_MAX_WORDS]
