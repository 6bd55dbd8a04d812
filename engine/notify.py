"""Reading a seccomp listener: which forbidden system call a run has made. Source: seccomp_unotify(2)."""

from __future__ import annotations

import fcntl
import struct

from engine import policy

_NOTIF_RECV = 0xC0502100  # SECCOMP_IOCTL_NOTIF_RECV for the 80 bytes of struct seccomp_notif
_NOTIF = struct.Struct("=QIIiIQ6Q")  # id, pid, flags; then struct seccomp_data: nr, arch, instruction pointer, args
_AUDIT_ARCH_X86_64 = 0xC000003E
_X32 = 0x40000000


def forbidden_call(listener: int) -> str | None:
    """The name of the call that waits on the listener, or None when its process is gone already.

    The call is never answered: the caller kills the run, and a process that waits for an answer dies like any other.
    """
    buffer = bytearray(_NOTIF.size)
    try:
        fcntl.ioctl(listener, _NOTIF_RECV, buffer)
    except OSError:  # its process is gone
        return None
    number, arch = _NOTIF.unpack(buffer)[3:5]
    if arch != _AUDIT_ARCH_X86_64:
        return f"call {number} of a foreign ABI (i386)"
    if number & _X32:
        return f"call {number & ~_X32} of a foreign ABI (x32)"
    return policy.syscall_name(number)
