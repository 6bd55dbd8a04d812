"""What is asked of the pool, and what comes back, in nobody's dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from semi_instruct.engine import Determinism, Limits, Outcome, Program


@dataclass(frozen=True, slots=True)
class Luggage:
    """What a program takes with it and leaves behind. Places are as ``luggage.locate`` says them.

    Attributes:
        files: written before the program starts; contents by place.
        fetch: read when it has ended; places by the client's path.
        arguments: ``sys.argv`` after the program's name.
        name: the place of the program's own file.
        refused: paths of the client's that cannot be fetched, with the reason.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    fetch: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    name: str = "work/main.py"
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """One run that is asked for; the fields are those of ``Engine.run``, and two more.

    Attributes:
        luggage: its files, if there are any.
        patience_s: seconds after which its client no longer waits for the answer, waiting for a worker included; None
            where that is not known.
    """

    program: Program
    limits: Limits
    stdin: bytes = b""
    args: tuple[Any, ...] = ()
    determinism: str = Determinism.FIXED
    clock: float | None = None
    luggage: Luggage | None = None
    patience_s: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """One run that has ended.

    Attributes:
        queue_s: seconds it waited for a worker; no part of the outcome's times.
        files: those that were asked for and are there.
        refused: those that are not handed out, with the reason.
    """

    outcome: Outcome
    queue_s: float = 0.0
    files: Mapping[str, bytes] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
