"""Settings of a service, and the socket it listens on. Importable without the extra ``[serve]``."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from semi_instruct.engine import Limits
from semi_instruct.engine.limits import MIB

BACKLOG = 4096


@dataclass(frozen=True, slots=True)
class Settings:
    """How a service is reached and what it grants.

    Attributes:
        host: the address it listens on.
        port: the port it listens on; 0 for any free one.
        token: the token that every request must carry; None for a service on loopback that needs none.
        workers: the number of concurrent runs; None for one per core.
        queue: the number of runs that may wait.
        queue_time_s: seconds that a run may wait before its request fails.
        client_deadline_s: seconds that clients wait for a response at most, where that is known. No wall limit is
            extended beyond it.
        body_bytes: the largest request body.
        open_bodies_bytes: the largest total of all open request bodies.
        body_time_s: seconds that a client has to send a body.
        time_s: the longest wall time and CPU time that a client may ask for, seconds.
        memory_bytes: the most memory that a client may ask for.
        default_memory_bytes: the memory of a run whose client asks for none.
        drain_s: seconds that runs have to end after a signal to shut down.
        verifications: the number of problems that are judged concurrently.
        allow_degraded: whether the service starts although an isolation layer is missing; see ``engine.Engine``.
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
        """The limits of a run whose client asks for none."""
        cpu_time = min(10.0, self.time_s)
        return Limits(cpu_time=cpu_time, wall_time=min(2 * cpu_time + 1, self.time_s), memory=self.default_memory_bytes)


def listen(settings: Settings) -> socket.socket:
    """Return a listening socket on the address of the settings. Called before anything costly is started.

    Raises:
        OSError: the address is in use, or does not belong to this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
