"""Programs that make the kernel allocate behind allowed calls, or change state that the whole host shares.

Sections I and J of the list of attacks, made small. Each goes on whatever it is refused, and says nothing: that it was
survived is seen in its status, in the memory of the host and in what other engines on the machine notice.
"""

from __future__ import annotations

from semi_instruct.engine import Status

_TOOLS = """
import ctypes, errno, fcntl, mmap, os, select, signal, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
kept = []
def attempt(action, *arguments):
    try: return action(*arguments)
    except (OSError, ValueError, OverflowError): return None
def all_sockets(family, kind):
    while len(kept) < 24:
        made = attempt(socket.socket, family, kind)
        if made is None: break
        kept.append(made)
    return kept
"""
_ACL = """
def entry(tag, who): return struct.pack("<HHI", tag, 7, who)
acl = struct.pack("<I", 2) + entry(1, 0xffffffff) + entry(2, 1000) * 8000
acl += entry(4, 0xffffffff) + entry(16, 0xffffffff) + entry(32, 0xffffffff)
names = ("system.posix_acl_access", "system.posix_acl_default", "security.x", "trusted.x", "user.x")
"""
_SHARED = """
shared = os.memfd_create("shared")
os.ftruncate(shared, SIZE)
for offset in range(0, SIZE, 1 << 20): os.pwrite(shared, b"x" * (1 << 20), offset)
"""
_OK = frozenset({Status.OK})

