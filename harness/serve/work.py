"""What is asked of the pool, and what comes back, in nobody's dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine import Determinism, Limits, Outcome, Program


@dataclass(frozen=True, slots=True)
class Luggage:
    """What a program takes with it and leaves behind. Every path is relative to the run's own folder, and checked.

    Attributes:
        files: written before the program starts.
        fetch: read when it has ended.
        arguments: ``sys.argv`` after the program's name.
        name: the program's own file.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    fetch: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    name: str = "main.py"


@dataclass(frozen=True, slots=True)
class Work:
    """One run that is asked for; the fields are those of ``Engine.run``, and the luggage, if there is any."""

    program: Program
    limits: Limits
    stdin: bytes = b""
    args: tuple[Any, ...] = ()
    determinism: str = Determinism.FIXED
    clock: float | None = None
    luggage: Luggage | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """One run that has ended.

    Attributes:
        queue_s: seconds it waited for a worker; no part of the outcome's times.
        files: those that were asked for and are there.
        refused: those that are there and are not handed out, with the reason.
    """

    outcome: Outcome
    queue_s: float = 0.0
    files: Mapping[str, bytes] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
