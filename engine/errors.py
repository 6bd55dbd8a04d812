"""The engine's own exceptions. Each text says what is wrong and what to do about it."""

from __future__ import annotations

from typing import Any


class EngineError(Exception):
    """Base of everything the engine raises on purpose."""


class InvalidProgram(EngineError, ValueError):
    """The request itself is unusable: unknown language, arguments that cannot cross, limits out of range."""


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
        """So that the exception can be pickled: it is made from other arguments than its text."""
        return type(self), (self.layer, self.reason, self.remedy), self.__dict__
