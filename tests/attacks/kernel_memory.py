"""Programs after memory of the kernel's, for the tests of section I and for those that take a wall away.

Each prints what it was answered, as names of errors and counts. How much the host's kernel grows meanwhile is measured
from outside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from semi_instruct.engine import Outcome
from semi_instruct.engine.limits import MIB
from tests.attacks.hostile import TOOLS

NOISE = 48 * MIB
"""What the rest of a busy machine may add to its kernel's memory while an attack runs."""
_UNRECLAIMABLE = ("SUnreclaim", "Percpu", "VmallocUsed", "PageTables", "KernelStack")
_LOOK_SECONDS = 0.02

# For the top of a program that works in many processes at once and holds what it got until all have it.
CHILDREN = f"""{TOOLS}
import collections, struct, sys, time

def in_children(count, work):
    "What work(number) gives in each child, all alive until the last is done."
    read, write = os.pipe()
    hold, release = os.pipe()
    for number in range(count):
        if attempt(os.fork) == 0:
            os.close(release)
            try: said = work(number)
            except BaseException as error: said = repr(error)
            os.write(write, (str(said) + "\\n").encode())
            os.read(hold, 1)
            os._exit(0)
    os.close(write)
    time.sleep(0)
    lines = open(read)
    answers = [next(lines).strip() for _ in range(count)]
    time.sleep(0.2)  # for the one who looks from outside
    os.close(release)
    return answers

def until_refused(make, most=10**6):
    "Call it until it gives the name of an error; how often it did not, and that name."
    kept = []
    while len(kept) < most:
        made = make()
        if isinstance(made, str): return len(kept), made
        kept.append(made)
    return len(kept), ""
"""

# IPV6_2292PKTOPTIONS keeps what it is given with the socket, up to net.core.optmem_max, whatever protocol the control
# message in it is for.
STICKY_OPTIONS = f"""{CHILDREN}
import socket
message = struct.pack("Qii", 50_000, 0, 0) + bytes(50_000 - 16)

def work(number):
    sockets, answers = [], collections.Counter()
    while isinstance(own := attempt(socket.socket, socket.AF_INET6, socket.SOCK_DGRAM), socket.socket):
        answers[str(attempt(own.setsockopt, socket.IPPROTO_IPV6, 6, message))] += 1
        sockets.append(own)
    globals()["kept", number] = sockets
    return sorted(answers)

print(set(in_children(24, work)))
"""

# A valid ACL: its owner, one user many times, group, mask, others; struct posix_acl_xattr_entry.
ACL = """
import struct
ACL = struct.pack("<I", 2) + struct.pack("<HHI", 1, 6, 0xFFFFFFFF) + struct.pack("<HHI", 2, 6, 1000) * 8000
ACL += b"".join(struct.pack("<HHI", tag, 6, 0xFFFFFFFF) for tag in (4, 16, 32))
"""

ACCESS_CONTROL_LISTS = f"""{CHILDREN}{ACL}
answers = collections.Counter()
for number in range(2200):
    path = f"/tmp/{{number}}"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    answers[str(attempt(os.setxattr, path, "system.posix_acl_access", ACL))] += 1
time.sleep(0.2)
print(sorted(answers))
"""

ATTRIBUTES_OF_MAPPINGS = f"""{CHILDREN}{ACL}
answers = collections.Counter()
for number in range(4000):
    file = os.memfd_create("x")
    os.ftruncate(file, 4096)
    answers[str(attempt(os.setxattr, file, "system.posix_acl_access", ACL))] += 1
    libc.mmap(None, ctypes.c_size_t(4096), 3, 1, file, ctypes.c_long(0))
    os.close(file)
time.sleep(0.2)
print(sorted(answers))
"""

SOCKET_FILTERS = f"""{CHILDREN}
import socket
code = ctypes.create_string_buffer(struct.pack("=HBBI", 0x04, 0, 0, 1) * 4000 + struct.pack("=HBBI", 0x06, 0, 0, 0))
program = struct.pack("@HP", 4001, ctypes.addressof(code))

def work(number):
    sockets, answers = [], set()
    while isinstance(own := attempt(socket.socket, socket.AF_INET, socket.SOCK_DGRAM), socket.socket):
        for option, value in ((26, program), (51, program), (50, struct.pack("i", 0)), (52, struct.pack("i", 0))):
            answers.add(str(attempt(own.setsockopt, socket.SOL_SOCKET, option, value)))
        sockets.append(own)
    globals()["kept", number] = sockets
    return sorted(answers)

print(set(in_children(24, work)))
"""

_FLOW_LABEL = """
import socket
def ask_for_label(own, linger=6):
    "IPV6_FL_A_GET with IPV6_FL_F_CREATE, shared by none (struct in6_flowlabel_req)."
    request = struct.pack("16sIBBHHHI", bytes(15) + b"\\1", 0, 0, 1, 1, 30, linger, 0)
    return attempt(own.setsockopt, socket.IPPROTO_IPV6, 32, request)
"""

