"""Seventh stage: no pair is there twice, in its code or in its instruction, nor is one of a benchmark.

Natural codes have been through this as codes; what a generator wrote has not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from semi_instruct.harness.dataset.benchmarks import Benchmark
from semi_instruct.harness.dataset.codes import shingles, words_of_code, words_of_prose
from semi_instruct.harness.dataset.instructions import FROM_EXAMPLES
from semi_instruct.harness.dataset.pairs import PEOPLE, Pair
from semi_instruct.harness.dataset.stages.contamination import copied
from semi_instruct.harness.dataset.stages.duplicates import Duplicate, Duplicates
from semi_instruct.harness.dataset.stages.retention import RETAIN, Retained
from semi_instruct.harness.dataset.stages.stage import Build
from semi_instruct.harness.dataset.stages.validation import judged_at
from semi_instruct.harness.dataset.state import Drop

if TYPE_CHECKING:
    from semi_instruct.harness.dataset.stages.alike import Alike, Embedder

DIVERSIFY = "diversify"
_MAX_WORDS = 20_000


def diversify(build: Build, benchmarks: Sequence[Benchmark], embedder: Embedder | None = None) -> None:
    """Drop what is there already, and what a benchmark asks for.

    Args:
        embedder: of instructions; None to compare them by their words alone.
    """
    state = build.state
    meanings = _meanings(build, embedder) if embedder is not None else None

    @lru_cache(maxsize=512)
    def pairs_at(place: int) -> dict[str, Pair]:
        return {pair.id: pair for pair in judged_at(build, place).pairs}

    def index(kind: str, words: Callable[[Pair], list[str]]) -> Duplicates:
        return Duplicates(state, kind, build.settings.near, lambda place, name: shingles(words(pairs_at(place)[name])))

    codes, instructions = index("written code", _code), index("instruction", _instruction)

    def first_like(place: int, pair: Pair, asked: set[str]) -> tuple[str, str] | None:
        if pair.written_by != PEOPLE:
            copy = copied(benchmarks, pair.instruction, in_code=False) or copied(benchmarks, pair.source, in_code=True)
            like = None if copy else codes.first_like(_code(pair), place, pair.id)
            if copy or like:
                return copy or _told(like, "code")
        if pair.instruction in asked:
            return None
        # What only shows examples is mostly the same words.
        shows_examples = pair.instruction_by == FROM_EXAMPLES
        words = pair.instruction.split() if shows_examples else _instruction(pair)
        find = instructions.same if shows_examples else instructions.first_like
        like = find(words, place, pair.id)
        # Several codes may answer one instruction; several tasks may not have it.
        if like is not None and like.place != place:
            return _told(like, "instruction")
        same = meanings.first_like(pair.instruction, place, pair.id) if meanings and not shows_examples else None
        if same is not None:
            return _told(same, "instruction")
        asked.add(pair.instruction)
        return None

    def work(place: int) -> tuple[Retained, Iterable[Drop]]:
        before = state.get(RETAIN, place, Retained)
        kept: list[str] = []
        drops: list[Drop] = []
        asked: set[str] = set()
        for name in before.pairs if before else ():
            fault = first_like(place, pairs_at(place)[name], asked)
            if fault is None:
                kept.append(name)
            else:
                drops.append(Drop(name, *fault))
        return Retained(tuple(kept)), drops

    build.each(DIVERSIFY, RETAIN, work)


def _meanings(build: Build, embedder: Embedder) -> Alike:
    from semi_instruct.harness.dataset.stages.alike import Alike

    return Alike(build.state, "instruction", build.settings.alike, embedder)


def _told(like: Duplicate | None, what: str) -> tuple[str, str] | None:
    return (f"{like.reason}_of_{what}", f"like {like.code}") if like else None


def _code(pair: Pair) -> list[str]:
    return words_of_code(pair.source)[:_MAX_WORDS]


def _instruction(pair: Pair) -> list[str]:
    return words_of_prose(pair.instruction)[:_MAX_WORDS]
