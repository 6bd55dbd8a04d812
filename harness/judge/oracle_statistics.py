"""How the oracles of a problem stand with each other: which of them is not what it is held for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from semi_instruct.harness.inputs.source import Answer
from semi_instruct.harness.judge.consensus import Agree

# An oracle is named when it fails on more than this share of the inputs that the others answer alike.
TOLERATED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Dissent:
    """What one input shows of the oracles, when all others that count answer it alike.

    Attributes:
        crashed: the oracle that alone gave no answer.
        minority: the oracle that alone answers differently, of three or more.
    """

    crashed: int | None = None
    minority: int | None = None


def dissent(answers: Sequence[Answer | None], agree: Agree) -> Dissent:
    """Who stands alone on an input.

    Args:
        answers: one for each oracle, None for a crash.
    """
    crashed = [number for number, answer in enumerate(answers) if answer is None]
    given = [answer for answer in answers if answer is not None]
    if len(crashed) == 1 and given and _alike(given, agree):
        return Dissent(crashed=crashed[0])
    if crashed or len(answers) < 3 or _alike(given, agree):
        return Dissent()
    alone = [number for number in range(len(given)) if _alike([*given[:number], *given[number + 1 :]], agree)]
    return Dissent(minority=alone[0] if len(alone) == 1 else None)


def differs(answer: Answer | None, varied: Answer | None, agree: Agree) -> bool:
    """Whether an oracle answered an input otherwise when the run was varied.

    One that only fails when varied is no less deterministic: it may have needed the time that an interpreter takes.
    """
    return answer is not None and varied is not None and not agree(answer.content, varied.content)


def remarks(seen: Iterable[Dissent], nondeterministic: Sequence[int], oracles: int) -> list[str]:
    """What is to be said of single oracles, in words; they are numbered from 1.

    Args:
        seen: an entry for each input.
        nondeterministic: numbers of the oracles, from 0, that answered an input differently when it was varied.
        oracles: how many there are.
    """
    found = list(seen)
    said = [f"oracle {number + 1} is nondeterministic" for number in nondeterministic]
    for number in range(oracles):
        crashes = sum(each.crashed == number for each in found)
        alone = sum(each.minority == number for each in found)
        if crashes > TOLERATED_SHARE * len(found):
            said.append(f"oracle {number + 1} alone crashed on {crashes} of {len(found)} inputs")
        if alone > TOLERATED_SHARE * len(found):
            said.append(f"oracle {number + 1} is in a minority of one on {alone} of {len(found)} inputs")
    return said


def _alike(answers: Sequence[Answer], agree: Agree) -> bool:
    return all(agree(answers[0].content, other.content) for other in answers[1:])
