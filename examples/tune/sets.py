"""The sets of pairs that models are tuned on, and which pairs of one are taken."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from random import Random

from semi_instruct.harness.errors import BadFile, BadRequest
from semi_instruct.harness.extras import require

_PLACES = ("dataset/data/pairs.parquet", "data/pairs.parquet", "")


@dataclass(frozen=True, slots=True)
class Pair:
    """An instruction and the code that answers it.

    Attributes:
        task: what it is a pair of; several pairs may be of one.
        messages: the conversation, role and content each; the last one is the answer.
    """

    task: str
    messages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PairSet:
    """The pairs that one way of building gave."""

    name: str
    pairs: tuple[Pair, ...]


def read_set(name: str, path: Path) -> PairSet:
    """A set by the folder of ``semi-instruct build``, by its ``dataset``, or by a Parquet file with ``messages``.

    In a file without ``task``, each row is a task of its own. A build may have retained nothing: such a set is empty.

    Raises:
        MissingExtra: the extra ``build`` is not installed.
        BadFile: there is no such file, or it holds something else.
    """
    require("reading Parquet", "build", "pyarrow")
    from pyarrow import ArrowException, parquet

    file = next((path / place for place in _PLACES if (path / place).is_file()), None)
    if file is None:
        raise BadFile(f"{path}: has no dataset/data/pairs.parquet: `semi-instruct build CORPUS -o {path}` makes one")
    try:
        rows = parquet.read_table(file).to_pylist()
    except (OSError, ArrowException) as error:
        raise BadFile(f"{file}: cannot be read as Parquet: {error}") from None
    try:
        pairs = tuple(
            Pair(
                str(row.get("task", number)),
                tuple((message["role"], message["content"]) for message in row["messages"]),
            )
            for number, row in enumerate(rows)
        )
    except (KeyError, TypeError) as error:
        raise BadFile(f"{file}: expected a column `messages` of role and content: {error!r}") from None
    for number, pair in enumerate(pairs):
        if len(pair.messages) < 2 or pair.messages[-1][0] != "assistant":
            raise BadFile(f"{file}: row {number}: expected messages that end with the assistant's")
    return PairSet(name, pairs)


def chosen(pairs: Sequence[Pair], size: int, seed: int) -> list[Pair]:
    """So many pairs: of as many tasks as there are before a second one of any; fewer pairs where there are no more.

    With the same seed, a smaller choice is the beginning of a larger one.
    """
    random = Random(seed)
    by_task: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_task[pair.task].append(pair)
    shuffled = [random.sample(by_task[task], len(by_task[task])) for task in random.sample(list(by_task), len(by_task))]
    rounds = chain.from_iterable(zip_longest(*shuffled))
    return [pair for pair in rounds if pair is not None][:size]


def sizes_for(sets: Sequence[PairSet]) -> list[int]:
    """Three sizes that every set has, each about twice the one before: the largest is all of the smallest set.

    Sets without a pair do not count.

    Raises:
        BadRequest: none has a pair.
    """
    smallest = min((len(each.pairs) for each in sets if each.pairs), default=0)
    if not smallest:
        raise BadRequest("--set: no set holds a pair: build them of a larger corpus, or with more --samples")
    return sorted({max(1, smallest // part) for part in (4, 2, 1)})


def digest(pairs: Sequence[Pair]) -> str:
    """Tells other pairs, or another order, apart."""
    return hashlib.sha256(json.dumps([pair.messages for pair in pairs]).encode()).hexdigest()
