"""Puts a system-call filter on itself under which nothing works any more, then needs it to.

Truth: runtime_error or wrong_answer or forbidden_syscall
"""

import ctypes
import struct

libc = ctypes.CDLL(None, use_errno=True)
code = ctypes.create_string_buffer(struct.pack("<HBBI", 6, 0, 0, 0x00050026))  # return ERRNO(ENOSYS), always
program = ctypes.create_string_buffer(struct.pack("@HP", 1, ctypes.addressof(code)))
print(libc.prctl(38, 1, 0, 0, 0), libc.prctl(22, 2, program, 0, 0), ctypes.get_errno(), flush=True)
