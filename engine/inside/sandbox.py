"""The inner walls of a run: its mounts, its identity, its limits and its seccomp filter.

Every program goes through ``be_child``. Read it from top to bottom: each line removes a privilege, and the program is
read on the second to last line. Sources: mount(2), capabilities(7), seccomp(2), seccomp_unotify(2), proc(5), tmpfs(5).
"""

import ctypes
import os
import resource
import signal
import socket
import struct
import sys

import python_program
import varied
import wire

PROGRAM_ID = 1000  # uid and gid of every program inside the jail; mapped to an unused id outside
TMPFS_OPTIONS = b"size=64m,nr_inodes=4096,mode=0777"
PROC_OPTIONS = b"subset=pid,hidepid=2"

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8  # mount_setattr(2) has the same values
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 4, 24, 38, 47, 4
_SYS_PAUSE, _SYS_CAPSET, _SYS_SECCOMP = 34, 126, 317  # x86_64, the only architecture of the policies
_SYS_MOUNT_SETATTR = 442
_CLONE_VM, _CLONE_NEWPID = 0x00000100, 0x20000000
_CAPABILITY_VERSION_3 = 0x20080522
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_NEW_LISTENER = 1, 8
_SIG_DFL, _SIG_IGN = 0, 1
_INIT_STACK = 1 << 16

# PyDLL keeps the GIL: there is only one thread, and reacquiring the GIL costs page faults.
_libc = ctypes.PyDLL(None, use_errno=True)


def _check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _prctl(option, argument=0):
    _check(_libc.prctl(option, ctypes.c_ulong(argument), _ZERO, _ZERO, _ZERO), f"prctl {option}")


_ZERO = ctypes.c_ulong(0)
_LIMITS = (
    resource.RLIMIT_CPU,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_NPROC,
    resource.RLIMIT_AS,
)


def fork():
    """Fork without the additional work of ``os.fork``.

    That work is for interpreters with threads, locks and buffers, and for modules that register for it. Here there is
    only one thread, which always holds the GIL, and ``random`` is seeded afterwards.
    """
    return _check(_libc.fork(), "fork")


def seal_mounts():
    """Make every mount of the jail read-only, without devices or set-uid files; once, before any run.

    A bind mount includes the mounts beneath it, each with its own flags, which nsjail does not change. The zygote needs
    to write to /proc; each run has its own.
    """
    _set_mount_flags(b"/", on=_MS_RDONLY | _MS_NOSUID | _MS_NODEV)
    _set_mount_flags(b"/dev", off=_MS_NODEV)
    _set_mount_flags(b"/proc", off=_MS_RDONLY)


def _set_mount_flags(path, on=0, off=0):
    attributes = struct.pack("<4Q", on, off, 0, 0)
    size = ctypes.c_size_t(len(attributes))
    done = _libc.syscall(_SYS_MOUNT_SETATTR, _AT_FDCWD, path, _AT_RECURSIVE, attributes, size)
    _check(done, f"mount_setattr on {path.decode()}")


