"""Makes sockets where the engine's control socket would be, and sends a report of a good end through all of them.

Truth: wrong_answer
"""

import socket
import struct

REPORT = struct.pack("=8siI5q104x", b"report  ", 0, 0, 0, 0, 0, 0, 0)


def solve(*args):
    for descriptor in range(4, 64):
        try:
            socket.socket(fileno=descriptor).send(REPORT)
        except OSError:
            continue
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.send(REPORT)
    theirs.recv(1)
    return "anything"
