"""What the pool receives and returns, independent of any dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from semi_instruct.engine import Determinism, Limits, Outcome, Program, Status


@dataclass(frozen=True, slots=True)
class Files:
    """Files that a program gets and files that it leaves. Made by ``files.plan_files``.

    Sandbox paths are as ``files.sandbox_path`` returns them: ``work/a.txt``.

    Attributes:
        copy_in: written before the program starts; contents by sandbox path.
        copy_out: read when the program has ended; sandbox paths by the client's path.
        arguments: ``sys.argv`` after the program's name.
        name: sandbox path of the program itself.
        refused: the client's paths that cannot be read, with the reason.
    """

    copy_in: Mapping[str, bytes] = field(default_factory=dict)
    copy_out: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    name: str = "work/main.py"
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """One requested run. The fields are those of ``Engine.run``, and two more.

    Attributes:
        files: the run's files; None if it has none.
        client_timeout_s: seconds after which the client no longer waits for the response, the time in the queue
            included; None if that is not known.
    """

    program: Program
    limits: Limits
    stdin: bytes = b""
    args: tuple[Any, ...] = ()
    determinism: str = Determinism.FIXED
    clock: float | None = None
    files: Files | None = None
    client_timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """One run that has ended.

    Attributes:
        queue_s: seconds the run waited for a worker; not part of the outcome's times.
        files: contents of the files that were asked for, by the client's path.
        refused: the client's paths of files that are not returned, with the reason.
    """

    outcome: Outcome
    queue_s: float = 0.0
    files: Mapping[str, bytes] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def sandbox_failed(self) -> bool:
        """Whether the sandbox failed, so that the outcome says nothing about the program."""
        return self.outcome.status is Status.SANDBOX_ERROR
