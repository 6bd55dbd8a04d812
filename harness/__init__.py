"""Judges programs against reference solutions: composes generated inputs and sandboxed runs into verdicts.

The names below are the public API of the harness. Each is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semi_instruct.harness.compare.comparison import Comparison as Comparison
    from semi_instruct.harness.errors import BadFile as BadFile
    from semi_instruct.harness.errors import BadRow as BadRow
    from semi_instruct.harness.errors import HarnessError as HarnessError
    from semi_instruct.harness.errors import MissingExtra as MissingExtra
    from semi_instruct.harness.problems.reader import load_problems as load_problems
    from semi_instruct.harness.problems.schema import Candidate as Candidate
    from semi_instruct.harness.problems.schema import Example as Example
    from semi_instruct.harness.problems.schema import Problem as Problem
    from semi_instruct.harness.problems.verdicts import Verdict as Verdict
    from semi_instruct.harness.problems.verdicts import VerdictRow as VerdictRow
    from semi_instruct.harness.search.fuzz import Finding as Finding
    from semi_instruct.harness.search.fuzz import fuzz as fuzz
    from semi_instruct.harness.verification.scheduler import verify as verify

_MODULE_OF = {
    "BadFile": "errors",
    "BadRow": "errors",
    "Candidate": "problems.schema",
    "Comparison": "compare.comparison",
    "Example": "problems.schema",
    "Finding": "search.fuzz",
    "HarnessError": "errors",
    "MissingExtra": "errors",
    "Problem": "problems.schema",
    "Verdict": "problems.verdicts",
    "VerdictRow": "problems.verdicts",
    "fuzz": "search.fuzz",
    "load_problems": "problems.reader",
    "verify": "verification.scheduler",
}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_MODULE_OF[name]}")
    except ModuleNotFoundError as error:
        from semi_instruct.harness.extras import explain

        explain(f"semi_instruct.{name}", error)
        raise
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
