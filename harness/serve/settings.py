"""What an operator decides about a service."""

from __future__ import annotations

from dataclasses import dataclass

from semi_instruct.engine import Limits
from semi_instruct.engine.limits import MIB


@dataclass(frozen=True, slots=True)
class Settings:
    """How a service is reached and what it grants.

    Attributes:
        host: the address it listens on.
        port: likewise; 0 for any that is free.
        token: what every client must show, or None for a service on loopback that asks nobody.
        workers: runs at a time; None for one a core.
        queue: runs that may wait.
        queue_time_s: seconds a run may wait before its client is told that nothing was run.
        client_deadline_s: seconds that clients wait for an answer at most, where that is known; no wall limit is
            extended beyond it.
        body_bytes: the largest request.
        open_bodies_bytes: all requests that are open, together.
        body_time_s: seconds a client has to send its request.
        time_s: the longest wall time and CPU time a client may ask for, seconds.
        memory_bytes: the most memory a client may ask for.
        default_memory_bytes: what it gets when it does not ask.
        drain_s: seconds that runs have to end once the service was told to end.
        verifications: problems judged at one time.
        allow_degraded: see ``engine.Engine``.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: bytes | None = None
    workers: int | None = None
    queue: int = 1024
    queue_time_s: float = 300.0
    client_deadline_s: float | None = None
    body_bytes: int = 32 * MIB
    open_bodies_bytes: int = 512 * MIB
    body_time_s: float = 30.0
    time_s: float = 300.0
    memory_bytes: int = 4096 * MIB
    default_memory_bytes: int = 1024 * MIB
    drain_s: float = 30.0
    verifications: int = 2
    allow_degraded: bool = False

    @property
    def default_limits(self) -> Limits:
        """What a run may use where its client asks for nothing in particular."""
        cpu_time = min(10.0, self.time_s)
        return Limits(cpu_time=cpu_time, wall_time=min(2 * cpu_time + 1, self.time_s), memory=self.default_memory_bytes)