class Walls:
    """The walls of every run, with their arguments prepared once.

    Args:
        setup: the supervisor's first message: ``wire.SETUP``, the outer, the inner and the last filter.
    """

    def __init__(self, setup):
        outer, inner = wire.SETUP.unpack_from(setup)
        filters = setup[wire.SETUP.size :]
        self._outer_filter = _Filter(filters[:outer], 0)
        self._inner_filter = _Filter(filters[outer : outer + inner], _SECCOMP_FILTER_FLAG_NEW_LISTENER)
        self._last_filter = _Filter(filters[outer + inner :], 0)
        self._no_capabilities = ctypes.create_string_buffer(bytes(24))
        self._capability_header = ctypes.create_string_buffer(struct.pack("<Ii", _CAPABILITY_VERSION_3, 0))
        self._report = (ctypes.c_ubyte * wire.REPORT.size)(*wire.REPORT_KIND)
        report = ctypes.addressof(self._report)
        fields = (report + wire.REPORT_STATUS, report + wire.REPORT_USAGE, report + wire.REPORT_STAT)
        self._report_status, self._usage, self._init_stat = map(ctypes.c_void_p, fields)
        self._init_stat_path = ctypes.create_string_buffer(32)
        self._read_stat(1)  # ctypes caches its lookups; let it do so here and not after some run
        self._no_signals = ctypes.create_string_buffer(128)  # sigset_t
        self._init_stack = ctypes.create_string_buffer(_INIT_STACK)
        self._init_stack_top = ctypes.c_void_p((ctypes.addressof(self._init_stack) + _INIT_STACK) & ~15)
        self._init_flags = _CLONE_VM | _CLONE_NEWPID | signal.SIGCHLD
        self._hard_limits = tuple((limit, resource.getrlimit(limit)[1]) for limit in _LIMITS)
        common = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
        self._box_flags, self._proc_flags = ctypes.c_ulong(common), ctypes.c_ulong(common | _MS_RDONLY)

    def narrow_zygote(self):
        """Set up what is the same for every run: no way to gain privileges, no core files, all signals except SIGKILL
        blocked for the zygote and init, and the outer filter, on which the inner one is stacked later.

        The core limit is one byte instead of zero, because this also disables pipe handlers (core(5)).
        """
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        with open("/proc/sys/kernel/cap_last_cap") as last:
            for capability in range(int(last.read()) + 1):
                _prctl(_PR_CAPBSET_DROP, capability)
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
        for limit, value in (
            (resource.RLIMIT_CORE, 1),
            (resource.RLIMIT_MSGQUEUE, 0),
            (resource.RLIMIT_MEMLOCK, 1 << 16),
        ):
            _lower(limit, value, resource.getrlimit(limit)[1])
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self._outer_filter.load()

    def start_init(self):
        """Start pid 1 of a new pid namespace. It shares the zygote's memory, calls pause(2) on a separate stack, and
        ignores SIGCHLD, so that the kernel reaps for it (clone(2), wait(2) on SIG_IGN, pid_namespaces(7)).
        """
        _libc.signal(signal.SIGCHLD, ctypes.c_void_p(_SIG_IGN))
        init = _libc.clone(_libc.syscall, self._init_stack_top, self._init_flags, ctypes.c_void_p(_SYS_PAUSE))
        _libc.signal(signal.SIGCHLD, ctypes.c_void_p(_SIG_DFL))
        return _check(init, "clone")

    def end(self, child, init, control):
        """End a run whose child has ended: reap it, kill init and so all remaining processes, reap init, and report.

        If the child died by SIGKILL, init may have been killed first, and then the child's end says nothing about the
        program. So the report contains the state of init at that moment (proc(5), /proc/pid/stat).
        """
        _check(_libc.wait4(child, self._report_status, 0, self._usage), "wait4")
        # Create no object that persists: the zygote's heap, and so that of the next run, must not depend on this run.
        if self._report[wire.REPORT_STATUS] == signal.SIGKILL:
            self._read_stat(init)
        _libc.kill(init, signal.SIGKILL)
        while _check(_libc.waitpid(-1, None, 0), "waitpid") != init:
            pass
        _check(_libc.write(control, self._report, wire.REPORT.size), "report")

    def unblock_signals(self):
        """Unblock all signals for the program. (signal.pthread_sigmask would create an enum member for each.)"""
        _check(_libc.sigprocmask(signal.SIG_SETMASK, self._no_signals, None), "sigprocmask")

    def _read_stat(self, process):
        _libc.snprintf(self._init_stat_path, len(self._init_stat_path), b"/proc/%d/stat", process)
        stat = _check(_libc.open(self._init_stat_path, os.O_RDONLY), "open")
        _check(_libc.read(stat, self._init_stat, wire.STAT_SIZE), "read")
        _libc.close(stat)

    def prefer_as_oom_victim(self):
        """Make the kernel's out-of-memory killer choose the program, and never init or the zygote in the same group."""
        score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(score, b"1000")
        os.close(score)

    def mount_box(self):
        """Mount a new tmpfs, the only writable folder of the run, with limited size and inodes."""
        _check(_libc.mount(b"tmpfs", b"/box", b"tmpfs", self._box_flags, TMPFS_OPTIONS), "mount tmpfs on /box")

    def mount_proc(self):
        """Mount /proc of the run's pid namespace: read-only, without files other than processes of the program."""
        _check(_libc.mount(b"proc", b"/proc", b"proc", self._proc_flags, PROC_OPTIONS), "mount proc on /proc")

    def drop_identity(self):
        """Switch to the program's uid and gid, without groups and without capabilities in any set."""
        os.setgroups([])
        os.setresgid(PROGRAM_ID, PROGRAM_ID, PROGRAM_ID)
        os.setresuid(PROGRAM_ID, PROGRAM_ID, PROGRAM_ID)
        _check(_libc.syscall(_SYS_CAPSET, self._capability_header, self._no_capabilities), "capset")
        _prctl(_PR_SET_DUMPABLE, 0)

    def limit(self, *values):
        """Set the run's rlimits (getrlimit(2)), in the order of ``_LIMITS``; 0 leaves one unchanged."""
        for (limit, hard), value in zip(self._hard_limits, values, strict=True):
            if value:
                _lower(limit, value, hard)

    def load_filter(self):
        """Load the filter and return the descriptor on which the kernel reports forbidden calls."""
        return self._inner_filter.load()

    def seal(self):
        """Forbid the calls that were needed to send the descriptor of ``load_filter``."""
        self._last_filter.load()


