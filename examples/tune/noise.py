"""How far figures may be off because the tasks are few. Nothing here knows of other training, seeds or pairs."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, inf, sqrt
from statistics import fmean, stdev

# Of the normal distribution, within which 95 % lies.
_Z = 1.959964
# Differences whose mean is about normal, whatever they are.
_FEWEST = 30


def wilson(passed: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, from 0 to 1. Of nothing, nothing is known."""
    if not count:
        return 0.0, 1.0
    share, spare = passed / count, _Z * _Z / count
    middle = (share + spare / 2) / (1 + spare)
    half = _Z / (1 + spare) * sqrt(share * (1 - share) / count + spare / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def sign_test(better: int, worse: int) -> float:
    """The chance of so uneven a count, or a more uneven one, if either were as likely (exact, two-sided; McNemar's)."""
    count, fewer = better + worse, min(better, worse)
    return min(1.0, 2 * sum(comb(count, number) for number in range(fewer + 1)) / (1 << count))


def mean_difference(differences: Sequence[float]) -> tuple[float, float]:
    """The mean of paired differences, and the half of its 95 % interval (normal). Of fewer than 30 it has no end."""
    if len(differences) < _FEWEST:
        return (fmean(differences) if differences else 0.0), inf
    return fmean(differences), _Z * stdev(differences) / sqrt(len(differences))