# The source, and how it may end.
ATTACKS: dict[str, tuple[str, frozenset[Status]]] = {
    "ipv6 sticky options": (
        """
options = bytes([0, 255]) + bytes([1, 253, *bytes(253)]) * 8
for each in all_sockets(socket.AF_INET6, socket.SOCK_DGRAM):
    for option in (54, 55, 57, 59): attempt(each.setsockopt, 41, option, options[:2048])
    attempt(each.setsockopt, 41, 6, bytes(50 << 10))
    attempt(each.setsockopt, 41, 20, bytes(15) + bytes([1]) + bytes(4))
    attempt(each.setsockopt, 41, 27, bytes(15) + bytes([1]) + bytes(4))
""",
        _OK,
    ),
    "ipv4 options": (
        """
for each in all_sockets(socket.AF_INET, socket.SOCK_DGRAM):
    attempt(each.setsockopt, 0, 4, bytes([1]) * 40)
    for group in range(20): attempt(each.setsockopt, 0, 35, struct.pack("=4sII", bytes([224, 1, 1, group]), 0, 0))
    for option in (32, 33): attempt(each.setsockopt, socket.SOL_SOCKET, option, 1 << 28)
    for option in (37, 60, 65): attempt(each.setsockopt, socket.SOL_SOCKET, option, 0x7f)
""",
        _OK,
    ),
    "acls on files": (
        _ACL
        + """
for number in range(60):
    path = f"/tmp/{number}"
    os.mkdir(path)
    for name in names: attempt(os.setxattr, path, name, acl)
""",
        _OK,
    ),
    "acls on mapped memfds": (
        _ACL
        + """
for number in range(60):
    file = os.memfd_create("x")
    os.ftruncate(file, 4096)
    for name in names: attempt(os.setxattr, file, name, acl)
    libc.mmap(0, 4096, 3, mmap.MAP_SHARED, file, 0)
    os.close(file)
""",
        _OK,
    ),
    "socket filters": (
        """
code = ctypes.create_string_buffer(struct.pack("<HBBI", 0, 0, 0, 1) * 4095 + struct.pack("<HBBI", 6, 0, 0, 0))
program = struct.pack("@HP", 4096, ctypes.addressof(code))
for each in all_sockets(socket.AF_INET, socket.SOCK_DGRAM):
    for option in (26, 50, 51, 52): attempt(each.setsockopt, socket.SOL_SOCKET, option, program)
""",
        _OK,
    ),
    "flow labels": (
        """
for each in all_sockets(socket.AF_INET6, socket.SOCK_DGRAM):
    for label in range(40):
        request = bytes(15) + bytes([1]) + struct.pack("!I", 0) + struct.pack("=BBHHHI", 0, 255, 1, 300, 300, 0)
        attempt(each.setsockopt, 41, 32, request)
""",
        _OK,
    ),
    "protocols": (
        """
for family in (socket.AF_INET, socket.AF_INET6):
    for protocol in range(263):
        for kind in (1, 2, 3, 5, 6):
            made = attempt(socket.socket, family, kind, protocol)
            if made is not None: made.close()
""",
        frozenset({Status.OK, Status.TIME_LIMIT}),
    ),
    "descriptors of every kind": (
        """
def nest():
    outer = inner = select.epoll()
    while True:
        kept.append(inner)
        outer = select.epoll()
        attempt(outer.register, inner, select.EPOLLIN)
        inner = outer
def many(make):
    while True: kept.append(make())
def pipe():
    ends = os.pipe()
    attempt(fcntl.fcntl, ends[1], 1031, 1 << 20)
    os.set_blocking(ends[1], False)
    while attempt(os.write, ends[1], bytes(1 << 16)): pass
kinds = (nest, lambda: many(lambda: libc.eventfd(0, 0) < 0 and os.dup(0)), lambda: many(pipe),
    lambda: many(lambda: libc.timerfd_create(1, 0) < 0 and os.dup(0)), lambda: many(socket.socketpair))
children = []
for make in kinds:
    children.append(os.fork())
    if children[-1] == 0:
        attempt(make)
        os._exit(0)
for child in children: os.waitpid(child, 0)
""",
        frozenset({Status.OK, Status.MEMORY_LIMIT, Status.TIME_LIMIT}),
    ),
    "page tables": (
        """
sparse = mmap.mmap(-1, 1 << 36, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
for offset in range(0, 1 << 36, 2 << 20): sparse[offset] = 1
""",
        frozenset({Status.MEMORY_LIMIT}),
    ),
    "many mappings of a page": (
        """
page = os.memfd_create("page")
os.ftruncate(page, 4096)
for _ in range(3000): ctypes.memset(libc.mmap(0, 4096, 3, mmap.MAP_SHARED, page, 0), 1, 1)
""",
        frozenset({Status.OK, Status.MEMORY_LIMIT, Status.TIME_LIMIT}),
    ),
    "timers and queued signals": (
        """
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
timer, value = ctypes.c_int(), ctypes.c_void_p(1)
for _ in range(5000):
    if libc.syscall(222, 1, 0, ctypes.byref(timer)) != 0: break
for _ in range(5000):
    if libc.sigqueue(os.getpid(), 40, value) != 0: break
""",
        _OK,
    ),
    "locks": (
        """
file = open("/tmp/locked", "w+")
for offset in range(0, 8000, 2): attempt(fcntl.lockf, file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
shared = open(os.__file__)
for kind in (fcntl.F_RDLCK, fcntl.F_WRLCK): attempt(fcntl.fcntl, shared, fcntl.F_SETLEASE, kind)
attempt(fcntl.flock, shared, fcntl.LOCK_SH | fcntl.LOCK_NB)
""",
        _OK,
    ),
    "names that are not there": (
        """
folders = (os.path.dirname(os.__file__), "/tmp", "/opt/engine", "/lib")
for number in range(5000): attempt(os.stat, f"{folders[number % 4]}/{number:0100}")
""",
        _OK,
    ),
    "flushes": (
        """
shared = os.open(os.__file__, os.O_RDONLY)
own = os.open("/tmp/own", os.O_CREAT | os.O_RDWR)
for _ in range(20):
    attempt(os.write, own, bytes(4096))
    for each in (shared, own):
        attempt(os.fsync, each), attempt(os.fdatasync, each), libc.syncfs(each), libc.sync_file_range(each, 0, 0, 7)
        for advice in range(6): attempt(os.posix_fadvise, each, 0, 0, advice)
    os.sync()
""",
        _OK,
    ),
    "a long teardown": (
        "SIZE = 8 << 20" + _SHARED + "for _ in range(300): libc.mmap(0, SIZE, 3, 0x8001, shared, 0)\nos._exit(0)",
        frozenset({Status.OK, Status.TIME_LIMIT, Status.MEMORY_LIMIT}),
    ),
    "a memfd mapped many times": (
        "SIZE = 12 << 20" + _SHARED + "for _ in range(12): libc.mmap(0, SIZE, 3, 0x8001, shared, 0)",
        frozenset({Status.OK, Status.TIME_LIMIT}),
    ),
}


def source(name: str) -> str:
    """The whole program of that name."""
    return _TOOLS + ATTACKS[name][0]