class _Filter:
    """A seccomp filter: its array of ``struct sock_filter`` and its load flags."""

    def __init__(self, instructions, flags):
        self._instructions = ctypes.create_string_buffer(instructions, len(instructions))
        address = ctypes.addressof(self._instructions)
        self._fprog = ctypes.create_string_buffer(struct.pack("@HP", len(instructions) // 8, address))
        self._flags = ctypes.c_ulong(flags)

    def load(self):
        return _check(_libc.syscall(_SYS_SECCOMP, _SECCOMP_SET_MODE_FILTER, self._flags, self._fprog), "seccomp")


def be_child(control, walls, cores, init):
    """The child of a run: set up the walls, drop all privileges, receive the job, become the program. Never returns."""
    try:
        walls.unblock_signals()
        os.setsid()
        os.unshare(os.CLONE_NEWNS | os.CLONE_NEWIPC)
        walls.prefer_as_oom_victim()
        walls.mount_box()
        walls.mount_proc()
        walls.drop_identity()
        os.mkdir("/box/work", 0o755)
        os.mkdir("/box/tmp", 0o755)
        os.mkdir("/box/shm", 0o755)
        os.chdir("/box/work")
        stage, stage_end = os.pipe()
        listener = walls.load_filter()
        socket.send_fds(control, [wire.READY], [init, listener, stage])
        walls.seal()
        message, descriptors, _, _ = socket.recv_fds(control, wire.JOB.size, 5)
        if not message:
            os._exit(0)
        os.write(stage_end, wire.HAS_JOB)
        program, stdin, stdout, stderr, value = descriptors
        os.dup2(stdin, 0)
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        _close_all_but(program, stage_end, value)
        *limits, entry, arguments, source, is_function, is_varied, clock = wire.JOB.unpack(message)
        lengths = (entry, arguments, source)
        python_program.write_source(program, lengths)
        walls.limit(*limits)
        os.sched_setaffinity(0, cores)
        become = varied.start_over if is_varied else python_program.become
        become(program, lengths, stage_end, value if is_function else None, clock)
    except BaseException:  # a copy of the zygote must not return into its loop
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


def _close_all_but(*kept):
    """Close every descriptor except 0, 1, 2 and these, including the control socket, the listener and init's pidfd."""
    first = 3
    for descriptor in sorted(kept):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, 1 << 30)


def _lower(limit, value, hard):
    if hard == resource.RLIM_INFINITY or value < hard:
        resource.setrlimit(limit, (value, value))
