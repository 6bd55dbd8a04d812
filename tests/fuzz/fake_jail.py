"""What speaks on a worker's control socket in place of a jail: says what its script tells it, with what descriptors.

    python fake_jail.py SCRIPT        (the socket is descriptor 0)

The script is a JSON list of steps: ``["send", HEX, [KIND, ...]]``, ``["receive"]``, ``["stop"]`` or ``["leave"]``.
Afterwards it waits until the supervisor hangs up. It imports little: many of it are started.
"""

import array
import json
import os
import select
import signal
import socket
import sys

KINDS = (
    "itself",
    "silent",
    "loud",
    "has job",
    "not compiled",
    "nothing",
    "open pipe",
    "writing end",
    "null",
    "folder",
    "memory",
    "control",
)


def main() -> None:
    """Follow the script."""
    control = socket.socket(fileno=0)
    for step, *details in json.loads(sys.argv[1]):
        if step == "send":
            message, kinds = details
            send(control, bytes.fromhex(message), [descriptor(kind) for kind in kinds])
        elif step == "receive":
            control.recv(1 << 17)
        elif step == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif step == "leave":
            return
    until_hang_up = select.poll()
    until_hang_up.register(control, 0)
    until_hang_up.poll()


def send(control: socket.socket, message: bytes, descriptors: list[int]) -> None:
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    control.sendmsg([message], rights)
    for each in descriptors:
        os.close(each)


def descriptor(kind: str) -> int:
    match kind:
        case "itself":
            return os.pidfd_open(os.getpid())
        case "silent" | "loud":
            return os.eventfd(int(kind == "loud"))
        case "has job" | "not compiled" | "nothing":
            reading, writing = os.pipe()
            os.write(writing, {"has job": b"J", "not compiled": b"JC", "nothing": b""}[kind])
            os.close(writing)
            return reading
        case "open pipe":
            reading, writing = os.pipe()
            KEPT.append(writing)
            return reading
        case "writing end":
            reading, writing = os.pipe()
            KEPT.append(reading)
            return writing
        case "null" | "folder":
            return os.open({"null": "/dev/null", "folder": "/"}[kind], os.O_RDONLY)
        case "memory":
            return os.memfd_create("memory")
        case "control":
            return os.dup(0)
    raise ValueError(kind)


KEPT: list[int] = []

if __name__ == "__main__":
    main()
