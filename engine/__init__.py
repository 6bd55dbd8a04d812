"""Runs untrusted programs in sandboxes. Independent of models, test cases and verdicts."""

from semi_instruct.engine.cancellation import Cancellation
from semi_instruct.engine.determinism import Determinism
from semi_instruct.engine.engine import Engine
from semi_instruct.engine.errors import (
    EngineClosed,
    EngineError,
    InvalidPolicy,
    InvalidProgram,
    InvalidRequest,
    ProgramFailed,
    RuntimeUnusable,
    SandboxUnavailable,
)
from semi_instruct.engine.future import RunFuture
from semi_instruct.engine.inside.values import Opaque, ValueRefused
from semi_instruct.engine.limits import Limits
from semi_instruct.engine.outcome import Outcome, Status
from semi_instruct.engine.program import LANGUAGES, Program
from semi_instruct.engine.request import RunRequest

__all__ = [
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
]
