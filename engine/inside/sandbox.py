"""The walls of one run, from the inside: its mounts, its identity, its limits and its seccomp filter.

``be_child`` is the path every program takes. Read it top to bottom: each line takes something away, and the program is
read on the last line but one. Sources: mount(2), capabilities(7), seccomp(2), seccomp_unotify(2), proc(5), tmpfs(5).
"""

import ctypes
import fcntl
import os
import resource
import socket
import struct
import sys

import python_program

PROGRAM_ID = 1000  # the uid and gid of every program, inside; the supervisor maps it to one that is nobody's, outside
BOX = "/box"
TMPFS_OPTIONS = "size=64m,nr_inodes=4096,mode=0777"
PROC_OPTIONS = "subset=pid,hidepid=2"
JOB = struct.Struct("<6QB")

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 4, 24, 38, 47, 4
_SYS_CAPSET, _SYS_SECCOMP = 126, 317  # x86_64, the one machine the policies are written for
_CAPABILITY_VERSION_3 = 0x20080522
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_NEW_LISTENER = 1, 8
_PARKED = 100  # descriptors wait at this number and above while 0, 1 and 2 are filled
_LAST_FD = 2**31 - 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _mount(kind, target, flags, options):
    flags |= _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    result = _libc.mount(kind.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    _check(result, f"mount {kind} on {target}")


def _prctl(option, argument=0):
    zero = ctypes.c_ulong(0)
    _check(_libc.prctl(option, ctypes.c_ulong(argument), zero, zero, zero), f"prctl {option}")


class Walls:
    """The seccomp filter of every run, ready to be loaded.

    Args:
        setup: the supervisor's first message: a byte that says whether programs have a uid of their own, then the
            filter as an array of ``struct sock_filter``.
    """

    def __init__(self, setup):
        self.program_id = PROGRAM_ID if setup[0] == 1 else 0
        self._filter = ctypes.create_string_buffer(setup[1:], len(setup) - 1)
        address = ctypes.addressof(self._filter)
        self._fprog = ctypes.create_string_buffer(struct.pack("@HP", (len(setup) - 1) // 8, address))
        self._no_capabilities = ctypes.create_string_buffer(bytes(24))
        self._capability_header = ctypes.create_string_buffer(struct.pack("<Ii", _CAPABILITY_VERSION_3, 0))

    def drop_identity(self):
        """Become nobody: no groups, a uid and gid of one's own, no capability in any set, never to gain any."""
        if self.program_id:
            os.setgroups([])
            os.setresgid(self.program_id, self.program_id, self.program_id)
            os.setresuid(self.program_id, self.program_id, self.program_id)
        _check(_libc.syscall(_SYS_CAPSET, self._capability_header, self._no_capabilities), "capset")
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _prctl(_PR_SET_DUMPABLE, 0)

    def load_filter(self):
        """Load the filter; return the descriptor on which the kernel reports the calls that it forbids."""
        flags = ctypes.c_ulong(_SECCOMP_FILTER_FLAG_NEW_LISTENER)
        return _check(_libc.syscall(_SYS_SECCOMP, _SECCOMP_SET_MODE_FILTER, flags, self._fprog), "seccomp")


def narrow_zygote():
    """Empty the bounding and ambient sets: capabilities the zygote holds can be lost from here on, never regained."""
    with open("/proc/sys/kernel/cap_last_cap") as last:
        for capability in range(int(last.read()) + 1):
            _prctl(_PR_CAPBSET_DROP, capability)
    zero = ctypes.c_ulong(0)
    _check(_libc.prctl(_PR_CAP_AMBIENT, ctypes.c_ulong(_PR_CAP_AMBIENT_CLEAR_ALL), zero, zero, zero), "ambient set")


def mount_box():
    """A fresh tmpfs: the only place of the run that can be written, limited in size and inodes, gone with the run."""
    _mount("tmpfs", BOX, 0, TMPFS_OPTIONS)


def mount_proc():
    """A /proc of the run's own pid namespace: read-only, processes only, and of those only the program's own."""
    _mount("proc", "/proc", _MS_RDONLY, PROC_OPTIONS)


def be_child(control, walls, compile_error):
    """Be the child of one run: lose everything, receive the job, become the program. Never returns."""
    try:
        os.setsid()
        init = os.pidfd_open(1)
        walls.drop_identity()
        for name in ("work", "tmp", "shm"):
            os.mkdir(f"{BOX}/{name}", 0o755)
        os.chdir(f"{BOX}/work")
        listener = walls.load_filter()
        socket.send_fds(control, [b"ready"], [init, listener])
        message, descriptors, _, _ = socket.recv_fds(control, JOB.size, 5)
        if not message:
            os._exit(0)
        program, stage, value = _keep_only(descriptors, compile_error)
        is_function = _limit(message)
        python_program.become(program, stage, value if is_function else None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


def _limit(message):
    cpu, file_size, open_files, processes, address_space, core, is_function = JOB.unpack(message)
    _lower(resource.RLIMIT_CPU, cpu)
    _lower(resource.RLIMIT_FSIZE, file_size)
    _lower(resource.RLIMIT_NOFILE, open_files)
    _lower(resource.RLIMIT_NPROC, processes)
    _lower(resource.RLIMIT_AS, address_space)
    _lower(resource.RLIMIT_CORE, core)
    _lower(resource.RLIMIT_MSGQUEUE, 0)
    _lower(resource.RLIMIT_MEMLOCK, 64 << 10)
    return is_function


def _lower(limit, value):
    _, hard = resource.getrlimit(limit)
    if hard == resource.RLIM_INFINITY or value < hard:
        resource.setrlimit(limit, (value, value))


def _keep_only(descriptors, compile_error):
    """Put stdin, stdout and stderr in their places and close all else: the control socket, the listener, everything."""
    program, stdin, stdout, stderr, value, stage = (
        fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _PARKED) for descriptor in (*descriptors, compile_error)
    )
    for number, descriptor in enumerate((stdin, stdout, stderr)):
        os.dup2(descriptor, number)
    os.closerange(3, _PARKED)
    return program, stage, value
