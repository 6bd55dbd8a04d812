"""Reading a seccomp listener: which forbidden system call a run has made, and how many record locks it asks for.

A record lock (fcntl, F_SETLK and F_SETLKW) takes kernel memory that no control group is charged for, as many times as
a program asks, and no rlimit bounds them since Linux 2.4. The filter cannot count. So the inner policy reports these
calls, too, and the supervisor counts them: it has the kernel make the call, until there were ``MAX_RECORD_LOCK_CALLS``
in one run, and answers ENOLCK from then on. Only their number matters, so nothing is read that could change meanwhile.
A program that goes on asking costs the supervisor time and gets nothing for it: soon that is a forbidden call.

Sources: seccomp_unotify(2); fcntl(2); the kernel's fs/locks.c (filelock_cache is made without SLAB_ACCOUNT).
"""

from __future__ import annotations

import errno
import fcntl
import struct

from semi_instruct.engine import policy

MAX_RECORD_LOCK_CALLS = 1 << 15
"""Of one run. A call adds two locks at most, of some 200 bytes each: 13 MiB. A transaction of SQLite takes about eight
calls."""
_MAX_REFUSED_CALLS = 1 << 10

_NOTIF_RECV = 0xC0502100  # SECCOMP_IOCTL_NOTIF_RECV for the 80 bytes of struct seccomp_notif
_NOTIF_SEND = 0xC0182101  # SECCOMP_IOCTL_NOTIF_SEND for the 24 bytes of struct seccomp_notif_resp
_CONTINUE = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE
_NOTIF = struct.Struct("=QIIiIQ6Q")  # id, pid, flags; then struct seccomp_data: nr, arch, instruction pointer, args
_RESPONSE = struct.Struct("=QqiI")  # id, return value, negative errno, flags
_AUDIT_ARCH_X86_64 = 0xC000003E
_X32 = 0x40000000
_FCNTL = 72


class Listener:
    """The listener of one run's inner filter.

    Args:
        descriptor: it stays the caller's, to close.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._record_lock_calls = 0

    def forbidden_call(self) -> str | None:
        """The name of the forbidden call that waits; None for a record lock, which is answered here.

        A forbidden call is never answered: the caller kills the run, and a process that waits for an answer dies like
        any other.
        """
        buffer = bytearray(_NOTIF.size)
        try:
            fcntl.ioctl(self._descriptor, _NOTIF_RECV, buffer)
        except OSError as error:
            # Its process is gone, or a signal handler took it away from a call that it will make again.
            return None if error.errno == errno.ENOENT else f"a call that cannot be read ({error.strerror})"
        identity, _, _, number, arch = _NOTIF.unpack(buffer)[:5]
        if arch != _AUDIT_ARCH_X86_64:
            return f"call {number} of a foreign ABI (i386)"
        if number & _X32:
            return f"call {number & ~_X32} of a foreign ABI (x32)"
        if number == _FCNTL:
            self._record_lock_calls += 1
            if self._record_lock_calls <= MAX_RECORD_LOCK_CALLS + _MAX_REFUSED_CALLS:
                self._answer_record_lock(identity)
                return None
        return policy.syscall_name(number)

    def _answer_record_lock(self, identity: int) -> None:
        allowed = self._record_lock_calls <= MAX_RECORD_LOCK_CALLS
        answer = _RESPONSE.pack(identity, 0, 0, _CONTINUE) if allowed else _RESPONSE.pack(identity, 0, -errno.ENOLCK, 0)
        try:
            fcntl.ioctl(self._descriptor, _NOTIF_SEND, answer)
        except OSError as error:
            if error.errno != errno.ENOENT:  # its process is gone, or a signal has interrupted the call
                raise
