"""The exceptions of the engine. Each message names the problem and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semi_instruct.engine.outcome import Outcome


class EngineError(Exception):
    """Base class of the engine's exceptions."""


class InvalidRequest(EngineError, ValueError):
    """A request or a setting of the engine is invalid: limits out of range, an invalid number of workers."""


class InvalidProgram(InvalidRequest):
    """The program of a request is invalid: unknown language, a bad entry, arguments that cannot be encoded."""


class ProgramFailed(EngineError):
    """Raised by :meth:`Outcome.raise_for_status`: a run did not end as ``ok``.

    Attributes:
        outcome: how it ended.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"the run ended as {outcome.status}" + (f": {outcome.detail}" if outcome.detail else ""))
        self.outcome = outcome

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling, because the constructor's arguments differ from ``args``."""
        return type(self), (self.outcome,)


class EngineClosed(EngineError, RuntimeError):
    """The engine was closed, or was inherited through ``os.fork`` by a process that does not own its workers."""


class InvalidPolicy(EngineError, ValueError):
    """A system-call policy file is malformed or names what this machine does not have."""


class RuntimeUnusable(EngineError):
    """The environment given as a runtime has no usable interpreter."""


class SandboxUnavailable(EngineError):
    """A wall of the sandbox cannot be set up on this machine.

    Attributes:
        layer: the missing wall (``"cgroup"``, ``"namespaces"``, ``"seccomp"`` ...).
        reason: what was tried and the kernel's answer.
        remedy: how to fix it.
        passing: whether the fault is temporary because the machine is short of something (memory, processes,
            descriptors); False if waiting does not help.
    """

    def __init__(self, layer: str, reason: str, remedy: str, *, passing: bool = False) -> None:
        super().__init__(f"{layer}: {reason}. Remedy: {remedy}")
        self.passing = passing
        self.layer = layer
        self.reason = reason
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling, because the constructor's arguments differ from ``args``."""
        return type(self), (self.layer, self.reason, self.remedy), self.__dict__
