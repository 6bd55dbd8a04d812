"""The address of a service, taken before anything costly is begun."""

from __future__ import annotations

import socket

from semi_instruct.harness.serve.settings import Settings

BACKLOG = 4096


def listen(settings: Settings) -> socket.socket:
    """A socket on the address of the settings.

    Raises:
        OSError: somebody else has it, or it is no address of this machine.
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
