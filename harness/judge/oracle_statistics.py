"""Oracle statistics: which oracle of a problem differs from the others, fails alone, or is nondeterministic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from semi_instruct.harness.inputs.calls.ordering import identity
from semi_instruct.harness.inputs.source import Answer
from semi_instruct.harness.judge.consensus import Agree

# An oracle is named when it fails on more than this share of the inputs that the others answer alike.
TOLERATED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Outlier:
    """The oracle that differs from all others on an input, if there is one and the others agree.

    Attributes:
        crashed: the oracle that alone gave no answer.
        minority: the oracle that alone answers differently, of three or more.
    """

    crashed: int | None = None
    minority: int | None = None


def outlier_of(answers: Sequence[Answer | None], agree: Agree) -> Outlier:
    """The oracle that differs from all others on an input.

    Args:
        answers: one for each oracle, None for a crash.
    """
    crashed = [number for number, answer in enumerate(answers) if answer is None]
    given = [answer for answer in answers if answer is not None]
    if len(crashed) == 1 and given and _alike(given, agree):
        return Outlier(crashed=crashed[0])
    if crashed or len(answers) < 3 or _alike(given, agree):
        return Outlier()
    alone = [number for number in range(len(given)) if _alike([*given[:number], *given[number + 1 :]], agree)]
    return Outlier(minority=alone[0] if len(alone) == 1 else None)


def differs(answer: Answer | None, varied: Answer | None, agree: Agree) -> bool:
    """Whether an oracle answered an input differently when the run was varied.

    An oracle that only fails when varied still counts as deterministic: it may have needed the time that an interpreter
    takes to start. Identical answers do not differ, even if a checker rejects them.
    """
    if answer is None or varied is None or _is_identical(answer.content, varied.content):
        return False
    return not agree(answer.content, varied.content)


def remarks(seen: Iterable[Outlier], nondeterministic: Sequence[int], oracles: int) -> list[str]:
    """Remarks about single oracles, which are numbered from 1 there.

    Args:
        seen: an entry for each input.
        nondeterministic: numbers of the oracles, from 0, that answered an input differently when it was varied.
        oracles: how many there are.
    """
    inputs = list(seen)
    found = [f"oracle {number + 1} is nondeterministic" for number in nondeterministic]
    for number in range(oracles):
        crashes = sum(each.crashed == number for each in inputs)
        alone = sum(each.minority == number for each in inputs)
        if crashes > TOLERATED_SHARE * len(inputs):
            found.append(f"oracle {number + 1} alone crashed on {crashes} of {len(inputs)} inputs")
        if alone > TOLERATED_SHARE * len(inputs):
            found.append(f"oracle {number + 1} is in a minority of one on {alone} of {len(inputs)} inputs")
    return found


def _is_identical(first: Any, second: Any) -> bool:
    if isinstance(first, bytes) or isinstance(second, bytes):
        return bool(first == second)
    return identity(first) == identity(second)


def _alike(answers: Sequence[Answer], agree: Agree) -> bool:
    return all(agree(answers[0].content, other.content) for other in answers[1:])
