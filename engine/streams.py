"""The pipes that capture a run's output, and the files that hold its input."""

from __future__ import annotations

import fcntl
import os

_CHUNK = 1 << 16


class Stream:
    """One captured pipe. It keeps up to ``cap`` bytes and records whether there was more."""

    def __init__(self, name: str, cap: int) -> None:
        self.name = name
        self.cap = cap
        self.data = bytearray()
        self.truncated = False
        self.read_end, self.write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.read_end, False)
        # A program may open /dev/stdout, which is this pipe, for writing only.
        os.fchmod(self.write_end, 0o222)

    def close_write_end(self) -> None:
        """Close this process's write end, so that the stream ends with the sandbox."""
        os.close(self.write_end)
        self.write_end = -1

    def close(self) -> None:
        """Close all open ends."""
        for descriptor in (self.read_end, self.write_end):
            if descriptor >= 0:
                os.close(descriptor)

    def take(self) -> bool:
        """Read once; False at the end of the stream or if there is no data."""
        try:
            chunk = os.read(self.read_end, _CHUNK)
        except BlockingIOError:
            return False
        room = self.cap - len(self.data)
        self.truncated = self.truncated or len(chunk) > room
        self.data += chunk[: max(room, 0)]
        return chunk != b""


def sealed(data: bytes) -> int:
    """An immutable file in memory, positioned at its beginning. The caller closes it."""
    file = os.memfd_create("input", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        written = os.write(file, data)
        while written < len(data):  # one write takes at most 2 GiB
            written += os.write(file, memoryview(data)[written:])
    except OSError:
        os.close(file)
        raise
    os.lseek(file, 0, os.SEEK_SET)
    fcntl.fcntl(
        file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    )
    return file
