"""Runs programs nobody trusts: safely, exactly and fast. Knows nothing of models, tests or verdicts."""

from semi_instruct.engine.cancellation import Cancellation
from semi_instruct.engine.determinism import Determinism
from semi_instruct.engine.engine import Engine
from semi_instruct.engine.errors import (
    EngineClosed,
    EngineError,
    InvalidPolicy,
    InvalidProgram,
    RuntimeUnusable,
    SandboxUnavailable,
)
from semi_instruct.engine.inside.values import Opaque, ValueRefused
from semi_instruct.engine.limits import Limits
from semi_instruct.engine.outcome import Outcome, Status
from semi_instruct.engine.program import LANGUAGES, Program

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
