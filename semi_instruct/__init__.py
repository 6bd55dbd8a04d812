"""Runs untrusted code in a fast, deterministic sandbox and checks it against reference solutions.

The names below are the public API. Each is imported when it is first used, so that a program that only runs code does
not pay for the harness.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semi_instruct.engine import LANGUAGES as LANGUAGES
    from semi_instruct.engine import Cancellation as Cancellation
    from semi_instruct.engine import Determinism as Determinism
    from semi_instruct.engine import Engine as Engine
    from semi_instruct.engine import EngineClosed as EngineClosed
    from semi_instruct.engine import EngineError as EngineError
    from semi_instruct.engine import InvalidPolicy as InvalidPolicy
    from semi_instruct.engine import InvalidProgram as InvalidProgram
    from semi_instruct.engine import InvalidRequest as InvalidRequest
    from semi_instruct.engine import Limits as Limits
    from semi_instruct.engine import Opaque as Opaque
    from semi_instruct.engine import Outcome as Outcome
    from semi_instruct.engine import Program as Program
    from semi_instruct.engine import ProgramFailed as ProgramFailed
    from semi_instruct.engine import RunFuture as RunFuture
    from semi_instruct.engine import RunRequest as RunRequest
    from semi_instruct.engine import RuntimeUnusable as RuntimeUnusable
    from semi_instruct.engine import SandboxUnavailable as SandboxUnavailable
    from semi_instruct.engine import Status as Status
    from semi_instruct.engine import ValueRefused as ValueRefused
    from semi_instruct.harness import BadFile as BadFile
    from semi_instruct.harness import BadRow as BadRow
    from semi_instruct.harness import Candidate as Candidate
    from semi_instruct.harness import Comparison as Comparison
    from semi_instruct.harness import Example as Example
    from semi_instruct.harness import Finding as Finding
    from semi_instruct.harness import HarnessError as HarnessError
    from semi_instruct.harness import MissingExtra as MissingExtra
    from semi_instruct.harness import Problem as Problem
    from semi_instruct.harness import Verdict as Verdict
    from semi_instruct.harness import VerdictRow as VerdictRow
    from semi_instruct.harness import fuzz as fuzz
    from semi_instruct.harness import load_problems as load_problems
    from semi_instruct.harness import verify as verify

_NAMES = {
    "engine": (
        "LANGUAGES",
        "Cancellation",
        "Determinism",
        "Engine",
        "EngineClosed",
        "EngineError",
        "InvalidPolicy",
        "InvalidProgram",
        "InvalidRequest",
        "Limits",
        "Opaque",
        "Outcome",
        "Program",
        "ProgramFailed",
        "RunFuture",
        "RunRequest",
        "RuntimeUnusable",
        "SandboxUnavailable",
        "Status",
        "ValueRefused",
    ),
    "harness": (
        "BadFile",
        "BadRow",
        "Candidate",
        "Comparison",
        "Example",
        "Finding",
        "HarnessError",
        "MissingExtra",
        "Problem",
        "Verdict",
        "VerdictRow",
        "fuzz",
        "load_problems",
        "verify",
    ),
}
_PACKAGE_OF = {name: package for package, names in _NAMES.items() for name in names}

__all__ = sorted([*_PACKAGE_OF, "__version__"])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            value: Any = version("semi-instruct")
        except PackageNotFoundError:  # imported from a source tree that is not installed
            value = "0+unknown"
    elif name in _PACKAGE_OF:
        value = getattr(import_module(f"{__name__}.{_PACKAGE_OF[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