FLOW_LABELS = f"""{CHILDREN}{_FLOW_LABEL}
answers = collections.Counter()
for _ in range(200):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as own:
        for _ in range(32): answers[str(ask_for_label(own))] += 1
print(sorted(answers))
"""

READ_FLOW_LABELS = "print(open('/proc/self/net/ip6_flowlabel').read().splitlines()[1:])"

DESCRIPTORS_OF_EVERY_KIND = f"""{CHILDREN}
import select, socket
def nest():
    "An epoll that watches the newest one, five deep."
    new = attempt(select.epoll)
    if not isinstance(new, str) and nested[-4:]: attempt(new.register, nested[-1], select.EPOLLIN)
    nested.append(new)
    return new
nested = []
KINDS = [
    nest,
    lambda: attempt(os.eventfd, 1),
    lambda: call("timerfd_create", 1, 0),
    lambda: call("signalfd4", -1 & 0xFFFFFFFF, bytes(8), 8, 0),
    lambda: attempt(os.pidfd_open, os.getpid()),
    lambda: attempt(os.pipe),
    lambda: attempt(os.memfd_create, "x"),
    lambda: attempt(socket.socketpair),
    lambda: attempt(bound),
    lambda: attempt(os.open, "/proc/self/maps", os.O_RDONLY),
]
def bound():
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    own.bind(("", 0))
    return own
def work(number):
    held = until_refused(KINDS[number % len(KINDS)])
    globals()["kept", number] = held
    return held[1]
print(set(in_children(40, work)))
"""

SPARSE_MAPPING = f"""{CHILDREN}
libc.mmap.restype = ctypes.c_void_p
start = libc.mmap(None, ctypes.c_size_t(1 << 40), 1, 0x4022, -1, 0)  # PROT_READ, MAP_NORESERVE
for offset in range(0, 1 << 40, 1 << 21): ctypes.c_byte.from_address(start + offset).value
print("touched")
"""

MANY_MAPPINGS_OF_ONE_PAGE = f"""{CHILDREN}
def work(number):
    libc.mmap.restype = ctypes.c_void_p
    file, made = os.memfd_create("x"), 0
    os.ftruncate(file, 1 << 21)
    while made < 20_000:
        at = libc.mmap(None, ctypes.c_size_t(4096), 3, 1, file, ctypes.c_long(made % 2 << 12))
        if at in (None, 2**64 - 1): break
        ctypes.c_byte.from_address(at).value = 1
        made += 1
    return made > 10_000
print(set(in_children(32, work)))
"""

TIMERS_AND_SIGNALS = f"""{CHILDREN}
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
room = ctypes.create_string_buffer(8)
def work(number):
    timers = until_refused(lambda: call("timer_create", 1, 0, ctypes.addressof(room)))
    details = struct.pack("iii", 0, 0, -1) + bytes(116)
    signals = until_refused(lambda: call("rt_sigqueueinfo", os.getpid(), signal.SIGRTMIN, details))
    return timers[1], signals[1]
print(set(in_children(2, work)))
"""

RECORD_LOCKS = f"""{CHILDREN}
import fcntl
def work(number):
    answers = collections.Counter()
    for file in [os.memfd_create("x") for _ in range(200)]:
        for place in range(200):
            lock = struct.pack("hhqqi4x", place % 2, 0, 2 * place, 1, 0)
            answers[libc.fcntl(file, COMMAND, lock) and errno.errorcode[ctypes.get_errno()]] += 1
            if answers["ENOLCK"] or answers["EINVAL"]: return sorted(map(str, answers))
    return sorted(map(str, answers))
print(set(in_children(14, work)))
"""

NAMES_THAT_ARE_NOT_THERE = f"""{CHILDREN}
folders = [os.path.dirname(os.__file__), "/usr/lib", "/tmp", "/dev", "/box/work"]
tried = 0
while time.process_time() < SECONDS:
    for folder in folders:
        attempt(os.stat, f"{{folder}}/{{tried:0200}}")
        tried += 1
print(tried > 10_000)
"""


def _unreclaimable() -> int:
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return sum(int(size) << 10 for name, size, *_ in lines if name.rstrip(":") in _UNRECLAIMABLE)


def growth(attack: Callable[[], Outcome], bound: int, tries: int = 3) -> tuple[Outcome, int]:
    """Run an attack; its outcome, and the bytes by which the kernel's own memory grew at most meanwhile.

    What the rest of the machine does counts, too. So an attack with more than ``bound`` is tried again, and the least
    of all growths is given: that of an attack that takes memory is the same each time.
    """
    least = 0
    for attempt in range(tries):
        outcome, grown = _watched(attack)
        least = grown if attempt == 0 else min(least, grown)
        if least <= bound:
            break
    return outcome, least


def _watched(attack: Callable[[], Outcome]) -> tuple[Outcome, int]:
    before = highest = _unreclaimable()
    over = threading.Event()

    def watch() -> None:
        nonlocal highest
        while not over.wait(_LOOK_SECONDS):
            highest = max(highest, _unreclaimable())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        outcome = attack()
    finally:
        over.set()
        watcher.join()
    return outcome, highest - before
