"""Reads a seccomp listener: forbidden system calls of a run, and its record locks, which are counted.

Each record lock (fcntl, F_SETLK and F_SETLKW) takes kernel memory that no control group is charged for, and no rlimit
bounds them since Linux 2.4. The filter cannot count. So the inner policy reports these calls, too, and the supervisor
counts them: it lets the kernel make the first ``MAX_RECORD_LOCK_CALLS`` calls of a run and answers ENOLCK from then on.
Only their number matters, so no memory of the program is read, which could change concurrently. A program that
continues to make these calls costs the supervisor time, so after a while they count as forbidden.

Sources: seccomp_unotify(2); fcntl(2); the kernel's fs/locks.c (filelock_cache is made without SLAB_ACCOUNT).
"""

from __future__ import annotations

import errno
import fcntl
import struct

from semi_instruct.engine import policy

MAX_RECORD_LOCK_CALLS = 1 << 15
"""Limit for one run. A call adds at most two locks of about 200 bytes each: 13 MiB. A transaction of SQLite takes about
eight calls."""
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
        descriptor: the descriptor of the listener. The caller closes it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._record_lock_calls = 0

    def forbidden_call(self) -> str | None:
        """The name of the pending forbidden call; None for a record lock, which is answered here.

        A forbidden call is never answered. The caller kills the run, including the process that waits for the answer.
        """
        buffer = bytearray(_NOTIF.size)
        try:
            fcntl.ioctl(self._descriptor, _NOTIF_RECV, buffer)
        except OSError as error:
            # Its process is gone, or a signal handler interrupted a call that will be restarted.
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
