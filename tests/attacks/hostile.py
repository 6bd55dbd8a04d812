"""What hostile programs are written with, and how a test asks them what they got."""

from __future__ import annotations

import ast
import json
import os
import struct
from pathlib import Path
from typing import Any

from semi_instruct.engine import Status
from tests.attacks.conftest import Arena

_TABLE = Path(__file__).parents[2] / "seccomp" / "syscalls_x86_64.json"
NUMBERS: dict[str, int] = json.loads(_TABLE.read_text())["syscalls"]

# For the top of a hostile program. An error comes back as its name: "EPERM".
TOOLS = f"""
import ctypes, errno, mmap, os

NUMBERS = {NUMBERS!r}
libc = ctypes.CDLL(None, use_errno=True)

def call(which, *arguments):
    "Make a system call, by its name or number, without the C library's or Python's help."
    words = [each if isinstance(each, bytes) else ctypes.c_ulong(each) for each in arguments]
    result = libc.syscall(ctypes.c_long(NUMBERS.get(which, which)), *words)
    return errno.errorcode[ctypes.get_errno()] if result == -1 else result

def attempt(action, *arguments, **options):
    "Call a function of Python's."
    try:
        return action(*arguments, **options)
    except OSError as error:
        return errno.errorcode[error.errno]

def run_machine_code(code):
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    return ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()

def run_elf(image, *arguments):
    "Become a program that was never in any file system."
    file = os.memfd_create("dropped")
    os.write(file, image)
    os.execve(file, ["dropped", *arguments], {{}})
"""


# Functions more, for a program that has the tools.
SEARCH = r"""
import re

def stands_in_memory(first, second):
    "Whether first + second is anywhere in this process's memory. The program's own text holds only the halves."
    pattern = re.compile(re.escape(first) + b"[" + second[:1] + b"]" + re.escape(second[1:]))
    for line in open("/proc/self/maps"):
        span, permissions, *_, name = line.rstrip("\n").ljust(80).split(" ", 5)
        start, end = (int(each, 16) for each in span.split("-"))
        if permissions.startswith("r") and "[v" not in name:
            if pattern.search((ctypes.c_char * (end - start)).from_address(start)):
                return True
    return False
"""

CONNECT = """
import socket

def connect(family, kind, address):
    with socket.socket(family, kind) as own:
        own.settimeout(0.2)
        try:
            own.connect(address)
            own.send(b"from inside")
        except OSError as error:
            return errno.errorcode.get(error.errno, repr(error))
    return "connected"
"""

# Attacks that a test of the list survives, and that test_walls_bite.py lets succeed. Pairs are forbidden calls: the
# name and the arguments.
MOUNT = ("mount", "b'none', b'/tmp', b'tmpfs', 0, 0")
NEW_USER_NAMESPACE = ("unshare", "0x10000000")
IO_URING = "call('io_uring_setup', 8, bytes(120))"
SEGMENT_KEY = 0x5E310000 + os.getpid() % 0x10000  # two suites on one machine do not see each other's
SEGMENT = f"call('shmget', {SEGMENT_KEY}, 4096, 0o1600)"
INTERRUPT_INIT = "attempt(os.kill, 1, 2)"
OPEN_MEMORY_OF_INIT = "attempt(os.open, '/proc/1/mem', os.O_RDONLY)"
READ_USERS = "attempt(os.open, '/etc/passwd', os.O_RDONLY)"
SEE_INIT = "attempt(os.stat, '/proc/1/cmdline')"
SEE_MACHINE = "attempt(os.stat, '/proc/meminfo')"
SEE_GROUPS = "{line.rstrip().split(':')[2] for line in open('/proc/self/cgroup')}"
MAKE_DEVICE = "attempt(os.mknod, '/tmp/device', 0o020666, os.makedev(1, 3))"
# As the zygote says that all went well: a wait status of 0, and that init was there to the end.
REPORT = struct.pack("=8si148x96s", b"report  ", 0, b"1000 (python3) S 1 1 1 0 -1 0 ")
FORGE_REPORT = f"{{attempt(os.write, number, {REPORT!r}) for number in range(3, 256)}}"


def ask(arena: Arena, *expressions: str, setup: str = "", **options: Any) -> list[Any]:
    """What each expression gives inside the sandbox, in their order. The run has to end well.

    Args:
        setup: what the program does before.
        options: of ``Arena.attack``.
    """
    listed = ",\n".join(expressions)
    outcome = arena.attack(f"{TOOLS}\n{setup}\nprint([\n{listed}\n])", **options)
    assert outcome.status is Status.OK, outcome
    answers: list[Any] = ast.literal_eval(outcome.stdout.decode())
    return answers


def assert_forbidden(arena: Arena, name: str, arguments: str = "0, 0, 0, 0, 0, 0", setup: str = "") -> None:
    """The call is neither made nor answered: it is reported by its name, and it ends the run."""
    outcome = arena.attack(f"{TOOLS}\n{setup}\nprint('answered:', call({name!r}, {arguments}), flush=True)")
    assert (outcome.status, outcome.detail, outcome.stdout) == (Status.FORBIDDEN_SYSCALL, name, b""), outcome


def elf64(code: bytes) -> bytes:
    """A static x86_64 program of nothing but this machine code."""
    return _elf(code, "<16sHHIQQQIHHHHHH", "<IIQQQQQQ", 2, 62, 0x400000)


def elf32(code: bytes) -> bytes:
    """A static i386 program of nothing but this machine code."""
    return _elf(code, "<16sHHIIIIIHHHHHH", "<IIIIIIII", 1, 3, 0x400000)


def _elf(code: bytes, header: str, segment: str, word: int, machine: int, base: int) -> bytes:
    """The ELF header (elf(5)), one segment that loads the whole file, and the code."""
    before = struct.calcsize(header) + struct.calcsize(segment)
    identity = b"\x7fELF" + bytes((word, 1, 1))
    sizes = (struct.calcsize(header), struct.calcsize(segment), 1, 0, 0, 0)
    whole, readable_executable = before + len(code), 5
    if word == 2:
        loaded = struct.pack(segment, 1, readable_executable, 0, base, base, whole, whole, 0x1000)
    else:
        loaded = struct.pack(segment, 1, 0, base, base, whole, whole, readable_executable, 0x1000)
    start = struct.pack(header, identity, 2, machine, 1, base + before, struct.calcsize(header), 0, 0, *sizes)
    return start + loaded + code
