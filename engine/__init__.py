"""Runs programs nobody trusts: safely, exactly and fast. Knows nothing of models, tests or verdicts."""

from engine.cancellation import Cancellation
from engine.determinism import Determinism
from engine.engine import Engine
from engine.errors import (
    EngineClosed,
    EngineError,
    InvalidPolicy,
    InvalidProgram,
    RuntimeUnusable,
    SandboxUnavailable,
)
from engine.inside.values import Opaque, ValueRefused
from engine.limits import Limits
from engine.outcome import Outcome, Status
from engine.program import LANGUAGES, Program

__all__ = [
    "LANGUAGES",
    "Cancellation",
    "Determinism",
    "Engine",
    "EngineClosed",
    "EngineError",
    "InvalidPolicy",
    "InvalidProgram",
    "Limits",
    "Opaque",
    "Outcome",
    "Program",
    "RuntimeUnusable",
    "SandboxUnavailable",
    "Status",
    "ValueRefused",
]
