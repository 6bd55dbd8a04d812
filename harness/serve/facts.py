"""What is known of one request, for its log line and for the metrics. Never holds what a program is or says."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import Scope

CLIENT_HEADER = "x-client-id"
_LONGEST_CLIENT = 64


@dataclass(slots=True)
class Facts:
    """Gathered while a request is answered.

    Attributes:
        client: whose turn it is in the queue.
        number: of the request, since the service started.
        statuses: how the runs ended, in their order; of many only the first few.
        runs: how many there were.
        queue_s: seconds they waited, summed up.
        run_s: seconds they took, summed up.
        extended_s: seconds by which their wall limits were extended, summed up.
        reasons: why the sandbox failed, where it did; of many reasons only the first few.
        why: why it was refused, in a word or two.
    """

    client: str
    number: int
    statuses: list[str] = field(default_factory=list)
    runs: int = 0
    queue_s: float = 0.0
    run_s: float = 0.0
    extended_s: float = 0.0
    reasons: list[str] = field(default_factory=list)
    why: str = ""


def client_of(scope: Scope) -> str:
    """Who asks: the peer's address. A peer on this machine, a proxy for instance, may say for whom it asks."""
    peer = scope.get("client")
    address = str(peer[0]) if peer else "unknown"
    named = Headers(scope=scope).get(CLIENT_HEADER, "")[:_LONGEST_CLIENT]
    return f"{address} {named}" if named and is_loopback(address) else address


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
