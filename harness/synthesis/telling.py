"""What a model is told of a candidate of its own that fails."""

from __future__ import annotations

from typing import Any

from semi_instruct.generator.tasks import Failure
from semi_instruct.harness.problems.verdicts import Verdict

_LONGEST = 400


def failure(verdict: Verdict, given: Any, expected: Any, actual: Any, detail: str) -> Failure:
    """The counterexample, and what the candidate did with it."""
    if verdict is Verdict.WRONG_ANSWER:
        happened = f"it gives {actual!r}"
    else:
        happened = f"it ends with {verdict.value.replace('_', ' ')}: {detail}"
    return Failure(given, expected, happened[:_LONGEST])
