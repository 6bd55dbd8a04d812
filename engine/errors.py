"""The exceptions of the engine. Each message names what is wrong and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semi_instruct.engine.outcome import Outcome


class EngineError(Exception):
    """Base of everything the engine raises on purpose."""


class InvalidRequest(EngineError, ValueError):
    """A request, or a setting of the engine, cannot be used: limits out of range, an impossible number of workers."""


class InvalidProgram(InvalidRequest):
    """The program of a request cannot be run: unknown language, a bad entry, arguments that cannot cross."""


class ProgramFailed(EngineError):
    """Raised by :meth:`Outcome.raise_for_status`: a run did not end as ``ok``.

    Attributes:
        outcome: how it ended.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"the run ended as {outcome.status}" + (f": {outcome.detail}" if outcome.detail else ""))
        self.outcome = outcome

    def __reduce__(self) -> tuple[Any, ...]:
        """The exception can be pickled, although it is made from other arguments than its text."""
        return type(self), (self.outcome,)


class EngineClosed(EngineError, RuntimeError):
    """The engine was closed, or was inherited through ``os.fork`` by a process that does not own its workers."""


class InvalidPolicy(EngineError, ValueError):
    """A system-call policy file is malformed or names what this machine does not have."""


class RuntimeUnusable(EngineError):
    """The environment given as a runtime has no usable interpreter."""


class SandboxUnavailable(EngineError):
    """A wall of the sandbox cannot be raised on this machine.

    Attributes:
        layer: the wall that is missing (``"cgroup"``, ``"namespaces"``, ``"seccomp"`` ...).
        reason: what was tried and what the kernel answered.
        remedy: what a person can do about it.
        passing: the machine is short of something (memory, processes, descriptors) that may be there again in a moment;
            false where waiting does not help.
    """

    def __init__(self, layer: str, reason: str, remedy: str, *, passing: bool = False) -> None:
        super().__init__(f"{layer}: {reason}. Remedy: {remedy}")
        self.passing = passing
        self.layer = layer
        self.reason = reason
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        """The exception can be pickled, although it is made from other arguments than its text."""
        return type(self), (self.layer, self.reason, self.remedy), self.__dict__
